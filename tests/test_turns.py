"""Between two slices of a relist others get their turn: another informer's event is through after some slices, always.

What is counted is how many objects of the one informer are handled while an event of the other goes its whole way, from
the server's bytes to the consumer. No clock is involved, so no machine is too slow for it.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aioinformer import burst, packing
from aioinformer.applier import Applier, Part
from aioinformer.batches import Batch, Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage
from aioinformer.events import Updated
from aioinformer.fanout import Fanout
from aioinformer.objects import Record
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription
from tests.pod_server import Mirroring, PodServer
from tests.scripted_source import Run, bookmark, event, page, thing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

pytestmark = pytest.mark.looptime

OBJECTS = 6_000
TURNS = 8
"""Turns of the loop that an event may take on its way through an informer."""
DECODED, PACKED, COMPARED = 64, 64, 500
"""Objects of a slice: a millisecond's worth of each kind of work."""


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """Packing is one of the things that take turns here; each test says itself whether there is any."""


class Count:
    """Objects handled so far."""

    def __init__(self) -> None:
        self.handled = 0


class Counted:
    """A record that counts how often its version is looked at, which everything does, and that it is let go of."""

    labels: ClassVar[dict[str, str]] = {}
    raw = b"{}"
    namespace = "n"

    def __init__(self, count: Count, number: int, version: int) -> None:
        self.key = f"n/{number}"
        self.uid = str(number)
        self._version = str(version)
        self._count = count

    @property
    def resource_version(self) -> str:
        self._count.handled += 1
        return self._version

    def __del__(self) -> None:
        self._count.handled += 1


@asynccontextmanager
async def passing(handled: Callable[[], int]) -> AsyncGenerator[list[int]]:
    """How much is handled while each of the other informer's events goes its way, one event after another."""
    server, meanwhile = PodServer("clock"), list[int]()

    async def follow() -> None:
        while True:
            before = handled()
            server.put("clock")
            while not isinstance(await anext(events), Updated):
                pass
            meanwhile.append(handled() - before)

    async with Mirroring(server) as informer, informer.events(replay=False) as events:
        following = asyncio.create_task(follow())
        yield meanwhile
        following.cancel()
        await asyncio.wait([following])


def check(meanwhile: list[int], total: int, slice_size: int, looks: int = 1) -> None:
    """At no time more than some slices, of however many there were; ``looks``: how often each object is counted."""
    assert max(meanwhile) <= TURNS * slice_size * looks
    assert sum(meanwhile) >= total * 0.9, "or else the other informer was not there"
    assert len(meanwhile) >= total / (TURNS * slice_size * looks)


def items(batches: Iterable[Batch]) -> int:
    return sum(len(batch.items) for batch in batches if isinstance(batch, SnapshotPage | Deltas))


THINGS = [thing(str(number), 1) for number in range(OBJECTS)]
EVENTS = b"".join(event("ADDED", each["metadata"]["name"], 1) for each in THINGS)
SPACED = json.dumps(json.loads(page(*THINGS)), indent=1).encode()
WAYS = {
    "a list": ("consistent", page(*THINGS)),
    "a list that is not cut while it arrives": ("consistent", SPACED),
    "a stream": ("stream", EVENTS + bookmark(10, end=True)),
    "a watch": ("stream", bookmark(10, end=True) + EVENTS),
}


@pytest.mark.parametrize("way", WAYS)
async def test_reading_takes_turns_even_if_everything_comes_in_one_chunk(way: str) -> None:
    initial_list, body = WAYS[way]
    run: Run | None = None

    def handled() -> int:
        return items(run.queue._queue) if run is not None else 0  # type: ignore[attr-defined]  # nobody takes

    async with passing(handled) as meanwhile:
        run = Run([body], initial_list=initial_list)  # type: ignore[arg-type]  # one of its words
        while handled() < OBJECTS:  # noqa: ASYNC110  # turns are what is counted
            await asyncio.sleep(0)
    await run.stop()
    check(meanwhile, OBJECTS, DECODED)


class Cache:
    """A store that an applier fills from a queue, with a subscriber that takes nothing."""

    def __init__(self, storage: Any = "plain") -> None:
        self.count = Count()
        self.store = Store(storage=storage)
        self.queue: asyncio.Queue[tuple[Part, Batch]] = asyncio.Queue()
        self.part = Part()
        self.fanout = Fanout()
        self.fanout.run()
        terms = Terms(Scope(None, LabelSelector.parse("")), replay=False, max_pending=10 * OBJECTS)
        self.events = Subscription(self.store, lambda record: record, terms)
        self.fanout.attach(self.events, "")
        self.applied = asyncio.Event()
        self.applier = Applier(self.store, self.fanout, self._changed, self._committed)

    def _committed(self) -> None:
        self.fanout.synced(self.store.resource_version)

    def put(self, batch: Batch) -> None:
        """Put a batch on the queue."""
        self.queue.put_nowait((self.part, batch))

    def _changed(self) -> None:
        if self.queue.empty():
            self.applied.set()

    def list(self, version: int, numbers: Iterable[int]) -> None:
        """Put a whole snapshot on the queue, in pages as the reflector makes them."""
        self.put(SnapshotBegin())
        self.pages(version, numbers)
        self.put(SnapshotCommit(str(version)))

    def pages(self, version: int, numbers: Iterable[int]) -> None:
        """Put objects of a snapshot on the queue."""
        numbers = list(numbers)
        for start in range(0, len(numbers), DECODED):
            records: Any = [Counted(self.count, number, version) for number in numbers[start : start + DECODED]]
            self.put(SnapshotPage([Delta(False, each) for each in records]))

    async def apply(self) -> None:
        """Return when the queue has been emptied."""
        self.applied.clear()
        running = asyncio.create_task(self.applier.run(self.queue))
        await self.applied.wait()
        running.cancel()
        await asyncio.wait([running])


RELISTS = {
    "unchanged": (1, range(OBJECTS), 0),
    "all changed": (2, range(OBJECTS), OBJECTS),
    "all gone": (2, range(0), OBJECTS),
    "all others": (2, range(OBJECTS, 2 * OBJECTS), 2 * OBJECTS),
}


@pytest.mark.parametrize("relist", RELISTS)
async def test_taking_a_relist_in_takes_turns(relist: str) -> None:
    """Staging, comparing, delivering, and letting go of what was."""
    version, numbers, changes = RELISTS[relist]
    cache = Cache()
    cache.list(1, range(OBJECTS))
    await cache.apply()
    await anext(cache.events)  # Synced
    cache.list(version, numbers)

    def handled() -> int:
        return cache.count.handled + cache.events.pending

    began = handled()
    async with passing(handled) as meanwhile:
        await cache.apply()
        total = handled() - began
    assert (len(cache.store), cache.events.pending) == (len(numbers), changes)
    check(meanwhile, total, COMPARED, looks=3)
    await cache.events.aclose()


async def test_delivering_a_relist_takes_turns() -> None:
    cache = Cache()
    cache.list(1, range(OBJECTS))
    await cache.apply()
    await anext(cache.events)  # Synced
    cache.list(2, range(OBJECTS))
    async with passing(lambda: cache.events.pending) as meanwhile:
        await cache.apply()
    check(meanwhile, OBJECTS, COMPARED)
    await cache.events.aclose()


async def test_letting_go_of_a_cache_takes_turns() -> None:
    """Nobody else holds the objects: they end with the table that held them."""
    cache = Cache()
    cache.list(1, range(OBJECTS))
    await cache.apply()
    await cache.events.aclose()
    cache.list(2, range(0))
    async with passing(lambda: cache.count.handled) as meanwhile:
        await cache.apply()
    check(meanwhile, OBJECTS, COMPARED)


async def test_letting_go_of_a_snapshot_that_was_broken_off_takes_turns() -> None:
    """A list that fails near its end begins anew, and what had come of it goes."""
    cache = Cache()
    cache.list(1, range(OBJECTS))
    await cache.apply()
    await cache.events.aclose()
    cache.put(SnapshotBegin())
    cache.pages(1, range(OBJECTS, 2 * OBJECTS))
    await cache.apply()
    cache.put(SnapshotBegin())
    async with passing(lambda: cache.count.handled) as meanwhile:
        await cache.apply()
    check(meanwhile, OBJECTS, COMPARED)
    assert len(cache.store) == OBJECTS


async def test_packing_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "WORTHWHILE", 10_000)
    monkeypatch.setattr(burst, "BURST", 0)
    cache = Cache("compressed")
    if cache.store.storage.mode == "plain":
        pytest.skip("no compression on this platform")
    bodies = [
        json.dumps({"spec": {"containers": [{"image": f"app:{n % 7}", "name": str(n)}] * 3}}) for n in range(OBJECTS)
    ]
    records = [Record(f"n/{n}", str(n), "1", {}, body.encode()) for n, body in enumerate(bodies)]
    cache.store.apply(Deltas([Delta(False, each) for each in records], "1"))
    cache.put(SnapshotBegin())
    running = asyncio.create_task(cache.applier.run(cache.queue))  # it packs at once: too much waits
    async with passing(lambda: cache.store.storage.packed) as meanwhile:
        while cache.store.storage.packed < OBJECTS:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
    check(meanwhile, OBJECTS, PACKED)
