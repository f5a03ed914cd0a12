"""A conversation between a scripted server and the machine: the server says something, the machine asks again.

``Conversation`` does what ``reflector.py`` does, without a network or a loop: it sends the machine's next request
whenever a response is over, after letting the pause pass on a clock that only moves when a test says so.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from aioinformer.listwatch import InitialList, ListWatch, Request, Step
from aioinformer.transitions import After, State

if TYPE_CHECKING:
    from aioinformer.errors import InformerError

TIMEOUT = {"timeoutSeconds": "300"}
WATCH = {"watch": "true", "allowWatchBookmarks": "true", **TIMEOUT}
STREAM = Request(
    State.STREAMING,
    {**WATCH, "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"},
    begins_snapshot=True,
)
LIST = Request(State.LISTING, {"limit": "500"}, begins_snapshot=True)


def page(continue_token: str) -> Request:
    """The request for a further page."""
    return Request(State.LISTING, {"limit": "500", "continue": continue_token})


def watch(resource_version: str) -> Request:
    """The request to go on from a version."""
    return Request(State.WATCHING, {**WATCH, "resourceVersion": resource_version})


class Extremes(Random):
    """Draws the longest wait and the shortest watch: what is asserted is the ceiling of every backoff."""

    def uniform(self, a: float, b: float) -> float:
        return b

    def randint(self, a: int, b: int) -> int:
        return a


class Conversation:
    """``asked`` are the requests so far, ``waits`` the pauses before each but the first, ``steps`` all answers."""

    def __init__(
        self, *, initial_list: InitialList = "stream", page_size: int = 500, random: Random | None = None
    ) -> None:
        self.machine = ListWatch(random or Extremes(), initial_list=initial_list, page_size=page_size)
        self.now = 1000.0
        self.waits: list[float] = []
        self.steps: list[Step] = []
        self.asked = [self.machine.request()]

    @property
    def last(self) -> Step:
        """The machine's last answer."""
        return self.steps[-1]

    def after(self, seconds: float) -> Conversation:
        """Time passes."""
        self.now += seconds
        return self

    def opens(self) -> Conversation:
        """The server accepts the watch."""
        self.machine.opened(self.now)
        return self

    def page(self, resource_version: str, continue_token: str = "") -> Conversation:
        """The server sends a list page."""
        return self._took(self.machine.page(resource_version, continue_token, self.now))

    def event(self, resource_version: str) -> Conversation:
        """The server sends an event, ADDED, MODIFIED or DELETED."""
        return self._took(self.machine.events(resource_version, self.now))

    def bookmark(self, resource_version: str) -> Conversation:
        """The server sends a bookmark."""
        return self._took(self.machine.bookmark(resource_version, self.now))

    def initial_events_end(self, resource_version: str) -> Conversation:
        """The server sends the bookmark after which the snapshot is whole."""
        return self._took(self.machine.bookmark(resource_version, self.now, initial_events_end=True))

    def ends(self) -> Conversation:
        """The server ends the watch cleanly."""
        return self._took(self.machine.ended(self.now))

    def fails(self, error: InformerError) -> Conversation:
        """The request fails, or its response does half-way."""
        return self._took(self.machine.failed(error, self.now))

    def distrusted(self) -> Conversation:
        """Somebody found the cache at fault."""
        return self._took(self.machine.distrusted(self.now))

    def streams(self, resource_version: str) -> Conversation:
        """The server streams a whole snapshot and goes on watching."""
        return self.opens().event("").initial_events_end(resource_version)

    def _took(self, step: Step) -> Conversation:
        self.steps.append(step)
        over = self.asked[-1].state is State.LISTING or step.after not in {After.GO_ON, After.COMMIT}
        if over:
            self.waits.append(step.pause)
            self.now += step.pause
            self.asked.append(self.machine.request())
        return self


def watching(resource_version: str = "10") -> Conversation:
    """A conversation that has got as far as watching, with no request or wait yet that is of interest."""
    conversation = Conversation().streams(resource_version)
    conversation.asked.clear()
    conversation.asked.append(watch(resource_version))  # the stream that brought the snapshot goes on as the watch
    return conversation
