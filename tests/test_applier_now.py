"""applier.py, past the queue: a few events are applied by whoever brings them, if nothing is before them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import packing
from aioinformer.applier import QUIET, Applier, Inlet, Part, Queue
from aioinformer.batches import Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage
from aioinformer.errors import ObjectRejected
from aioinformer.fanout import Fanout
from aioinformer.objects import Record, Stored
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription
from aioinformer.turns import FEW
from benchmarks.pods import encoded, pod

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.looptime


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


class Applying:
    """An applier at work, with two parts that each have their way to it; in sync, with nothing in it."""

    def __init__(self, *, strict: bool = False, size: int = 2) -> None:
        self.queue: Queue = asyncio.Queue(size)
        self.parts = [Part("m"), Part("n")]
        for part in self.parts:
            part.is_alone = False
        self.store = Store(admit=self._admit, strict=strict)
        self.fanout = Fanout()
        self.fanout.run()
        self.rings = 0
        self.applier = Applier(self.store, self.fanout, self._rang, self._committed)
        self.inlets = [Inlet(self.applier, self.queue, part) for part in self.parts]
        terms = Terms(Scope(None, LabelSelector.parse("")), replay=False, max_pending=10_000)
        self.events = Subscription(self.store, lambda r: r, terms)
        self.fanout.attach(self.events, "")
        self.running = asyncio.create_task(self.applier.run(self.queue))

    @staticmethod
    def _admit(record: Stored) -> Stored:
        if record.name == "bad":
            raise LookupError("what a client's function raises")
        return record

    def _rang(self) -> None:
        self.rings += 1

    def _committed(self) -> None:
        self.fanout.synced(self.store.resource_version)

    async def rest(self) -> None:
        """Until the queue is empty and what was on it is applied."""
        while not (self.queue.empty() and self.applier._is_at_rest):  # noqa: ASYNC110  # turns of the loop, not time
            await asyncio.sleep(0)


@asynccontextmanager
async def applying(*, strict: bool = False) -> AsyncGenerator[Applying]:
    it = Applying(strict=strict)
    for inlet in it.inlets:
        for batch in (SnapshotBegin(), SnapshotPage([]), SnapshotCommit("5")):
            await inlet.put(batch)
    await it.rest()
    try:
        yield it
    finally:
        it.running.cancel()
        await asyncio.wait([it.running])


def deltas(version: int, count: int = 1, *, namespace: str = "n", raw: bytes = b"{}") -> Deltas:
    """So many events, up to a version."""
    versions = range(version - count + 1, version + 1)
    return Deltas([Delta(False, Record(f"{namespace}/a{v}", "u", str(v), {}, raw)) for v in versions], str(version))


async def test_a_few_events_are_applied_told_and_rung_for_before_a_turn_of_the_loop() -> None:
    async with applying() as it:
        rings = it.rings
        await it.inlets[1].put(deltas(5 + FEW, FEW))
        assert (len(it.store), it.events.pending, it.rings - rings) == (FEW, FEW, 1)
        assert it.store.versions == {"m": "5", "n": str(5 + FEW)}
        assert it.applier.journal.of("n/a6")


@pytest.mark.parametrize(
    "batch", [deltas(6 + FEW, FEW + 1), SnapshotBegin()], ids=["more than a few", "what is not watch events"]
)
async def test_all_else_goes_by_the_queue(batch: Deltas | SnapshotBegin) -> None:
    async with applying() as it:
        await it.inlets[1].put(batch)
        assert it.queue.qsize() == 1
        await it.rest()


async def test_nothing_overtakes_what_is_on_the_queue_or_being_applied() -> None:
    async with applying() as it:
        await it.inlets[1].put(deltas(50, 40))
        await it.inlets[1].put(deltas(51))
        assert it.queue.qsize() == 2
        await it.rest()
        await it.inlets[1].put(SnapshotBegin())
        await it.inlets[1].put(SnapshotCommit("60"))
        while not it.queue.empty():  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        assert not it.applier._is_at_rest, "it is at the comparison"
        await it.inlets[1].put(deltas(61))
        assert it.queue.qsize() == 1
        await it.rest()
        assert it.store.keys("n") == ["n/a61"]


async def test_what_a_strict_store_refuses_ends_the_applier_not_whoever_brought_it() -> None:
    async with applying(strict=True) as it:
        bad = Deltas([Delta(False, Record("n/bad", "u", "6", {}, b"{}"))], "6")
        await it.inlets[1].put(bad)
        with pytest.raises(ObjectRejected):
            await it.running


async def test_what_comes_of_a_part_that_is_not_wanted_any_more_is_dropped() -> None:
    async with applying() as it:
        await it.inlets[1].put(deltas(6))
        it.applier.narrow([it.parts[1]], ["m"], it.queue)
        await it.inlets[1].put(deltas(7))
        await it.rest()
        await it.inlets[1].put(deltas(8))
        assert it.store.keys() == []


async def test_events_that_go_past_the_queue_keep_it_from_packing_and_are_packed_once_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "WORTHWHILE", 50_000)
    async with applying() as it:
        if it.store.storage.mode == "plain":
            pytest.skip("no compression on this platform")
        for number in range(100):
            await it.inlets[1].put(deltas(number + 6, raw=encoded(pod(number))))
            await asyncio.sleep(QUIET * 0.9)
        assert (it.store.storage.packed, len(it.store)) == (0, 100)
        await asyncio.sleep(QUIET * 1.1)
        assert it.store.storage.packed == 100


Puts = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3 * FEW), st.integers(0, 3)), max_size=25)


@given(Puts, st.none() | st.integers(0, 25))
def test_whatever_way_batches_go_each_part_is_applied_in_order_and_once(
    puts: list[tuple[int, int, int]], cancelled: int | None
) -> None:
    """Two that bring batches of any size at any pace, one of which may be cancelled: that loses the batch it was at, at most."""

    async def run() -> None:
        async with applying() as it:
            handed_on: list[list[int]] = [[], []]

            async def bring(part: int) -> None:
                version = 5
                for which, count, turns in puts:
                    if which != part:
                        continue
                    version += count
                    await it.inlets[part].put(deltas(version, count, namespace="mn"[part]))
                    handed_on[part] += range(version - count + 1, version + 1)
                    for _ in range(turns):
                        await asyncio.sleep(0)

            tasks = [asyncio.create_task(bring(part)) for part in (0, 1)]
            for _ in range(cancelled or 0):
                await asyncio.sleep(0)
            if cancelled is not None:
                tasks[0].cancel()
            await asyncio.wait(tasks)
            await it.rest()
            await anext(it.events)  # Synced
            seen: list[list[int]] = [[], []]
            while it.events.pending:
                told = await anext(it.events)
                record = getattr(told, "object")  # noqa: B009  # an Added, as all are new
                seen["mn".index(record.namespace)].append(int(record.resource_version))
            assert seen == handed_on
            assert [it.store.versions[part.name] for part in it.parts] == [str(max([5, *each])) for each in handed_on]

    asyncio.run(run())
