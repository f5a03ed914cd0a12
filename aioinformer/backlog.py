"""What one subscriber has not yet taken: in order up to a bound, merged per key past it. Pure, nothing awaits.

The rules:

- Up to ``limit`` changes wait in order. While more wait, each key has one merged entry, whose ``old`` stays the object
  this subscriber saw last. So at most ``limit`` plus two changes per key ever wait.
- A removal of an object the subscriber has seen, or will be shown, is never merged away, and neither is the
  replacement of an object by another of the same name. An object that came and went unseen leaves no trace.
- What was merged comes after all that waits in order, in the order in which the keys first fell behind.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioinformer.batches import Change

__all__ = ["Backlog"]


class Backlog:
    """A queue of changes for one subscriber; ``merged`` counts the changes that were folded into others."""

    __slots__ = ("_in_order", "_limit", "_merging", "merged")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_order: deque[Change] = deque()
        self._merging: dict[str, list[Change]] = {}
        self.merged = 0

    def __len__(self) -> int:
        return len(self._in_order) + sum(map(len, self._merging.values())) if self._merging else len(self._in_order)

    @property
    def is_full(self) -> bool:
        """Whether the next change will be merged."""
        return len(self._in_order) >= self._limit or bool(self._merging)

    def push(self, change: Change) -> None:
        """Add a change, or merge it with what waits for its key."""
        if len(self._in_order) < self._limit and not self._merging:
            self._in_order.append(change)
            return
        waiting = self._merging.get(change.key)
        if waiting is None:
            self._merging[change.key] = [change]
            return
        before = len(waiting) + 1
        _merge(waiting, change)
        self.merged += before - len(waiting)
        if not waiting:
            del self._merging[change.key]

    def pop(self) -> Change | None:
        """The next change, or ``None``."""
        if self._in_order:
            return self._in_order.popleft()
        for key, waiting in self._merging.items():
            change = waiting.pop(0)
            if not waiting:
                del self._merging[key]
            return change
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._in_order.clear()
        self._merging.clear()


def _merge(waiting: list[Change], change: Change) -> None:
    """Fold a change into the one or two that wait for its key; leaves nothing when they cancel out."""
    last = waiting[-1]
    if last.new is None:  # a removal waits: what follows is another object, or this one back again
        waiting.append(change)
        return
    waiting.pop()
    if change.new is not None:
        waiting.append(change._replace(old=last.old))
    elif last.old is not None:
        waiting.append(change)
