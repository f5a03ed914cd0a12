"""Faults under which requests are still served, only worse; each is looked up where it makes a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioinformer.testing.faults import Fault, Target

if TYPE_CHECKING:
    from aioinformer.testing.requests import Request
    from aioinformer.testing.watching import Watch

__all__ = ["BookmarksDropped", "Refused", "Shortened", "Slowed", "Spoilt", "Stale", "Stalled"]


@dataclass(eq=False)
class Stalled(Fault):
    """No byte of a response is sent. ``latest`` is the number of the last request concerned; ``None``: future ones are, too."""

    latest: int | None

    def covers(self, request: Request) -> bool:
        """Whether a response is held up."""
        return (self.latest is None or request.number <= self.latest) and self.target.covers(request)


@dataclass(eq=False)
class Slowed(Fault):
    """Bodies trickle at ``rate`` bytes a second."""

    rate: float


@dataclass(eq=False)
class Refused(Fault):
    """Connections are reset when their request arrives; where everything is meant, none comes about."""

    @property
    def shuts_the_port(self) -> bool:
        """Whether nobody is let in at all."""
        return self.target == Target()


@dataclass(eq=False)
class BookmarksDropped(Fault):
    """Watches send no bookmarks; with ``initial`` not even the one that ends the initial events."""

    initial: bool


@dataclass(eq=False)
class Shortened(Fault):
    """Watches end cleanly after some seconds."""

    after: float

    def limit(self, watch: Watch) -> None:
        """Have an open watch end in time, if the fault is still in force then."""
        watch.end_in(self.after, if_still=lambda: self.in_force)


@dataclass(eq=False)
class Stale(Fault):
    """Reads know nothing newer than a revision."""

    revision: int


@dataclass(eq=False)
class Spoilt(Fault):
    """The object of a key (``namespace/name``, or ``name`` outside namespaces) is sent with metadata that makes no sense."""

    key: str
