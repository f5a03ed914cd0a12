"""What to ask the API server next: the whole of list-then-watch as one pure state machine.

It does no I/O, has no clock and no event loop. Whoever carries it out (``reflector.py``) sends the ``Request`` it
names, tells it what happened and when, and obeys the ``Step`` it returns. The rules:

- A snapshot is whole before anybody sees it. It arrives as a stream (a watch with ``sendInitialEvents``, KEP-3157) or,
  where a server cannot do that, as pages of a list.
- A watch resumes from the last version handed on. Only lost history (410), or an answer that makes no sense of our
  version, costs a new snapshot.
- Every failure waits, longer each time, and only progress shortens the wait again. Having connected is no progress.
- The table in ``transitions.py`` says what follows what; counters here may turn a happening into a graver one before
  it is looked up, never after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aioinformer.backoff import Backoff
from aioinformer.errors import APIError
from aioinformer.resource import is_newer
from aioinformer.transitions import TABLE, After, Happening, Pause, State, happening

if TYPE_CHECKING:
    from random import Random

    from aioinformer.errors import InformerError

__all__ = ["InitialList", "ListWatch", "Request", "Step"]

InitialList = Literal["stream", "consistent", "cached"]
"""How a snapshot is fetched: streamed, by consistent list pages, or from the server's watch cache."""

PAGE_SIZE = 500
SHORT_WATCH = 1.0
"""Seconds: a watch that ends sooner without an event is a failure."""
SHORT_WATCHES_MEAN_EXPIRED = 3
"""Some servers close a watch from a version they no longer have without a 410 (kubernetes/kubernetes#137089)."""
BROKEN_STREAMS_MEAN_UNABLE = 3
PLAIN_BOOKMARKS_MEAN_UNABLE = 3
"""A server that does not know ``sendInitialEvents`` ignores it and sends bookmarks, but never the one that counts."""
STREAM_AGAIN_AFTER = 3600.0
"""Seconds for which a server that could not stream a list is asked for pages instead."""
HEALTHY_WATCH = 60.0
"""Seconds a watch has to live before a relist counts as the first one again."""
SNAPSHOT_SILENCE = 30.0
"""Seconds without a byte after which a snapshot under way is given up."""
UNKNOWN_RHYTHM_SLACK = 30.0
BOOKMARKS_MISSED = 3.0
SHORTEST_SILENCE = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask the server: ``query`` without the selectors, which never change.

    ``begins_snapshot``: whatever part of a snapshot had arrived before is void.
    """

    state: State
    query: dict[str, str]
    begins_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now: with ``After.GO_ON`` read on, otherwise wait ``pause`` seconds and ask for the next request.

    ``final``: nothing will change without somebody's doing, so callers who wait for the sync are told.
    """

    happening: Happening
    after: After
    pause: float = 0.0
    final: bool = False


class ListWatch:
    """The machine. ``now`` is any clock in seconds that only grows; ``random`` draws time-outs and jitter.

    ``resource_version`` is where a watch resumes: the version of the last event, bookmark or snapshot handed on.
    """

    def __init__(self, random: Random, *, initial_list: InitialList = "stream", page_size: int = PAGE_SIZE) -> None:
        self.resource_version = ""
        self._random = random
        self._initial_list = initial_list
        self._page_size = page_size
        self._backoff = Backoff(random)
        self._relists = Backoff(random)
        self._relisted_lately = False
        self._stream_again_at = float("-inf")
        self._broken_streams = 0
        self._short_watches = 0
        self._longest_gap = 0.0
        self._watch_seconds = 0
        self._version_too_large = False
        self._offer_taken = self._at_beginning = False
        self._continue = self._snapshot_version = ""
        self.state = State.LISTING
        self.opened(0.0)
        self._begin_snapshot(0.0)

    @property
    def failures(self) -> int:
        """Failures since the last progress."""
        return self._backoff.failures + self._relists.failures

    @property
    def silence(self) -> float:
        """Seconds without a byte after which the response under way is dead; for a watch learnt from its bookmarks."""
        if self.state is not State.WATCHING:
            return SNAPSHOT_SILENCE
        if not self._longest_gap:
            return self._watch_seconds + UNKNOWN_RHYTHM_SLACK
        return max(SHORTEST_SILENCE, BOOKMARKS_MISSED * self._longest_gap)

    def resume(self, resource_version: str) -> None:
        """Begin with a watch from a version that was reached in an earlier life, not with a snapshot. Before any request."""
        self.state = State.WATCHING
        self.resource_version = resource_version
        self._at_beginning = False

    def request(self) -> Request:
        """What to ask the server now."""
        begins, self._at_beginning = self._at_beginning, False
        self._events = 0
        match self.state:
            case State.LISTING:
                return Request(self.state, self._list_query(), begins)
            case State.STREAMING:
                initial = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
                return Request(self.state, self._watch_query() | initial, begins)
            case State.WATCHING:
                return Request(self.state, self._watch_query() | {"resourceVersion": self.resource_version})

    def opened(self, now: float) -> None:
        """The server accepted the watch and will stream."""
        self._opened_at = now
        self._bookmark_at: float | None = None
        self._events = self._plain_bookmarks = 0

    def page(self, resource_version: str, continue_token: str, now: float) -> Step:
        """A page of the list was handed on. The snapshot's version is its first page's."""
        self._snapshot_version = self._snapshot_version or resource_version
        self._continue = continue_token
        if continue_token:
            return self._step(Happening.PAGE, now)
        self.resource_version = self._snapshot_version
        return self._step(Happening.LAST_PAGE, now)

    def events(self, resource_version: str, now: float) -> Step:
        """Watch events were handed on, the last of them at this version. A version that was reached before is no progress."""
        if self.state is State.STREAMING:
            self._events += 1
        elif is_newer(resource_version, self.resource_version):
            self._events += 1
            self._progressed(resource_version, now)
        return self._step(Happening.EVENT, now)

    def bookmark(self, resource_version: str, now: float, *, initial_events_end: bool = False) -> Step:
        """A bookmark was handed on: nothing was missed up to this version."""
        if self.state is State.STREAMING:
            return self._bookmark_in_stream(resource_version, now, initial_events_end)
        if self._bookmark_at is not None:
            self._longest_gap = max(self._longest_gap, now - self._bookmark_at)
        self._bookmark_at = now
        moved = is_newer(resource_version, self.resource_version)
        self._events += moved
        if moved or now - self._opened_at >= SHORT_WATCH:
            self._progressed(resource_version if moved else self.resource_version, now)
        return self._step(Happening.BOOKMARK, now)

    def ended(self, now: float) -> Step:
        """The watch ended without an error."""
        if self._events or now - self._opened_at >= SHORT_WATCH:
            self._short_watches = 0
            return self._step(Happening.CLEAN_END, now)
        self._short_watches += 1
        if self.state is State.WATCHING and self._short_watches >= SHORT_WATCHES_MEAN_EXPIRED:
            return self._step(Happening.EXPIRED, now)
        return self._step(Happening.SHORT_END, now)

    def failed(self, error: InformerError, now: float) -> Step:
        """The request failed, or its response half-way."""
        what = happening(error)
        if what is Happening.IDLE:  # if the server was only slower than it used to be, this is how we find out
            self._longest_gap *= 2
        if self.state is State.STREAMING and what is Happening.NETWORK and self._events:
            self._broken_streams += 1
            if self._broken_streams >= BROKEN_STREAMS_MEAN_UNABLE:
                what = Happening.UNABLE
        if self.state is State.LISTING and what is Happening.REFUSED and self._continue:
            what = Happening.OTHER  # it may be the token that the server does not take: begin again
        offer = error.continue_token if isinstance(error, APIError) else ""
        if self.state is State.LISTING and what is Happening.EXPIRED and offer and not self._offer_taken:
            self._offer_taken = True
            self._continue = offer
            return Step(what, After.RESUME, self._pause(Pause.RELIST))
        return self._step(what, now, error)

    def distrusted(self, now: float) -> Step:
        """The cache is in doubt: whatever is under way, a new snapshot comes next."""
        return self._step(Happening.DISTRUSTED, now)

    def _bookmark_in_stream(self, resource_version: str, now: float, initial_events_end: bool) -> Step:  # noqa: FBT001  # its one caller's keyword
        if initial_events_end:
            self.resource_version = resource_version
            return self._step(Happening.SNAPSHOT_END, now)
        self._plain_bookmarks += 1
        unable = self._plain_bookmarks >= PLAIN_BOOKMARKS_MEAN_UNABLE
        return self._step(Happening.UNABLE if unable else Happening.BOOKMARK, now)

    def _step(self, what: Happening, now: float, error: InformerError | None = None) -> Step:
        rule = TABLE[self.state][what]
        pause = self._pause(rule.pause, error)
        match rule.after:
            case After.COMMIT:
                self._committed(now)
            case After.FALL_BACK:
                self._stream_again_at = now + STREAM_AGAIN_AFTER
                self._begin_snapshot(now)
            case After.SNAPSHOT:
                self._version_too_large = what is Happening.TOO_LARGE
                self._begin_snapshot(now)
            case After.RESUME:  # a first page asked for again comes from a later version: what came of it is void
                self._at_beginning = self.state is State.LISTING and not self._continue
            case After.GO_ON:
                pass
        return Step(what, rule.after, pause, rule.final)

    def _pause(self, pause: Pause, error: InformerError | None = None) -> float:
        asked = error.retry_after if isinstance(error, APIError) else None
        seconds = asked or 0.0
        match pause:
            case Pause.NONE:
                pass
            case Pause.BACKOFF:
                seconds += self._backoff.next()
            case Pause.SLOW:
                seconds += self._backoff.slowest()
            case Pause.RELIST:
                seconds += self._relists.next()
                self._relisted_lately = True
        return seconds

    def _begin_snapshot(self, now: float) -> None:
        can_stream = self._initial_list == "stream" and now >= self._stream_again_at
        self.state = State.STREAMING if can_stream else State.LISTING
        self._at_beginning = True
        self._offer_taken = False
        self._continue = self._snapshot_version = ""
        self._short_watches = 0

    def _committed(self, now: float) -> None:
        self.state = State.WATCHING
        self._version_too_large = False
        self._broken_streams = 0
        if (
            not self._relisted_lately
        ):  # a snapshot that had to be fetched anew is progress only if a watch then lives on
            self._backoff.reset()
        self.opened(now)

    def _progressed(self, resource_version: str, now: float) -> None:
        self.resource_version = resource_version
        self._short_watches = 0
        self._backoff.reset()
        if now - self._opened_at >= HEALTHY_WATCH:
            self._relisted_lately = False
            self._relists.reset()

    def _list_query(self) -> dict[str, str]:
        query = {"limit": str(self._page_size)} if self._page_size else {}
        if self._continue:
            return query | {"continue": self._continue}
        if self._initial_list == "cached" and not self._version_too_large:
            return query | {"resourceVersion": self.resource_version or "0", "resourceVersionMatch": "NotOlderThan"}
        return query

    def _watch_query(self) -> dict[str, str]:
        self._watch_seconds = self._random.randint(300, 600)
        return {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(self._watch_seconds)}
