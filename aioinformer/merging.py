"""The events of several informers as one async iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, overload
from weakref import ref

from aioinformer.errors import InvalidOption
from aioinformer.informer import Informer
from aioinformer.subscription import TURN, Subscription
from aioinformer.turns import FEW, Lane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self
    from weakref import ReferenceType

    from aioinformer.events import Event

__all__ = ["Merged", "Source", "Tagged", "merge"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

Source: TypeAlias = Informer[T] | Subscription[T]


class Tagged(NamedTuple, Generic[T]):
    """An event, and whose it is: the very informer or subscription that was given to ``merge``."""

    source: Informer[Any] | Subscription[Any]
    event: Event[T]

    def __repr__(self) -> str:
        return f"<Tagged {self.event!r} of {self.source!r}>"


class Merged(Generic[T]):
    """An async iterator over the events of several sources; made by ``merge``.

    It holds no task while nobody waits on it: leaving ``async for`` and dropping it is enough to be rid of it, and
    ``async with`` or ``aclose()`` ends it, with all its subscriptions, at once. Cancelling a pending ``anext`` loses nothing.
    """

    def __init__(self, sources: tuple[Source[T], ...]) -> None:
        _check(sources)
        self._sources: deque[tuple[Source[T], Subscription[T]]] = deque(
            (source, source.events() if isinstance(source, Informer) else source) for source in sources
        )
        self._ready: deque[tuple[Tagged[T], Subscription[T]]] = deque()
        self._consumer: ReferenceType[asyncio.Task[Any]] | None = None
        self._failures: deque[BaseException] = deque()
        self._lane = Lane()
        self._turn_ends = 0.0
        self._is_waiting = False

    @property
    def pending(self) -> int:
        """How many events wait to be taken, of all sources."""
        return len(self._ready) + sum(subscription.pending - subscription.held for _, subscription in self._sources)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tagged[T]:
        """The next event; one of each source that has some, in turn. Raises what a subscription raises when it fails."""
        loop = asyncio.get_running_loop()
        if self._consumer is None or self._consumer() is not asyncio.current_task():
            self._consumed()
        if loop.time() >= self._turn_ends:  # a consumer to whom everything is there already would not let others run
            if self.pending > FEW:
                await self._lane.turn(at_once=False)
            else:
                await asyncio.sleep(0)
            self._turn_ends = loop.time() + TURN
        while True:
            tagged = self._next()
            if tagged is not None:
                return tagged
            if self._failures:
                raise self._failures.popleft()
            if not self._sources:
                raise StopAsyncIteration
            await self._wait()
            self._turn_ends = loop.time() + TURN

    async def aclose(self) -> None:
        """End it and all its subscriptions, also those it was given, and drop what waits."""
        while self._ready:
            self._take_ready()
        while self._sources:
            _, subscription = self._sources.popleft()
            await subscription.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Merged sources={len(self._sources)} pending={self.pending}>"

    def _next(self) -> Tagged[T] | None:
        """An event that is there already: of the source that has gone without the longest."""
        if self._ready:
            return self._take_ready()
        for _ in range(len(self._sources)):
            source, subscription = self._sources[0]
            self._sources.rotate(-1)
            events = subscription.take(1)
            if events:
                return Tagged(source, events[0])
        return None

    def _take_ready(self) -> Tagged[T]:
        tagged, subscription = self._ready.popleft()
        subscription.held -= 1
        return tagged

    def _consumed(self) -> None:
        """It is the current task that takes what waits in each source."""
        task = asyncio.current_task()
        self._consumer = None if task is None else ref(task)
        for _, subscription in self._sources:
            subscription.consumed()

    async def _wait(self) -> None:
        """Wait on all sources at once, in tasks that end with the waiting; what they got meanwhile is ``_ready``."""
        if self._is_waiting:
            raise RuntimeError("two tasks iterate over one merge: give each its own")
        self._is_waiting = True
        sources = list(self._sources)
        waits = [asyncio.ensure_future(_first(subscription)) for _, subscription in sources]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            try:
                await _until_done(waits)
            finally:
                self._is_waiting = False
                self._consumed()
                for source, wait in zip(sources, waits, strict=True):
                    self._take_in(source, wait)

    def _take_in(self, source: tuple[Source[T], Subscription[T]], wait: asyncio.Future[Event[T] | None]) -> None:
        """What came of one wait: an event, the end, a failure, or nothing yet."""
        if wait.cancelled():
            return
        failure = wait.exception()
        event = None if failure is not None else wait.result()
        if event is not None:
            source[1].held += 1
            self._ready.append((Tagged(source[0], event), source[1]))
            return
        if source in self._sources:
            self._sources.remove(source)
        if failure is not None:
            self._failures.append(failure)


async def _first(subscription: Subscription[T]) -> Event[T] | None:
    return await anext(subscription, None)


async def _until_done(waits: Sequence[asyncio.Future[Any]]) -> None:
    """Those that were cancelled end in the next turn of the loop; a cancellation of the waiting itself has to wait for that."""
    cancelled: asyncio.CancelledError | None = None
    while not all(wait.done() for wait in waits):
        try:
            await asyncio.wait(waits)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _check(sources: tuple[object, ...]) -> None:
    if not sources:
        raise InvalidOption("merge takes the informers or subscriptions whose events are to be merged, one at least")
    for source in sources:
        if not isinstance(source, Informer | Subscription):
            raise InvalidOption(f"merge takes informers and subscriptions, not {source!r}")
    if len(set(map(id, sources))) < len(sources):
        raise InvalidOption("merge takes each source once: nobody could tell the events of one from the other's")


@overload
def merge(a: Source[A], /) -> Merged[A]: ...
@overload
def merge(a: Source[A], b: Source[B], /) -> Merged[A | B]: ...
@overload
def merge(a: Source[A], b: Source[B], c: Source[C], /) -> Merged[A | B | C]: ...
@overload
def merge(a: Source[A], b: Source[B], c: Source[C], d: Source[D], /) -> Merged[A | B | C | D]: ...
@overload
def merge(*sources: Source[Any]) -> Merged[Any]: ...
def merge(*sources: Source[Any]) -> Merged[Any]:
    """One async iterator over the events of several informers, or of subscriptions where these need options.

        async with merge(pods, nodes.events(replay=False)) as merged:
            async for source, event in merged:
                if source is pods: ...

    Of each source the events come in its order, ``Synced`` included; between sources there is no order, as the API has
    none: a source that has much waiting does not keep the others from their turn. An informer that is stopped is simply
    done, and the iteration ends with the last; a subscription that fails (a defect, ``overflow="error"``) raises out of it,
    after which the others can be iterated on. An informer's subscription is made by this call, not by the first ``anext``.

    Raises:
        InvalidOption: a source is neither, is there twice, or there is none.
        InformerClosed: an informer has been stopped.
    """
    return Merged(sources)
