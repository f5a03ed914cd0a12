"""What a subscription yields: small typed events, made for ``match``.

match event:
    case Added(object=new): ...
    case Updated(old=old, object=new): ...
    case Deleted(object=gone): ...

Their ``repr`` shows the key, never the object: a model's own would show a Secret's body.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable

__all__ = ["Added", "Deleted", "Event", "EventType", "Resynced", "Synced", "Updated"]

T_co = TypeVar("T_co", covariant=True)


class EventType(StrEnum):
    """The ``type`` of an event."""

    ADDED = "ADDED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    RESYNCED = "RESYNCED"
    SYNCED = "SYNCED"


class _Discreet(msgspec.Struct, frozen=True):
    """Shows rich what ``repr`` shows: a Struct would show it the object."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "object"]


class Added(_Discreet, Generic[T_co], frozen=True):
    """An object this subscription had not seen. ``initial``: it was there when the subscription began."""

    object: T_co
    initial: bool = False
    key: str = ""
    type: ClassVar[EventType] = EventType.ADDED

    def __repr__(self) -> str:
        return f"<Added {self.key}{' initial' if self.initial else ''}>"


class Updated(Generic[T_co]):
    """An object changed. ``old`` is what this subscription last saw of it."""

    __slots__ = ("_build", "_build_object", "_key", "_object", "_old")
    __match_args__ = ("object", "old", "key")
    type: ClassVar[EventType] = EventType.UPDATED

    def __init__(
        self,
        object: Any,  # noqa: A002  # as in every other event
        old: Any,
        key: str = "",
        build: Callable[[Any], T_co] | None = None,
        build_object: Callable[[Any], T_co] | None = None,
    ) -> None:
        """``build`` makes ``old`` out of what is given, when it is asked for: that may cost more than all the rest.

        ``build_object`` does the same for ``object``.
        """
        self._object = object
        self._old = old
        self._key = key
        self._build = build
        self._build_object = build_object

    @property
    def object(self) -> T_co:
        """As it is now."""
        if self._build_object is not None:
            self._object, self._build_object = self._build_object(self._object), None
        new: T_co = self._object
        return new

    @property
    def old(self) -> T_co:
        """As it was."""
        if self._build is not None:
            self._old, self._build = self._build(self._old), None
        old: T_co = self._old
        return old

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name``."""
        return self._key

    def __eq__(self, other: builtins.object) -> bool:
        return isinstance(other, Updated) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        return self.key, self.object, self.old

    def __repr__(self) -> str:
        return f"<Updated {self.key}>"


class Deleted(_Discreet, Generic[T_co], frozen=True):
    """An object is gone from the cluster or from the selector.

    ``object`` is its last known state. ``final_state_known`` is false when the delete itself was missed and found by
    comparing a new list with the cache: the object may have changed once more before it went.
    """

    object: T_co
    final_state_known: bool = True
    key: str = ""
    type: ClassVar[EventType] = EventType.DELETED

    def __repr__(self) -> str:
        return f"<Deleted {self.key}{'' if self.final_state_known else ' final state unknown'}>"


class Resynced(_Discreet, Generic[T_co], frozen=True):
    """Nothing changed; the resync period asks you to look at this object again."""

    object: T_co
    key: str = ""
    type: ClassVar[EventType] = EventType.RESYNCED

    def __repr__(self) -> str:
        return f"<Resynced {self.key}>"


class Synced(msgspec.Struct, frozen=True):
    """Everything that was there has been yielded; what follows is live. The cache stands at ``resource_version``."""

    resource_version: str
    type: ClassVar[EventType] = EventType.SYNCED


Event = Added[T_co] | Updated[T_co] | Deleted[T_co] | Resynced[T_co] | Synced
