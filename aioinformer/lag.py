"""For how long the oldest event of a subscriber has waited, at the price of a look at the clock per batch."""

from __future__ import annotations

from collections import deque

__all__ = ["Lag"]

RESOLUTION = 0.05
"""Seconds within which changes count as offered together: a mark now and then, not one per change."""


class Lag:
    """Told what is offered when, it says since when what is left has waited. ``waiting`` is what waits in order."""

    __slots__ = ("_behind_since", "_marks", "_started_at", "count", "next_mark")

    def __init__(self) -> None:
        self.count = 0
        """How many were offered so far. Before ``next_mark`` whoever offers may count them here himself."""
        self._marks: deque[tuple[float, int]] = deque()
        """Moments, and how many changes had been offered before."""
        self.next_mark = float("-inf")
        """When ``offered`` is to be called next, at the latest."""
        self._started_at = self._behind_since = 0.0

    def started(self, now: float) -> None:
        """The replay waits from now on."""
        self._started_at = now

    def fell_behind(self, now: float) -> None:
        """The first change past the bound: changes are merged from now on."""
        self._behind_since = now

    def offered(self, count: int, waiting: int, now: float) -> None:
        """So many more wait, at the end of all that wait in order."""
        before = self.count
        self.count = before + count
        if now < self.next_mark:
            return
        self.next_mark = now + RESOLUTION
        marks = self._marks
        oldest = self.count - waiting
        while len(marks) > 1 and marks[1][1] <= oldest:
            marks.popleft()
        marks.append((now, before))

    def seconds(self, waiting: int, now: float, *, replaying: bool, behind: bool) -> float:
        """Seconds since the oldest one was offered; 0.0 when none waits."""
        if replaying:
            return now - self._started_at
        if not waiting:
            return now - self._behind_since if behind else 0.0
        oldest = self.count - waiting
        return now - next((moment for moment, before in reversed(self._marks) if before <= oldest), now)
