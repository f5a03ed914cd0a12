"""What one subscriber has not yet taken: in order up to a bound, merged per key past it. Pure, nothing awaits.

The rules:

- Up to ``limit`` changes wait in order. While more wait, each key has one merged entry, whose ``old`` stays the object
  this subscriber saw last. So at most ``limit`` plus two changes per key ever wait.
- A removal of an object the subscriber has seen, or will be shown, is never merged away, and neither is the
  replacement of an object by another of the same name. An object that came and went unseen leaves no trace.
- What was merged comes after all that waits in order, in the order in which the keys first fell behind.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from aioinformer.batches import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Backlog"]

LATELY = 256
"""Merged changes that are remembered by key, to explain what became of them."""


class Backlog:
    """A queue of changes for one subscriber; ``merged`` counts the changes that were folded into others."""

    __slots__ = ("_behind_removals", "_limit", "behind", "in_order", "lately_merged", "merged")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_order: deque[Change] = deque()
        """What comes next: to be taken from its left end, and while nothing is behind, added to up to the limit."""
        self.behind: OrderedDict[str, Change] = OrderedDict()
        """What comes after that, merged by key: to be looked at only."""
        self._behind_removals: dict[str, Change] = {}
        """What follows, for keys whose first change that waits is a removal."""
        self.merged = 0
        self.lately_merged: deque[str] = deque(maxlen=LATELY)
        """The keys of the last changes that were folded into others."""

    def count(self, key: str) -> int:
        """How many changes of one key wait. Looks through all of them."""
        behind = (key in self.behind) + (key in self._behind_removals)
        return behind + sum(change.key == key for change in self.in_order)

    def __len__(self) -> int:
        return len(self.in_order) + len(self.behind) + len(self._behind_removals)

    @property
    def is_full(self) -> bool:
        """Whether the next change will be merged."""
        return len(self.in_order) >= self._limit or bool(self.behind)

    def extend(self, changes: Sequence[Change], *, merge: bool = True) -> bool:
        """Add changes in order, merging what is past the limit; without ``merge``, ``False`` if there is such."""
        if len(self.in_order) + len(changes) <= self._limit and not self.behind:
            self.in_order.extend(changes)
            return True
        for change in changes:
            if not merge and self.is_full:
                return False
            self.push(change)
        return True

    def push(self, change: Change) -> None:
        """Add a change, or merge it with what waits for its key."""
        if not self.is_full:
            self.in_order.append(change)
            return
        key = change.key
        first = self.behind.get(key)
        if first is None:
            self.behind[key] = change
        elif first.new is not None:
            self._merge(self.behind, first, change)
        elif (second := self._behind_removals.get(key)) is not None:
            self._merge(self._behind_removals, second, change)
        else:  # another object under the name, or the same one back again
            self._behind_removals[key] = change

    def pop(self) -> Change | None:
        """The next change, or ``None``."""
        if self.in_order:
            return self.in_order.popleft()
        if not self.behind:
            return None
        key, change = self.behind.popitem(last=False)
        following = self._behind_removals.pop(key, None)
        if following is not None:
            self.behind[key] = following
            self.behind.move_to_end(key, last=False)
        return change

    def clear(self) -> None:
        """Forget everything."""
        self.in_order.clear()
        self.behind.clear()
        self._behind_removals.clear()

    def _merge(self, waiting: dict[str, Change], last: Change, change: Change) -> None:
        """Fold a change into the one before it, which is no removal; one that came and went unseen leaves nothing."""
        self.merged += 1
        self.lately_merged.append(change.key)
        if change.new is not None:
            waiting[change.key] = Change(change.key, last.old, change.new)
        elif last.old is not None:
            waiting[change.key] = change
        else:
            self.merged += 1
            del waiting[change.key]
