"""The only writer of a cache: empties the queue into it, and then tells of what changed.

A few events that nothing is before need not go by the queue: ``apply_now``. Several collections may share the queue,
each as a ``Part`` of the cache. What still comes of one that is no longer wanted is dropped here, so that whoever
changes the parts need not wait for anything.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from aioinformer.batches import Batch, Change, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage, Vanished
from aioinformer.journal import Journal
from aioinformer.turns import FEW, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aioinformer.fanout import Fanout
    from aioinformer.store import Store

__all__ = ["Applier", "Inlet", "Part", "Queue"]

SLICE = 500
"""Changes let go before the loop gets a turn."""
SOME = 16
"""Objects of a batch between two looks at the clock: with a client's model or indexers, each may take long."""

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
    """One part's way to the cache: by the queue, or past it when nothing is on the way and there is little to do."""

    def __init__(self, applier: Applier, queue: Queue, part: Part) -> None:
        self._applier = applier
        self._queue = queue
        self._part = part

    async def put(self, item: Batch, /) -> None:
        """Have a batch applied, now or when those before it are; waits for room on the queue."""
        if not self._applier.apply_now(self._part, item, self._queue):
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
        self._lane = fanout.lane
        self._clock: Callable[[], float] = monotonic
        self._applied_at = 0.0
        self._is_at_rest = self._is_idle = False
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

    def apply_now(self, part: Part, batch: Batch, queue: Queue) -> bool:
        """Apply a few events at once, if none is before them: whether that was possible. Else they have to go by the queue.

        It spares them two turns of the loop. What raises out of a strict store is not for who brings them, but for ``run``.
        """
        store = self._store
        if (
            not self._is_at_rest
            or not queue.empty()
            or not isinstance(batch, Deltas)
            or len(batch.items) > FEW
            or self._unwanted
            or self.restored_version is not None
            or store.is_strict
            or store.is_pressed
        ):
            return False
        if part.is_wanted and part.snapshots:
            changes = store.apply(batch, part.name)
            if self._fanout.is_synced:
                self._fanout.offer(changes)
            self.journal.arrived(batch.items, changes, store)
        self._applied_at = self._clock()
        self._changed()
        if self._is_idle and store.can_pack:
            queue.put_nowait((part, Deltas([], "")))  # wakes it up: it has to watch for a quiet moment
        return True

    async def run(self, queue: Queue) -> None:
        """Empty the queue, for ever. Cancelling it leaves the cache as it is between two batches."""
        self._clock = asyncio.get_running_loop().time
        while True:
            part, batch = await self._next(queue)
            await self._let_go()
            is_few = isinstance(batch, Deltas) and len(batch.items) <= FEW
            ends = self._clock() + SECONDS if is_few else await self._lane.turn()
            if part.is_wanted:
                await self._take(part, batch, ends)
            del batch  # and with it its objects, while a quiet queue is waited on
            self._applied_at = self._clock()
            self._changed()
            while self._store.is_pressed:
                await self._lane.turn()
                if not self._store.pack():
                    break
            if is_few and not queue.empty():  # a queue that holds something does not give others a turn
                await asyncio.sleep(0)

    async def _next(self, queue: Queue) -> tuple[Part, Batch]:
        """The next batch. If none comes for a while, what the cache holds is packed meanwhile."""
        self._is_at_rest = True
        try:
            while queue.empty() and self._store.can_pack:
                last = self._applied_at
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(last + QUIET):
                        return await queue.get()
                while self._applied_at == last and queue.empty() and self._store.can_pack:
                    await self._lane.turn()
                    self._store.pack()
            self._is_idle = True
            return await queue.get()
        finally:
            self._is_at_rest = self._is_idle = False

    async def _take(self, part: Part, batch: Batch, ends: float) -> None:
        match batch:
            case Deltas():
                if not part.snapshots and self.restored_version is None:
                    return  # they follow what was restored, which does not count any more
                self._show_restored(part)
                await self._apply(part, batch, ends)
            case SnapshotBegin(generation):
                part.begun(generation)
                await self._finish(self._store.begin_snapshot(part.name))
            case SnapshotPage():
                await self._stage(part, batch, ends)
            case SnapshotCommit(version):
                await self._commit(part, version)
            case Vanished():
                await self._empty(part.name, part.extent, "removed: the resource is not served any more")

    async def _apply(self, part: Part, batch: Deltas, ends: float) -> None:
        """Watch events, as many as the slice has time for, and so on; their version is reached with the last of them."""
        items, changes = batch.items, list[Change]()
        for start in range(0, len(items) or 1, SOME):
            some, is_last = items[start : start + SOME], start + SOME >= len(items)
            made = self._store.apply(Deltas(some, batch.resource_version if is_last else ""), part.name)
            self.journal.arrived(some, made, self._store)
            changes += made
            if is_last or self._clock() > ends:
                await self._deliver(changes)
                changes = []
                ends = ends if is_last else await self._lane.turn()

    async def _stage(self, part: Part, page: SnapshotPage, ends: float) -> None:
        for start in range(0, len(page.items), SOME):
            if self._clock() > ends:
                ends = await self._lane.turn()
            self._store.stage(SnapshotPage(page.items[start : start + SOME]), part.name)

    async def _deliver(self, changes: list[Change]) -> None:
        if self._fanout.is_synced:
            await self._fanout.deliver(changes)

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
                await self._lane.turn()
        return changes

    async def _tell(self, changes: list[Change], rest: Iterator[None]) -> None:
        if self._fanout.is_synced:
            await self._fanout.deliver(changes)
        else:
            self._committed()
        await self._lane.turn()
        await self._finish(rest)
        while changes:  # with them go the last references to what was replaced
            await self._lane.turn()
            del changes[-SLICE:]

    async def _finish(self, slices: Iterator[None]) -> None:
        """Do all of something, a slice in each turn."""
        for _ in slices:
            await self._lane.turn()

    async def _let_go(self) -> None:
        """Remove what is not wanted any more."""
        if self.restored_version is None:
            await self._finish(self._store.forget_shelved())
        while self._unwanted:
            unwanted, wanted = list(self._unwanted), self._namespaces
            for part in unwanted:
                self._store.forget_part(part.name)
            for namespace in self._store.namespaces if wanted is not None else ():
                if wanted is not None and namespace not in wanted:
                    await self._empty(LEAVING, namespace, "removed: out of scope")
            del self._unwanted[: len(unwanted)]
