"""applier.py: batches in, cache first, subscribers next."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aioinformer.applier import Applier, Part, Queue
from aioinformer.batches import Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage
from aioinformer.fanout import Fanout
from aioinformer.objects import Record
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Scope, Subscription, Terms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer.batches import Batch


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
