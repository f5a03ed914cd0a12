"""The watches that are open now, and what can be done to them from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Target
    from aioinformer.testing.statuses import ApiServerError
    from aioinformer.testing.watching import Watch

__all__ = ["OpenWatches"]


class OpenWatches:
    """A watch is open from its response's headers on until it ends; one that is told to end counts as closed at once."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._aborts: dict[Watch, Callable[[], None]] = {}
        self._changed = changed

    def add(self, watch: Watch, abort: Callable[[], None]) -> None:
        """Count a watch as open; ``abort`` drops its connection."""
        self._aborts[watch] = abort
        self._changed()

    def discard(self, watch: Watch) -> None:
        """Count it no more."""
        if self._aborts.pop(watch, None) is not None:
            self._changed()

    def count(self, target: Target) -> int:
        """How many of the meant watches are open."""
        return len(self.matching(target))

    def bookmark(self, target: Target) -> None:
        """Have each send a bookmark, if it takes them."""
        for watch in self.matching(target):
            watch.send_bookmark()

    def end(self, target: Target, *, mid_line: bool = False) -> None:
        """End each cleanly, after what is pending or in the middle of a line."""
        for watch in self.matching(target):
            watch.end(mid_line=mid_line)
            self.discard(watch)

    def fail(self, target: Target, error: ApiServerError) -> None:
        """End each with an ERROR event, after what is pending."""
        for watch in self.matching(target):
            watch.fail(error)
            self.discard(watch)

    def cut(self, target: Target, *, mid_line: bool = False) -> None:
        """Drop the connection of each, whatever is pending; or send half an event first."""
        for watch in self.matching(target):
            abort = self._aborts[watch]
            self.discard(watch)
            if mid_line:
                watch.break_off()
            else:
                abort()

    def wake(self) -> None:
        """Have each look at what it may send."""
        for watch in self._aborts:
            watch.wake()

    def matching(self, target: Target) -> list[Watch]:
        """The open watches that are meant."""
        return [watch for watch in self._aborts if target.covers(watch.request)]
