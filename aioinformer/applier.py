"""The only writer of a cache: empties the queue into it, and then tells of what changed.

Several collections may share the queue, each as a ``Part`` of the cache. What still comes of one that is no longer
wanted is dropped here, so that whoever changes the parts need not wait for anything.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from aioinformer.batches import Batch, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage, Vanished
from aioinformer.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aioinformer.batches import Change
    from aioinformer.fanout import Fanout
    from aioinformer.store import Store

__all__ = ["Applier", "Inlet", "Part", "Queue"]

SLICE = 500
"""Changes let go before the loop gets a turn."""


QUIET = 0.25
"""Seconds without a batch after which there is time to pack."""

LEAVING = "/"
"""A part that no namespace is called like: what is removed because it is no longer wanted."""


class Part:
    """One collection's share of a cache, as its applier knows it; ``namespace`` is ``None`` for all of them."""

    __slots__ = ("_begun", "generation", "is_alone", "is_wanted", "namespace", "snapshots")

    def __init__(self, namespace: str | None = None) -> None:
        self.namespace = namespace
        self.is_alone = True
        """Whether it is all there is, whatever namespace its objects turn out to have."""
        self.is_wanted = True
        """Whether what comes of it is still to be applied."""
        self.snapshots = 0
        """Snapshots of it that became the cache, a restored one included."""
        self.generation = -1
        """That of the last of them."""
        self._begun = -1

    @property
    def name(self) -> str:
        """What the store calls it."""
        return self.namespace or ""

    @property
    def extent(self) -> str | None:
        """The namespace that a snapshot of it speaks for; ``None`` for everything."""
        return None if self.is_alone else self.namespace

    def begun(self, generation: int) -> None:
        """A snapshot of this generation begins."""
        self._begun = generation

    def committed(self) -> None:
        """It has become the cache."""
        self.snapshots += 1
        self.generation = self._begun

    def restored(self) -> None:
        """What a process before had of it has become the cache."""
        self.snapshots += 1
        self.generation = 0


Queue: TypeAlias = "asyncio.Queue[tuple[Part, Batch]]"


class Inlet:
    """One part's way to the queue."""

    def __init__(self, queue: Queue, part: Part) -> None:
        self._queue = queue
        self._part = part

    async def put(self, item: Batch, /) -> None:
        """Put a batch on the queue; waits for room."""
        await self._queue.put((self._part, item))


class Applier:
    """Applies batches in order: first the cache, then the subscribers, then whoever waits (``changed`` rings for them).

    Nothing is told to subscribers before the fan-out is in sync; ``committed`` is called after each snapshot until then.
    """

    def __init__(
        self, store: Store, fanout: Fanout, changed: Callable[[], None], committed: Callable[[], None]
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._changed = changed
        self._committed = committed
        self._unwanted: list[Part] = []
        self._namespaces: frozenset[str] | None = None
        self.journal = Journal()
        self.restored_version: str | None = None
        """The version of what is shelved in the store, until that becomes the cache or does not count any more."""

    @property
    def is_narrowing(self) -> bool:
        """Whether something is cached that is no longer wanted."""
        return bool(self._unwanted)

    def narrow(self, unwanted: Iterable[Part], namespaces: Iterable[str] | None, queue: Queue) -> None:
        """Drop what comes of these parts from now on, and soon all that is cached of other than these ``namespaces``.

        What is shelved is of the former scope: it does not count any more.
        """
        self.restored_version = None
        self._namespaces = None if namespaces is None else frozenset(namespaces)
        for part in unwanted:
            part.is_wanted = False
            self._unwanted.append(part)
        if self._unwanted and not queue.full():
            queue.put_nowait((self._unwanted[0], Vanished()))  # wakes it up

    async def run(self, queue: Queue) -> None:
        """Empty the queue, for ever. Cancelling it leaves the cache as it is between two batches."""
        while True:
            part, batch = await self._next(queue)
            await self._let_go()
            if part.is_wanted:
                await self._take(part, batch)
            del batch  # and with it its objects, while a quiet queue is waited on
            self._changed()
            while self._store.is_pressed and self._store.pack():  # noqa: ASYNC110  # a turn for others
                await asyncio.sleep(0)
            if not queue.empty():  # a queue that holds something does not give others a turn
                await asyncio.sleep(0)

    async def _next(self, queue: Queue) -> tuple[Part, Batch]:
        """The next batch. If none comes for a while, what the cache holds is packed meanwhile."""
        if queue.empty() and self._store.can_pack:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET):
                    return await queue.get()
            while queue.empty() and self._store.pack():  # noqa: ASYNC110  # a turn for others
                await asyncio.sleep(0)
        return await queue.get()

    async def _take(self, part: Part, batch: Batch) -> None:
        match batch:
            case Deltas():
                if not part.snapshots and self.restored_version is None:
                    return  # they follow what was restored, which does not count any more
                self._show_restored(part)
                changes = self._store.apply(batch, part.name)
                self.journal.arrived(batch.items, changes, self._store)
                if self._fanout.is_synced:
                    await self._fanout.deliver(changes)
            case SnapshotBegin(generation):
                part.begun(generation)
                for _ in self._store.begin_snapshot(part.name):
                    await asyncio.sleep(0)
            case SnapshotPage():
                self._store.stage(batch, part.name)
            case SnapshotCommit(version):
                await self._commit(part, version)
            case Vanished():
                await self._empty(part.name, part.extent, "removed: the resource is not served any more")

    def _show_restored(self, part: Part) -> None:
        """The server has taken the version of what was restored, or it was compared with a snapshot: now it is the cache."""
        version, self.restored_version = self.restored_version, None
        if version is not None:
            self._store.unshelve(version, part.name)
            part.restored()
            self._committed()

    async def _commit(self, part: Part, version: str) -> None:
        """Make the staged snapshot the cache in one step."""
        extent = part.extent
        changes = await self._compare(part.name, extent, "deleted while unwatched")
        self._show_restored(part)
        rest = self._store.commit_snapshot(version, part.name, extent)
        part.committed()
        self.journal.snapshot(version, len(self._store), extent)
        await self._tell(changes, rest)

    async def _empty(self, name: str, namespace: str | None, why: str) -> None:
        """Remove what is cached of a namespace, or of all, as if a snapshot without objects had come."""
        if self._store.is_empty:
            return
        self._store.begin_snapshot(name)
        changes = await self._compare(name, namespace, why)
        await self._tell(changes, self._store.commit_snapshot("", name, namespace))

    async def _compare(self, name: str, namespace: str | None, removal: str) -> list[Change]:
        """What the staged snapshot will change. It takes turns with others, as does clearing away after the one step."""
        changes: list[Change] = []
        if self._fanout.is_synced or self.restored_version is not None or not self._store.is_empty:
            for some in self._store.difference(name, namespace):
                changes += some
                self.journal.compared(some, removal)
                await asyncio.sleep(0)
        return changes

    async def _tell(self, changes: list[Change], rest: Iterator[None]) -> None:
        if self._fanout.is_synced:
            await self._fanout.deliver(changes)
        else:
            self._committed()
        for _ in rest:
            await asyncio.sleep(0)
        while changes:  # with them go the last references to what was replaced
            del changes[-SLICE:]
            await asyncio.sleep(0)

    async def _let_go(self) -> None:
        """Remove what is not wanted any more."""
        if self.restored_version is None:
            for _ in self._store.forget_shelved():
                await asyncio.sleep(0)
        while self._unwanted:
            unwanted, wanted = list(self._unwanted), self._namespaces
            for part in unwanted:
                self._store.forget_part(part.name)
            for namespace in self._store.namespaces if wanted is not None else ():
                if wanted is not None and namespace not in wanted:
                    await self._empty(LEAVING, namespace, "removed: out of scope")
            del self._unwanted[: len(unwanted)]
