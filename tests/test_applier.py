"""applier.py: batches in, cache first, subscribers next."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from aioinformer import burst, cache, packing
from aioinformer.applier import QUIET, Applier, Part, Queue
from aioinformer.batches import Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage
from aioinformer.events import Updated
from aioinformer.fanout import Fanout
from aioinformer.objects import KubeObject, Record
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription
from benchmarks.pods import encoded, modified, pod

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer.batches import Batch


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


def record(name: str, version: int) -> Record:
    return Record(f"n/{name}", f"uid-{name}", str(version), {}, b"{}")


def deltas(*records: Record) -> list[Delta]:
    return [Delta(deleted=False, record=r) for r in records]


class Applying:
    """An applier at work on a queue."""

    def __init__(self) -> None:
        self.queue: Queue = asyncio.Queue()
        self.part = Part()
        self.store = Store()
        self.fanout = Fanout()
        self.fanout.run()
        self.rings = 0
        self.applier = Applier(self.store, self.fanout, self._rang, self._committed)

    def _rang(self) -> None:
        self.rings += 1

    def _committed(self) -> None:
        self.fanout.synced(self.store.resource_version)

    async def take(self, *batches: Batch) -> None:
        """Put batches on the queue and wait until the applier has come to rest."""
        before = self.rings
        for batch in batches:
            self.queue.put_nowait((self.part, batch))
        while self.rings < before + len(batches):  # noqa: ASYNC110  # turns of the loop, not time
            await asyncio.sleep(0)

    async def snapshot(self, version: int, *records: Record) -> None:
        await self.take(SnapshotBegin(), SnapshotPage([*deltas(*records)]), SnapshotCommit(str(version)))


@asynccontextmanager
async def applying() -> AsyncGenerator[Applying]:
    at_work = Applying()
    task = asyncio.create_task(at_work.applier.run(at_work.queue))
    try:
        yield at_work
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_the_first_snapshot_syncs_and_later_ones_count() -> None:
    """It is in sync from the first commit on, and not before."""
    async with applying() as it:
        await it.take(SnapshotBegin(), SnapshotPage([*deltas(record("a", 1))]))
        assert (it.fanout.is_synced, len(it.store)) == (False, 0)
        await it.take(SnapshotCommit("5"))
        assert (it.fanout.is_synced, it.part.snapshots, len(it.store)) == (True, 1, 1)
        await it.snapshot(9, record("b", 7))
        assert (it.part.snapshots, it.store.keys(), it.store.resource_version) == (2, ["n/b"], "9")


async def test_a_snapshot_after_the_first_is_told_as_its_difference() -> None:
    """Subscribers hear of what changed; what they replayed at the first is not told again."""
    async with applying() as it:
        events = Subscription(it.store, lambda r: r, Terms(Scope(None, LabelSelector())))
        it.fanout.attach(events, "")
        await it.snapshot(5, record("gone", 1), record("kept", 2))
        await it.snapshot(9, record("kept", 2), record("new", 7))
        told = [type(await anext(events)).__name__ for _ in range(events.pending + 1)]
        assert told == ["Added", "Added", "Synced", "Deleted", "Added"]


async def test_events_are_applied_before_they_are_told_and_waiters_are_rung_last() -> None:
    """Each batch rings once, when cache and subscribers have it."""
    async with applying() as it:
        await it.snapshot(5)
        events = Subscription(it.store, lambda r: r, Terms(Scope(None, LabelSelector()), replay=False))
        it.fanout.attach(events, "5")
        rings = it.rings
        await it.take(Deltas([*deltas(record("a", 6))], "6"), Deltas([], "8"))
        assert (it.rings - rings, it.store.resource_version, events.pending) == (2, "8", 1)


def pods(start: int, count: int) -> list[Record]:
    return [
        Record(f"n/{number}", f"uid-{number}", str(number), {}, encoded(pod(number)))
        for number in range(start, start + count)
    ]


@pytest.fixture
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary is made of the first few kilobytes."""
    monkeypatch.setattr(packing, "WORTHWHILE", 50_000)


@pytest.mark.looptime
@pytest.mark.usefixtures("_eager")
class TestPacking:
    async def test_the_cache_is_packed_once_it_has_been_quiet_for_a_while(self) -> None:
        async with applying() as it:
            await it.snapshot(5, *pods(0, 200))
            await asyncio.sleep(QUIET * 0.9)
            assert it.store.storage.packed == 0
            await asyncio.sleep(QUIET * 0.2)
            assert (it.store.storage.packed, it.store.storage.waiting) == (200, 0)

    async def test_events_that_keep_coming_keep_it_from_packing(self) -> None:
        """A burst runs at plain speed."""
        async with applying() as it:
            await it.snapshot(5, *pods(0, 100))
            for number in range(100, 150):
                await it.take(Deltas([*deltas(*pods(number, 1))], str(number)))
                await asyncio.sleep(QUIET * 0.9)
            assert it.store.storage.packed == 0
            await asyncio.sleep(QUIET)
            assert it.store.storage.packed == 150

    async def test_too_much_that_waits_is_packed_however_busy_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (burst, packing):
            monkeypatch.setattr(module, "BURST", 200_000)
        async with applying() as it:
            await it.snapshot(5)
            for number in range(0, 500, 10):
                await it.take(Deltas([*deltas(*pods(number, 10))], str(number)))
                await asyncio.sleep(0)  # the ring comes before the packing
                for _ in range(5):
                    await asyncio.sleep(0)
                assert it.store._live.waiting_bytes <= 200_000
            assert it.store.storage.packed > 400

    async def test_what_is_staged_counts_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A first list of any size is packed while it comes in."""
        for module in (burst, packing):
            monkeypatch.setattr(module, "BURST", 200_000)
        async with applying() as it:
            await it.take(SnapshotBegin())
            for number in range(0, 500, 50):
                await it.take(SnapshotPage([*deltas(*pods(number, 50))]))
            await it.take(SnapshotCommit("9"))
            assert it.store.storage.packed > 400
            assert len(it.store) == 500

    async def test_a_list_that_replaces_another_may_leave_less_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It comes beside what is there already."""
        monkeypatch.setattr(cache, "STAGED", 200_000)
        async with applying() as it:
            await it.snapshot(5, *pods(0, 10))
            await asyncio.sleep(2 * QUIET)
            await it.take(SnapshotBegin())
            for number in range(0, 500, 50):
                await it.take(SnapshotPage([*deltas(*pods(number, 50))]))
            await it.take(SnapshotCommit("9"))
            assert it.store.storage.packed > 400
            assert len(it.store) == 500

    async def test_packing_stops_for_what_comes_and_goes_on_after_it(self) -> None:
        async with applying() as it:
            await it.snapshot(5, *pods(0, 1000))
            while not it.store.storage.packed:  # noqa: ASYNC110  # virtual time
                await asyncio.sleep(QUIET / 10)
            before = it.store.storage.packed
            it.queue.put_nowait((it.part, Deltas([*deltas(*pods(5000, 1))], "5000")))
            for _ in range(3):
                await asyncio.sleep(0)
            assert it.store.resource_version == "5000"
            assert before <= it.store.storage.packed < 1000
            await asyncio.sleep(2 * QUIET)
            assert it.store.storage.packed == 1001

    @pytest.mark.parametrize("delay", [QUIET, QUIET * 0.999, QUIET * 1.001])
    async def test_a_batch_that_comes_just_when_it_turns_to_packing_is_not_lost(self, delay: float) -> None:
        async with applying() as it:
            await it.snapshot(5, *pods(0, 100))
            for number in range(100, 110):
                loop = asyncio.get_running_loop()
                batch = Deltas([*deltas(*pods(number, 1))], str(number))
                loop.call_later(delay, it.queue.put_nowait, (it.part, batch))
                await asyncio.sleep(2 * QUIET)
            await asyncio.sleep(QUIET)
            assert (len(it.store), it.store.resource_version, it.store.storage.packed) == (110, "109", 110)

    async def test_a_subscriber_gets_old_and_new_whatever_is_packed(self) -> None:
        async with applying() as it:
            await it.snapshot(5, *pods(0, 100))
            await asyncio.sleep(2 * QUIET)
            events = Subscription(it.store, KubeObject, Terms(Scope(None, LabelSelector()), replay=False))
            it.fanout.attach(events, "5")
            changed = Record("n/7", "uid-7", "500", {}, encoded(modified(pod(7), 500)))
            await it.take(Deltas([*deltas(changed)], "500"))
            await asyncio.sleep(2 * QUIET)
            assert it.store.storage.packed == 100
            _, event = await anext(events), await anext(events)
            assert isinstance(event, Updated)
            assert event.old.to_json() == encoded(pod(7))
            assert event.object.to_json() == changed.raw

    async def test_it_ends_at_once_while_it_waits_for_a_quiet_moment(self) -> None:
        async with applying() as it:
            await it.snapshot(5, *pods(0, 100))
            before = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() == before


async def test_events_after_a_saved_cache_that_does_not_count_any_more_are_dropped() -> None:
    """They have nothing to stand on: a list of the new scope is on its way."""
    async with applying() as it:
        it.store.begin_snapshot()
        it.store.stage(SnapshotPage([*deltas(record("a", 1))]))
        it.store.shelve()
        it.applier.restored_version = "5"
        it.applier.narrow([], None, it.queue)
        await it.take(Deltas([*deltas(record("b", 6))], "6"))
        assert (it.fanout.is_synced, len(it.store), it.store.resource_version) == (False, 0, "")
        await it.snapshot(9, record("b", 6))
        assert (it.fanout.is_synced, it.store.keys(), it.store.resource_version) == (True, ["n/b"], "9")


async def test_a_snapshot_that_was_being_compared_with_such_a_cache_stands_by_itself() -> None:
    """What it had taken over from there is new to the cache, also as one part among others."""
    async with applying() as it:
        it.store.begin_snapshot()
        it.store.stage(SnapshotPage([*deltas(record("a", 1))]))
        it.store.shelve()
        it.applier.restored_version = "5"
        other, it.part = it.part, Part("n")
        await it.take(SnapshotBegin(), SnapshotPage([*deltas(record("a", 1))]))
        it.applier.narrow([], None, it.queue)
        it.part.is_alone = other.is_alone = False
        another = Record("m/b", "uid-b", "2", {}, b"{}")
        this, it.part = it.part, Part("m")
        it.part.is_alone = False
        await it.snapshot(8, another)
        it.part = this
        await it.take(SnapshotCommit("9"))
        assert sorted(it.store.keys()) == ["m/b", "n/a"]
