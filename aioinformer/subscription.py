"""Fan-out: one subscriber's view of the changes, as an async iterator. What waits for it is its ``Inbox``.

A subscription first replays what the cache holds, then says ``Synced``, then yields live changes, with no gap and no
repeat between the three, whenever it starts. It holds no task and no timer while nobody waits on it, and the informer
holds it weakly: leaving ``async for`` and dropping it is enough to be rid of it.
"""

from __future__ import annotations

import asyncio
from asyncio import current_task
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import ref

from aioinformer.bulk import Batches
from aioinformer.errors import NotRunning
from aioinformer.events import Added, Deleted, Event, Resynced, Synced, Updated
from aioinformer.inbox import Inbox
from aioinformer.objects import KubeObject
from aioinformer.turns import FEW, SECONDS, Lane, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self
    from weakref import ReferenceType

    from aioinformer.batches import Change
    from aioinformer.inbox import CacheReads
    from aioinformer.objects import Stored
    from aioinformer.scope import Terms

__all__ = ["Subscription"]

T = TypeVar("T")

SKIPPED = 500
"""Objects outside a subscription's scope that are passed over before others get a turn."""
TURN = SECONDS
"""Seconds a consumer that never waits may run before others get a turn."""


class Subscription(Inbox, Generic[T]):
    """One consumer's events; made by ``informer.events()``.

    Iterate it with ``async for``, once. ``async with`` or ``aclose()`` ends it early; dropping the last reference does,
    too. It ends by itself when its informer is stopped. Cancelling a pending ``anext`` loses nothing: the next one
    yields what it would have.
    """

    def __init__(self, cache: CacheReads, view: Callable[[Stored], T], terms: Terms) -> None:
        super().__init__(cache, terms)
        self._view = view
        self._due: deque[str] = deque()
        self._resync_at: float | None = None
        self._consumer: ReferenceType[asyncio.Task[Any]] | None = None
        self._unbuilt: Exception | None = None
        """What making the next event raised, while those before it are taken: for the next turn to raise."""
        self._clock: Callable[[], float] = lambda: inf  # until somebody iterates: later than any turn may end
        self._turn_ends = 0.0
        self.lane = Lane()
        """Where its consumer waits for its turn while much waits to be taken. For the fan-out to set."""
        self.waiting_room: set[Subscription[Any]] = set()
        """Where it stands while somebody waits on it, so that no waiting task is garbage. For the fan-out to set."""
        self.is_running = True
        """Whether there is an informer at work that could ever offer anything. For the fan-out to set."""
        self.catching_up = False
        """Whether the cache is ahead of what was offered so far. For the fan-out to set."""

    @property
    def consumer(self) -> asyncio.Task[Any] | None:
        """The task that iterates over it, while there is that task."""
        return self._consumer() if self._consumer is not None else None

    async def aclose(self) -> None:
        """End the subscription and drop what waits. A consumer that waits in ``anext`` gets the end of the iteration."""
        self._closed = True
        self._drop()
        self._wake()

    def _drop(self) -> None:
        """Forget all that waits."""
        self._initial.clear()
        self._backlog.clear()
        self._due.clear()
        self._unbuilt = None
        self._synced_version = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event[T]:
        consumer = self._consumer
        if consumer is None or consumer() is not current_task():  # one may take over from another
            self.consumed()
        if self._clock() >= self._turn_ends:
            await self._give_a_turn()
        if self._synced_version is not None or not self._in_order:
            return await self._other_event()
        change = self._in_order.popleft()
        new, old = change.new, change.old
        if new is None or old is None:
            return self._event(change)
        return _updated(self._view, new, old, change.key)

    def batches(self) -> Batches[T]:
        """An async iterator of the same events, as many at a time as there are, up to ``BATCH`` and a millisecond's work.

        For consumers to whom a microsecond per event matters: ``async for events in subscription.batches()``. What was
        promised of events holds for them; use it instead of ``async for event in subscription``, not beside.
        """
        return Batches(self)

    def take(self, count: int, *, after_others: bool = False) -> list[Event[T]]:
        """Up to so many of the events that wait to be taken; none when there are none just now. Never waits.

        An object of which the user's model cannot be made is told by itself: those before it come first, and with
        ``after_others`` those that whoever asks has taken already.
        """
        if self._unbuilt is not None:
            self._raise_unbuilt()
        events: list[Event[T]] = []
        try:
            if self._synced_version is None:
                self._take_changes(events, count)
                if not (self._backlog or self._due or self._terms.resync):
                    return events
            while len(events) < count:
                event = self._next_event()
                if event is None:
                    if self._closed or self._initial or self._due or not self._resync_is_due(self.now()):
                        break
                    continue
                events.append(event)
        except Exception as error:  # the user's model, whatever it raises
            if not (events or after_others):
                raise
            self._unbuilt, self._turn_ends = error, 0.0
        return events

    def _take_changes(self, events: list[Event[T]], count: int) -> None:
        """Those that wait in order: no call for each that needs none."""
        in_order, view = self._in_order, self._view
        while in_order and len(events) < count:
            change = in_order.popleft()
            new, old = change.new, change.old
            if new is None or old is None:
                events.append(self._event(change))
            else:
                events.append(_updated(view, new, old, change.key))

    def _raise_unbuilt(self) -> None:
        error, self._unbuilt = self._unbuilt, None
        if error is not None:
            raise error

    @property
    def has_had_its_turn(self) -> bool:
        """Whether its consumer has run for so long that others come first."""
        return self._clock() >= self._turn_ends

    async def _give_a_turn(self) -> None:
        """Let others run; a consumer to whom everything is there already would not."""
        self._raise_unbuilt()
        if self.consumer is not asyncio.current_task():
            self.consumed()
        loop = asyncio.get_running_loop()
        self._clock = clock_of(loop)
        if self.is_replaying or len(self._in_order) > FEW:
            await self.lane.turn(at_once=False)
        else:
            await asyncio.sleep(0)
        self._turn_ends = loop.time() + TURN

    async def _other_event(self) -> Event[T]:
        """The next event when it is no change that waits already."""
        loop = asyncio.get_running_loop()
        while True:
            event = self._next_event()
            if event is not None:
                return event
            if self._initial or (self._due and not self.catching_up):
                await self.lane.turn(at_once=False)  # so far nothing of what it went through was in its scope
                continue
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            if not self._resync_is_due(loop.time()):
                await self._wait(loop)
                self._turn_ends = loop.time() + TURN

    def _next_event(self) -> Event[T] | None:
        if self._synced_version is not None:
            return self._replayed()
        change = self._backlog.pop()
        if change is not None:
            return self._event(change)
        for _ in range(0 if self.catching_up else min(SKIPPED, len(self._due))):
            if not self._due:
                break
            present = self._cache.get(self._due.popleft())
            if present is not None and self._admits(present):
                return Resynced(self._view(present), present.key)
        return None

    def _replayed(self) -> Event[T] | None:
        for _ in range(min(SKIPPED, len(self._initial))):
            record = self._initial.pop()
            if self._admits(record):
                return Added(self._view(record), True, record.key)
            if not self._initial:
                break
        if self._initial:
            return None
        self._scope.replay(begins=False)
        version, self._synced_version = self._synced_version, None
        return None if version is None else Synced(version)

    def _admits(self, record: Stored) -> bool:
        """Whether the scope has it in; a predicate that raises ends the subscription, and nothing after makes sense."""
        try:
            return self._scope.admits(record)
        except Exception as error:  # noqa: BLE001  # the user's function, whatever it raises
            self._drop()
            self._fail(error)
            return False

    def _event(self, change: Change) -> Event[T]:
        key, old, new = change.key, change.old, change.new
        if new is None:
            gone = change.final if change.final is not None else old
            assert gone is not None  # noqa: S101  # a change has at least one side
            return Deleted(self._view(gone), change.final is not None, key)
        if old is None:
            return Added(self._view(new), False, key)
        return _updated(self._view, new, old, key)

    def _resync_is_due(self, now: float) -> bool:
        """Start a round if the period is over; the first begins when the subscriber is first idle."""
        period = self._terms.resync
        if period is None or self.catching_up:
            return False
        if self._resync_at is None:
            self._resync_at = now + period
            return False
        if now < self._resync_at:
            return False
        self._resync_at = now + period
        for namespace in self._scope.namespaces or (None,):
            self._due.extend(self._cache.keys(namespace))
        return bool(self._due)

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.is_running:
            raise NotRunning("the informer has not been started: enter its factory with 'async with' first")
        if self._waiter is not None:
            raise RuntimeError("two tasks iterate over one subscription: give each its own informer.events()")
        waiter = self._waiter = loop.create_future()
        timer = loop.call_at(self._resync_at, self._wake) if self._resync_at is not None else None
        self.waiting_room.add(self)
        try:
            await waiter
        finally:
            self.waiting_room.discard(self)
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def consumed(self) -> None:
        """The current task is the one that iterates over it."""
        task = asyncio.current_task()
        self._consumer = None if task is None else ref(task)

    def caught_up(self) -> None:
        """Everything the cache knows has been offered. For the fan-out to call."""
        self.catching_up = False
        self._wake()

    def __repr__(self) -> str:
        return f"<Subscription {'closed' if self._closed else 'open'} pending={self.pending} merged={self.merged}>"


def _updated(view: Callable[[Stored], T], new: Stored, old: Stored, key: str) -> Updated[T]:
    if view is KubeObject:  # it can be made of any record, so it need not be made before somebody wants it
        return Updated(new, old, key, view, view)
    return Updated(view(new), old, key, view)
