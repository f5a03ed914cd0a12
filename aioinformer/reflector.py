"""The coroutine that carries out what ``listwatch.py`` decides: list, watch, wait, and hand batches on.

It owns no cache and judges nothing. Batches go to a bounded queue: when the cache is slower than the network the
queue fills, reading stops, and TCP tells the server. A version counts as reached only once its batch is handed on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from aioinformer.batches import Batch, Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage, Undecodable, Vanished
from aioinformer.errors import InformerError, MalformedResponse, UnknownResource
from aioinformer.pages import PageReader
from aioinformer.patience import Patience
from aioinformer.transitions import After, State
from aioinformer.turns import FEW, Lane
from aioinformer.watches import WatchReader
from aioinformer.wire import ENOUGH, Bookmark, Taken, decode_item

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    import msgspec

    from aioinformer.listwatch import ListWatch, Request, Step

__all__ = ["Body", "Observer", "Outlet", "Reflector", "Source", "read_whole"]

SLICE = 64
"""Objects decoded before the loop gets a turn; fewer if they are large."""

LONGEST_LIST = 2 * 1024**3
"""Bytes of one list response, after decompression; 500 objects of etcd's default limit are 0.75 GB."""


class Body(Protocol):
    """A response under way."""

    async def read(self) -> bytes:
        """Whatever has arrived, at least a byte; ``b""`` at the end. Raises ``NetworkError``."""
        ...


class Source(Protocol):
    """A collection on some API server: its path, selectors, credentials and transport are its own affair."""

    def open(self, query: Mapping[str, str]) -> AbstractAsyncContextManager[Body]:
        """Send a GET; entering yields the body, or raises ``APIError`` or ``NetworkError``."""
        ...


class Outlet(Protocol):
    """Where batches go: a bounded queue, or what leads to one."""

    async def put(self, item: Batch, /) -> None:
        """Hand a batch on; waits for room. One that is cancelled was not handed on."""
        ...


class Observer(Protocol):
    """Who wants to know how it goes; called synchronously, must not raise."""

    def requested(self, request: Request) -> None:
        """A request is about to be sent."""

    def heard(self) -> None:
        """The server accepted the request, or sent bytes: it lives."""

    def ended(self, step: Step, error: InformerError | None) -> None:
        """The response is over, and this comes next."""


class Reflector:
    """Mirrors one collection into a queue of batches, for ever; see ``run``.

    ``clock`` and ``sleep`` are the loop's unless a test gives others; ``dense`` tells whether a snapshot's objects are wanted
    in that form.
    """

    def __init__(  # noqa: PLR0913  # its collaborators, by keyword
        self,
        source: Source,
        machine: ListWatch,
        queue: Outlet,
        observer: Observer,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        keep_managed_fields: bool = False,
        lane: Lane | None = None,
        dense: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._machine = machine
        self._queue = queue
        self._observer = observer
        self._clock = clock
        self._sleep = sleep
        self._keep_managed_fields = keep_managed_fields
        self._lane = lane or Lane()
        self._dense = dense
        self._without_a_turn = 0
        self._patience: Patience
        self._under_way: asyncio.Timeout | None = None
        self._pausing: asyncio.Timeout | None = None
        self._distrusted = False
        self._generation = 0

    async def run(self) -> None:
        """List, watch, resume, relist. Returns never; cancel it to stop, which may drop a batch not yet on the queue."""
        while True:
            request = self._machine.request()
            self._observer.requested(request)
            step, error = await self._outcome(request)
            self._observer.ended(step, error)
            if isinstance(error, UnknownResource):
                await self._queue.put(Vanished())
            del error  # its traceback holds what was being read
            if step.pause:
                await self._pause(step.pause)

    def relist(self, source: Source | None = None) -> int:
        """Drop the request under way and fetch a new snapshot: at once, or after the wait that is on.

        From another source from now on, if one is given. Returns the generation that the snapshot will bear.
        """
        self._source = source or self._source
        self._generation += 1
        if self._under_way is None:
            self._machine.distrusted(self._clock())
            return self._generation
        self._distrusted = True
        if not self._under_way.expired():
            self._under_way.reschedule(asyncio.get_running_loop().time())
        return self._generation

    def hurry(self) -> None:
        """There is reason to hope: cut the wait that is on short, if one is."""
        if self._pausing is not None and not self._pausing.expired():
            self._pausing.reschedule(asyncio.get_running_loop().time())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(None) as self._pausing:
                await self._sleep(seconds)
        except TimeoutError:
            pass
        finally:
            self._pausing = None

    async def _outcome(self, request: Request) -> tuple[Step, InformerError | None]:
        """Carry out a request; what comes next, and the failure if it failed. ``relist`` has the last word."""
        error: InformerError | None = None
        step: Step | None = None
        try:
            async with asyncio.timeout(None) as self._under_way:
                step = await self._carry_out(request)
        except InformerError as failure:
            error = failure
            step = self._machine.failed(failure, self._clock())
        except TimeoutError:
            if not self._distrusted:
                raise
        finally:
            self._under_way = None
        if step is None or self._distrusted:
            self._distrusted = False
            step = self._machine.distrusted(self._clock())
        return step, error

    async def _carry_out(self, request: Request) -> Step:
        if request.begins_snapshot:
            await self._queue.put(SnapshotBegin(self._generation))
        return await (self._list(request) if request.state is State.LISTING else self._watch(request))

    async def _list(self, request: Request) -> Step:
        async with self._source.open(request.query) as body, Patience() as self._patience:
            self._observer.heard()
            reader = PageReader(keep_managed_fields=self._keep_managed_fields)
            while await self._feed_page(reader, body):
                await self._hand_on_items(reader)
            page = reader.close()  # in here: what it raises may repeat what was sent, and the source takes that out
        for some in _slices(page.items):
            await self._lane.turn()
            items = [
                decode_item(item, page.kind, page.api_version, keep_managed_fields=self._keep_managed_fields)
                for item in some
            ]
            await self._queue.put(SnapshotPage(items))
        step = self._machine.page(page.resource_version, page.continue_token, self._clock())
        await self._commit_if_whole(step)
        return step

    async def _hand_on_items(self, reader: PageReader) -> None:
        """Put what has arrived of a page on the queue, a slice at a time."""
        is_more, dense = True, self._dense()
        while is_more:
            ends = await self._lane.turn()
            items: list[Delta | Undecodable] = []
            while is_more and len(items) < SLICE and self._clock() <= ends:
                some = reader.take(SLICE - len(items), dense=dense)
                items += some
                is_more = bool(some)
            if items:
                await self._queue.put(SnapshotPage(items))

    async def _feed_page(self, reader: PageReader, body: Body) -> bool:
        """Whether there was more; in a method of its own, so that nothing holds the last chunk."""
        chunk = await self._read(body)
        reader.feed(chunk)
        check_length(reader.length)
        return bool(chunk)

    async def _watch(self, request: Request) -> Step:
        async with self._source.open(request.query) as body, Patience() as self._patience:
            self._machine.opened(self._clock())
            self._observer.heard()
            reader = WatchReader(keep_managed_fields=self._keep_managed_fields)
            while True:
                step = await self._feed(reader, body)
                if step is not None:
                    return step

    async def _feed(self, reader: WatchReader, body: Body) -> Step | None:
        """Hand on what the next chunk completes; a step means that the watch is not to be read on.

        In a method of its own, so that nothing holds the last chunk while a quiet watch waits for the next one.
        """
        chunk = await self._read(body)
        if not chunk:
            reader.close()
            return self._machine.ended(self._clock())
        reader.feed(chunk)
        self._without_a_turn += 1
        while reader.has_more:
            step = await self._hand_on(await self._taken(reader))
            if step is not None:
                return step
        if self._without_a_turn >= SLICE:  # reading does not wait while there is something to read
            self._without_a_turn = 0
            await asyncio.sleep(0)
        return None

    async def _taken(self, reader: WatchReader) -> Taken:
        """Some of what has arrived: a few events at once, and more of them in a turn."""
        events: list[Delta | Undecodable] = []
        is_live = self._machine.state is not State.STREAMING
        if is_live:
            few = reader.take(FEW)
            self._without_a_turn += len(few.events)
            if few.stop is not None or not reader.has_more:
                return few
            events = few.events
        await self._turn()
        more = reader.take(SLICE - len(events), dense=not is_live and self._dense())
        return Taken(events + more.events, more.stop)

    async def _turn(self) -> None:
        self._without_a_turn = 0
        await self._lane.turn()

    async def _hand_on(self, taken: Taken) -> Step | None:
        """Put these events on the queue; a step means that the watch is not to be read on."""
        await self._flush(taken.events)
        if taken.stop is None:
            return None
        if not isinstance(taken.stop, Bookmark):
            raise taken.stop
        step = await self._bookmark(taken.stop)
        return None if step.after in {After.GO_ON, After.COMMIT} else step

    async def _flush(self, events: list[Delta | Undecodable]) -> None:
        if not events:
            return
        if self._machine.state is State.STREAMING:
            await self._queue.put(SnapshotPage(events))
            self._machine.events("", self._clock())
            return
        version = next((v for event in reversed(events) if (v := _version(event))), "")
        await self._queue.put(Deltas(events, version))
        self._machine.events(version, self._clock())
        if len(events) <= FEW:  # whoever waits for them has them before more is read
            await asyncio.sleep(0)

    async def _bookmark(self, bookmark: Bookmark) -> Step:
        watching = self._machine.state is State.WATCHING
        if watching:
            await self._queue.put(Deltas([], bookmark.resource_version))
        step = self._machine.bookmark(
            bookmark.resource_version, self._clock(), initial_events_end=bookmark.ends_snapshot
        )
        await self._commit_if_whole(step)
        return step

    async def _commit_if_whole(self, step: Step) -> None:
        if step.after is After.COMMIT:
            await self._queue.put(SnapshotCommit(self._machine.resource_version))

    async def _read(self, body: Body) -> bytes:
        self._patience.begin(self._machine.silence)
        chunk = await body.read()
        self._patience.end()
        self._observer.heard()
        return chunk


async def read_whole(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """A list's body, read to its end.

    Raises:
        MalformedResponse: it is longer than ``LONGEST_LIST`` bytes.
    """
    body = bytearray()
    while chunk := await read():
        body += chunk
        check_length(len(body))
    return bytes(body)


def check_length(length: int) -> None:
    """Refuse to read a list on without end.

    Raises:
        MalformedResponse: it is longer than ``LONGEST_LIST`` bytes.
    """
    if length > LONGEST_LIST:
        raise MalformedResponse(
            f"a list of more than {LONGEST_LIST} bytes in one response: ask for smaller pages (page_size), "
            "fewer objects (label_selector) or metadata_only=True"
        )


def _slices(items: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """Up to ``SLICE`` of them at a time, fewer if they are large."""
    some: list[msgspec.Raw] = []
    length = 0
    for item in items:
        some.append(item)
        length += len(item)
        if len(some) >= SLICE or length >= ENOUGH:
            yield some
            some, length = [], 0
    if some:
        yield some


def _version(event: Delta | Undecodable) -> str:
    return event.record.resource_version if isinstance(event, Delta) else event.resource_version
