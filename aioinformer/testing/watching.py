"""One watch: the state or a place in the log to start from, then changes and bookmarks until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aioinformer.testing.rendering import Rendering
from aioinformer.testing.statuses import ApiServerError, ExpiredError, GroupResource

if TYPE_CHECKING:
    from aioinformer.testing.mvcc import Snapshot
    from aioinformer.testing.options import ListOptions
    from aioinformer.testing.requests import Request
    from aioinformer.testing.selecting import Selection
    from aioinformer.testing.view import View

__all__ = ["Watch", "WatchScope", "WatchTiming"]

Send = Callable[[bytes], Awaitable[None]]

_EVENTS_A_CHUNK = 256
_LAST_BOOKMARK = 2.0  # seconds before the time-out, as in a real server


@dataclass(frozen=True, slots=True)
class WatchScope:
    """What one watch shows, and how."""

    resource: GroupResource
    namespace: str | None
    selection: Selection
    rendering: Rendering


class WatchTiming(NamedTuple):
    """Seconds between bookmarks, and seconds until the watch ends by itself."""

    bookmark_interval: float
    timeout: float


class Watch:
    """Makes the chunks of one watch response.

    The place in the log is taken on construction, in a running loop: every later write is delivered. ``close`` has to be called in
    the end.
    """

    def __init__(
        self, view: View, scope: WatchScope, options: ListOptions, *, request: Request, timing: WatchTiming
    ) -> None:
        self.request = request
        self.broken = False
        self._view = view
        self._scope = scope
        self._options = options
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._bookmark_due = False
        self._interjection = b""
        self._last_words = b""
        self._over = False
        self._in_mid_line = False
        self._limits: list[asyncio.TimerHandle] = []
        self.started_at = view.revision
        oldest = view.oldest(scope.resource)
        expired = not self._skips_history and options.minimum_version < oldest
        start = self.started_at if self._skips_history or expired else options.minimum_version
        self._reader = view.log(scope.resource, scope.namespace).read(start, self._awake.set)
        self._floor = self._reached = start
        self._state = view.snapshot(scope.resource) if options.starts_with_state else None
        if expired:
            self.refuse(ExpiredError(f"too old resource version: {options.minimum_version} ({oldest})"))

    @property
    def _skips_history(self) -> bool:
        return self._options.starts_with_state or self._options.minimum_version == 0

    def wake(self) -> None:
        """Have it look at what it may send."""
        self._awake.set()

    def send_bookmark(self) -> None:
        """Have a bookmark sent now, if this watch takes bookmarks."""
        self._bookmark_due = self._options.bookmarks
        self._awake.set()

    def interject(self, line: bytes) -> None:
        """Have a line sent that is none of its own, before what is pending."""
        self._interjection += line
        self._awake.set()

    def fail(self, error: ApiServerError) -> None:
        """End with an in-stream ERROR event after what is pending."""
        self._last_words = Rendering.error(error)
        self.end()

    def refuse(self, error: ApiServerError) -> None:
        """Send nothing but an ERROR event."""
        self._state = None
        self.fail(error)

    def end(self, *, mid_line: bool = False) -> None:
        """End cleanly after what is pending, or in the middle of the next event's line (of a bookmark's, if there is no event)."""
        self._over = True
        self._in_mid_line = mid_line
        self._awake.set()

    def break_off(self) -> None:
        """End in the middle of a line, with ``broken`` set: the connection is to be dropped."""
        self.broken = True
        self.end(mid_line=True)

    def end_in(self, seconds: float, *, if_still: Callable[[], bool]) -> None:
        """End cleanly after some time, on a condition asked for then."""
        self._limits.append(self._loop.call_later(seconds, lambda: self.end() if if_still() else None))

    def close(self) -> None:
        """Give up the place in the log."""
        self._reader.close()
        for timer in self._limits:
            timer.cancel()

    async def run(self, send: Send) -> None:
        """Send chunks until the watch is ended or its time is up. Cancelling it loses what was not sent."""
        deadline = self._loop.time() + self._timing.timeout
        time_out = asyncio.timeout_at(deadline)
        try:
            async with time_out:
                await self._send_state(send)
                await self._send_changes(send, deadline)
        except TimeoutError:
            if not time_out.expired():
                raise

    async def _send_state(self, send: Send) -> None:
        state, self._state = self._state, None
        if state is None:
            return
        for chunk in self._initial_chunks(state):
            if self._in_mid_line:
                return
            await send(chunk)
            await asyncio.sleep(0)
        if self._options.wants_end_mark and self._view.sends_bookmarks(initial=True):
            await send(self._scope.rendering.bookmark(self.started_at, initial_end=True))

    def _initial_chunks(self, snapshot: Snapshot) -> Iterator[bytes]:
        start, end = snapshot.span(self._scope.namespace)
        for first in range(start, end, _EVENTS_A_CHUNK):
            objects = snapshot.objects[first : min(end, first + _EVENTS_A_CHUNK)]
            matching = [each for each in objects if self._scope.selection.matches(each)]
            chunk = b"".join(map(self._scope.rendering.added, self._view.shown(matching)))
            if chunk:
                yield chunk

    async def _send_changes(self, send: Send, deadline: float) -> None:
        bookmark_at = self._next_bookmark(self._loop.time(), deadline)
        while True:
            self._awake.clear()
            if self._in_mid_line:
                await send(self._half_line())
                return
            if bookmark_at is not None and self._loop.time() >= bookmark_at:
                self._bookmark_due = self._options.bookmarks
                bookmark_at = self._next_bookmark(self._loop.time(), deadline)
            chunk = self._chunk()
            if chunk:
                await send(chunk)
            elif self._over:
                return
            else:
                await self._idle(bookmark_at)

    async def _idle(self, until: float | None) -> None:
        time_out = asyncio.timeout_at(until)
        try:
            async with time_out:
                await self._awake.wait()
        except TimeoutError:
            if not time_out.expired():
                raise

    def _chunk(self) -> bytes:
        """What to send now; nothing if there is nothing to say, for the moment or, once over, at all."""
        if self._interjection:
            words, self._interjection = self._interjection, b""
            return words
        if events := b"".join(self._take_events()):
            return events
        if self._bookmark_due:
            self._bookmark_due = False
            if bookmark := self._bookmark():
                return bookmark
        words, self._last_words = self._last_words, b""
        return words

    def _half_line(self) -> bytes:
        lines = [line for line in self._take_events() if line]
        line = lines[0] if lines else self._scope.rendering.bookmark(self._view.revision, initial_end=False)
        return line[: len(line) // 2]

    def _take_events(self) -> list[bytes]:
        """The lines of the next changes that make any; empty when all that can be seen is sent."""
        while changes := self._reader.take(_EVENTS_A_CHUNK, self._view.horizon):
            self._reached = max(self._reached, changes[-1].revision)
            lines = [
                self._scope.rendering.event(self._view.shown_change(change), self._scope.selection)
                for change in changes
                if change.revision > self._floor
            ]
            if any(lines):
                return lines
        return []

    def _bookmark(self) -> bytes:
        """A bookmark, unless it would lead back behind what was sent already, or is not let through."""
        revision = self._view.revision
        if revision < self._reached or not self._view.sends_bookmarks():
            return b""
        return self._scope.rendering.bookmark(revision, initial_end=False)

    def _next_bookmark(self, now: float, deadline: float) -> float | None:
        at = min(now + self._timing.bookmark_interval, deadline - _LAST_BOOKMARK)
        return at if at > now else None
