"""The table of list-then-watch: what every happening leads to, in every state.

This is the only place that says what follows what; ``docs/listwatch.md`` is drawn from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from aioinformer.errors import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    IdleTimeout,
    InformerError,
    Invalid,
    MalformedResponse,
    MethodNotAllowed,
    NetworkError,
    NotFound,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    TooManyRequests,
    Unauthorized,
)

__all__ = ["TABLE", "After", "Happening", "Pause", "Rule", "State", "happening"]


class State(StrEnum):
    """Where the conversation with the server stands."""

    STREAMING = "streaming"
    LISTING = "listing"
    WATCHING = "watching"


class Happening(StrEnum):
    """What came of a request, as far as it decides what comes next."""

    PAGE = "page, more to come"
    LAST_PAGE = "last page"
    SNAPSHOT_END = "bookmark: initial events end"
    EVENT = "event"
    BOOKMARK = "bookmark"
    UNABLE = "streaming does not work here"
    CLEAN_END = "clean end"
    SHORT_END = "clean end, under 1 s, no event"
    EXPIRED = "410 expired"
    TOO_LARGE = "version too large"
    UNAVAILABLE = "429 or 5xx"
    NETWORK = "network failure"
    IDLE = "silence past the deadline"
    MALFORMED = "not the protocol"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    REFUSED = "400, 405, 415 or 422"
    OTHER = "any other error"
    DISTRUSTED = "an audit wants it anew"


class Pause(StrEnum):
    """How long to wait first. Whatever ``Retry-After`` asks for comes on top."""

    NONE = "at once"
    BACKOFF = "backoff"
    RELIST = "backoff of relists"
    """A backoff of its own, which a finished snapshot does not reset, only a watch that then lives on."""
    SLOW = "slow end of the backoff"


class After(StrEnum):
    """What to ask for next."""

    GO_ON = "go on"
    """The same response continues, or the next page follows."""
    COMMIT = "commit, watch"
    """The snapshot is whole; watch from its version."""
    RESUME = "resume"
    """The same request again: the same page, or a watch from the last version."""
    SNAPSHOT = "new snapshot"
    """From the beginning, and whatever part of one had arrived is dropped."""
    FALL_BACK = "list pages instead"
    """A new snapshot by list pages, and no streaming for a good while."""


class Rule(NamedTuple):
    """One row of the table. ``final``: nothing will change without somebody's doing, so waiting callers are told."""

    after: After
    pause: Pause = Pause.NONE
    final: bool = False


_GO_ON = Rule(After.GO_ON)
_RESUME = Rule(After.RESUME, Pause.BACKOFF)
_SNAPSHOT = Rule(After.SNAPSHOT, Pause.BACKOFF)
_RELIST = Rule(After.SNAPSHOT, Pause.RELIST)
_FALL_BACK = Rule(After.FALL_BACK, Pause.BACKOFF)
_FINAL_SNAPSHOT = Rule(After.SNAPSHOT, Pause.SLOW, final=True)

TABLE: dict[State, dict[Happening, Rule]] = {
    State.STREAMING: {
        Happening.EVENT: _GO_ON,
        Happening.BOOKMARK: _GO_ON,
        Happening.SNAPSHOT_END: Rule(After.COMMIT),
        Happening.UNABLE: _FALL_BACK,
        Happening.CLEAN_END: _FALL_BACK,
        Happening.SHORT_END: _FALL_BACK,
        Happening.IDLE: _FALL_BACK,
        Happening.MALFORMED: _FALL_BACK,
        Happening.REFUSED: _FALL_BACK,
        Happening.OTHER: _FALL_BACK,
        Happening.EXPIRED: _RELIST,
        Happening.TOO_LARGE: _SNAPSHOT,
        Happening.UNAVAILABLE: _SNAPSHOT,
        Happening.NETWORK: _SNAPSHOT,
        Happening.UNAUTHORIZED: Rule(After.SNAPSHOT, Pause.BACKOFF, final=True),
        Happening.FORBIDDEN: _FINAL_SNAPSHOT,
        Happening.NOT_FOUND: _FINAL_SNAPSHOT,
        Happening.DISTRUSTED: Rule(After.SNAPSHOT),
    },
    State.LISTING: {
        Happening.PAGE: _GO_ON,
        Happening.LAST_PAGE: Rule(After.COMMIT),
        Happening.IDLE: _RESUME,
        Happening.MALFORMED: _RESUME,
        Happening.UNAVAILABLE: _RESUME,
        Happening.NETWORK: _RESUME,
        Happening.EXPIRED: _RELIST,
        Happening.TOO_LARGE: _SNAPSHOT,
        Happening.OTHER: _SNAPSHOT,
        Happening.UNAUTHORIZED: Rule(After.RESUME, Pause.BACKOFF, final=True),
        Happening.FORBIDDEN: _FINAL_SNAPSHOT,
        Happening.NOT_FOUND: _FINAL_SNAPSHOT,
        Happening.REFUSED: _FINAL_SNAPSHOT,
        Happening.DISTRUSTED: Rule(After.SNAPSHOT),
    },
    State.WATCHING: {
        Happening.EVENT: _GO_ON,
        Happening.BOOKMARK: _GO_ON,
        Happening.CLEAN_END: Rule(After.RESUME),
        Happening.SHORT_END: _RESUME,
        Happening.IDLE: _RESUME,
        Happening.MALFORMED: _RESUME,
        Happening.UNAVAILABLE: _RESUME,
        Happening.NETWORK: _RESUME,
        Happening.UNAUTHORIZED: Rule(After.RESUME, Pause.BACKOFF, final=True),
        Happening.FORBIDDEN: Rule(After.RESUME, Pause.SLOW, final=True),
        Happening.EXPIRED: _RELIST,
        Happening.TOO_LARGE: _RELIST,
        Happening.REFUSED: _FINAL_SNAPSHOT,
        Happening.OTHER: _RELIST,
        Happening.NOT_FOUND: _FINAL_SNAPSHOT,
        Happening.DISTRUSTED: Rule(After.SNAPSHOT),
    },
}

_HAPPENINGS: tuple[tuple[type[InformerError], Happening], ...] = (
    (IdleTimeout, Happening.IDLE),
    (NetworkError, Happening.NETWORK),
    (MalformedResponse, Happening.MALFORMED),
    (ResourceVersionTooLarge, Happening.TOO_LARGE),
    (ResourceExpired, Happening.EXPIRED),
    (TooManyRequests, Happening.UNAVAILABLE),
    (ServerError, Happening.UNAVAILABLE),
    (ConfigurationError, Happening.UNAUTHORIZED),
    (Unauthorized, Happening.UNAUTHORIZED),
    (Forbidden, Happening.FORBIDDEN),
    (NotFound, Happening.NOT_FOUND),
    (BadRequest, Happening.REFUSED),
    (MethodNotAllowed, Happening.REFUSED),
    (Invalid, Happening.REFUSED),
)


def happening(error: InformerError) -> Happening:
    """What an error means to the table."""
    return next((meaning for kind, meaning in _HAPPENINGS if isinstance(error, kind)), Happening.OTHER)
