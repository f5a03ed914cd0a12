"""What a subscriber asked for: which objects it wants, and on which terms.

A predicate may answer differently tomorrow, so each version of an object is put before it once, and what the subscriber
was shown is remembered: what was never shown does not come as updated or deleted, and what was shown always leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from aioinformer.batches import Change
from aioinformer.errors import InvalidOption
from aioinformer.functions import is_function

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from aioinformer.objects import Stored
    from aioinformer.selectors import LabelSelector

__all__ = ["DEFAULT_MAX_PENDING", "Overflow", "Scope", "Terms"]

Overflow = Literal["coalesce", "error"]
DEFAULT_MAX_PENDING = 1024


class Scope:
    """Which objects one subscriber wants: of one or several namespaces, that match a selector, and a predicate if given.

    Raises:
        InvalidOption: a namespace that is no name, or no namespace at all.
    """

    __slots__ = ("_replays", "_shown", "_to_replay", "namespaces", "selector", "where")

    def __init__(
        self,
        namespace: str | Collection[str] | None,
        selector: LabelSelector,
        where: Callable[[Stored], object] | None = None,
    ) -> None:
        self.namespaces = _namespaces(namespace)
        self.selector = selector
        self.where = where
        self._shown: dict[str, bool] = {}
        """What the predicate said of the latest version of each object that was put before it."""
        self._to_replay: dict[str, bool] = {}
        """What it said of objects that changed before the replay came to them."""
        self._replays = False

    def __contains__(self, record: Stored) -> bool:
        return (self.namespaces is None or record.namespace in self.namespaces) and self.selector.matches(record.labels)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.namespaces is None and not self.selector and self.where is None

    def replay(self, *, begins: bool) -> None:
        """A replay of what the cache holds begins, or is over."""
        self._replays = begins
        self._to_replay.clear()

    def admits(self, record: Stored) -> bool:
        """Whether an object that is replayed, or comes by a resync, is wanted. Raises what the predicate raises."""
        if self.where is None:
            return record in self
        early = self._to_replay.pop(record.key, None)
        return self._was_shown(record) if early is None else early

    def narrowed(self, changes: Sequence[Change]) -> tuple[list[Change], Exception | None]:
        """The changes as this subscriber sees them, up to one of whose object the predicate raised; what it raised."""
        kept: list[Change] = []
        try:
            for change in changes:
                narrowed = self.narrow(change)
                if narrowed is not None:
                    kept.append(narrowed)
        except Exception as error:  # noqa: BLE001  # the user's function, whatever it raises
            return kept, error
        return kept, None

    def narrow(self, change: Change) -> Change | None:
        """The change as this subscriber sees it: entering the scope is an addition, leaving it a removal."""
        if self.where is None:
            old = change.old if change.old is not None and change.old in self else None
            new = change.new if change.new is not None and change.new in self else None
        else:
            old, new = self._before(change), self._after(change)
        if old is None and new is None:
            return None
        left = change.new is not None and new is None
        return Change(change.key, old, new, old if left else change.final)

    def excludes(self, record: Stored) -> str:
        """Why an object is not wanted; ``""`` if it is. What the predicate has not been asked, it is not asked for this."""
        if self.namespaces is not None and record.namespace not in self.namespaces:
            return f"outside its namespaces, {', '.join(self.namespaces)}"
        if not self.selector.matches(record.labels):
            return f"its labels do not match {self.selector}"
        return "" if self._shown.get(record.key, True) else "its where= says no"

    def _before(self, change: Change) -> Stored | None:
        if change.old is None:
            return None
        shown = self._was_shown(change.old)
        if self._replays:
            self._to_replay.setdefault(change.key, shown)
        return change.old if shown else None

    def _after(self, change: Change) -> Stored | None:
        if change.new is None:
            self._shown.pop(change.key, None)
            return None
        self._shown[change.key] = wanted = self._judge(change.new)
        return change.new if wanted else None

    def _was_shown(self, record: Stored) -> bool:
        shown = self._shown.get(record.key)
        if shown is None:
            shown = self._shown[record.key] = self._judge(record)
        return shown

    def _judge(self, record: Stored) -> bool:
        return record in self and (self.where is None or bool(self.where(record)))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscriber asked for; see ``Informer.events``.

    Raises:
        InvalidOption: terms that cannot work.
    """

    scope: Scope
    replay: bool = True
    resync: float | None = None
    max_pending: int = DEFAULT_MAX_PENDING
    overflow: Overflow = "coalesce"

    def __post_init__(self) -> None:
        if not _is_a_flag(self.replay):
            raise InvalidOption(f"replay is True or False, not {self.replay!r}")
        if not _is_count(self.max_pending):
            raise InvalidOption(f"max_pending is a whole number of events, at least 1, not {self.max_pending!r}")
        if self.overflow not in get_args(Overflow):
            raise InvalidOption(f"overflow is 'coalesce' (merge events per key) or 'error', not {self.overflow!r}")
        if self.scope.where is not None and not is_function(self.scope.where):
            raise InvalidOption(f"where is a function of an object, not {self.scope.where!r}")


def _namespaces(namespace: str | Collection[str] | None) -> tuple[str, ...] | None:
    if namespace is None:
        return None
    try:
        names = (namespace,) if isinstance(namespace, str) else tuple(dict.fromkeys(namespace))
    except TypeError:
        names = ()
    if not names or not all(map(_is_text, names)):
        raise InvalidOption(f"namespace is one namespace, several, or None for all, not {namespace!r}")
    return names


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_a_flag(value: object) -> bool:
    return isinstance(value, bool)
