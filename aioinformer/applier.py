"""The only writer of a cache: empties the queue into it, and then tells of what changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aioinformer.batches import Batch, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage
from aioinformer.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.batches import Change
    from aioinformer.fanout import Fanout
    from aioinformer.store import Store

__all__ = ["Applier"]

SLICE = 500
"""Changes let go before the loop gets a turn."""


QUIET = 0.25
"""Seconds without a batch after which there is time to pack."""


class Applier:
    """Applies batches in order: first the cache, then the subscribers, then whoever waits (``changed`` rings for them)."""

    def __init__(self, store: Store, fanout: Fanout, changed: Callable[[], None]) -> None:
        self._store = store
        self._fanout = fanout
        self._changed = changed
        self.journal = Journal()
        self.snapshots = 0
        """Snapshots that became the cache, a restored one included."""
        self.restored_version: str | None = None
        """The version of what is shelved in the store, until that becomes the cache."""

    @property
    def synced(self) -> bool:
        """Whether the initial state is in the cache."""
        return self.snapshots > 0

    async def run(self, queue: asyncio.Queue[Batch]) -> None:
        """Empty the queue, for ever. Cancelling it leaves the cache as it is between two batches."""
        while True:
            await self._take(await self._next(queue))
            self._changed()
            while self._store.is_pressed and self._store.pack():  # noqa: ASYNC110  # a turn for others
                await asyncio.sleep(0)
            if not queue.empty():  # a queue that holds something does not give others a turn
                await asyncio.sleep(0)

    async def _next(self, queue: asyncio.Queue[Batch]) -> Batch:
        """The next batch. If none comes for a while, what the cache holds is packed meanwhile."""
        if queue.empty() and self._store.can_pack:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET):
                    return await queue.get()
            while queue.empty() and self._store.pack():  # noqa: ASYNC110  # a turn for others
                await asyncio.sleep(0)
        return await queue.get()

    async def _take(self, batch: Batch) -> None:
        """In a method of its own, so that nothing holds the last batch, and its objects, while a quiet queue is waited on."""
        match batch:
            case Deltas():
                self._show_restored()
                changes = self._store.apply(batch)
                self.journal.arrived(batch.items, changes, self._store)
                await self._fanout.deliver(changes)
            case SnapshotBegin():
                self._store.begin_snapshot()
            case SnapshotPage():
                self._store.stage(batch)
            case SnapshotCommit(version):
                await self._commit(version)

    def _show_restored(self) -> None:
        """The server has taken the version of what was restored, or it was compared with a snapshot: now it is the cache."""
        version, self.restored_version = self.restored_version, None
        if version is not None:
            self._store.unshelve(version)
            self.snapshots += 1
            self._fanout.synced(version)

    async def _commit(self, version: str) -> None:
        """Make the staged snapshot the cache in one step; comparing before it and clearing away after it take turns."""
        changes: list[Change] = []
        if self.synced or self.restored_version is not None:
            for part in self._store.difference():
                changes += part
                self.journal.compared(part)
                await asyncio.sleep(0)
        self._show_restored()
        rest = self._store.commit_snapshot(version)
        self.snapshots += 1
        self.journal.snapshot(version, len(self._store))
        if self.snapshots > 1:
            await self._fanout.deliver(changes)
        else:
            self._fanout.synced(version)
        for _ in rest:
            await asyncio.sleep(0)
        while changes:  # with them go the last references to what was replaced
            del changes[-SLICE:]
            await asyncio.sleep(0)
