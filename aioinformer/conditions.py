"""What ``informer.wait_for`` can wait for besides a key and a predicate: conditions, which compose.

    await informer.wait_for(rolled_out("default/web") & deleted("default/old"), timeout=60)

A condition is about the objects of the keys it names, as the cache holds them: ``&``, ``|`` and ``~`` combine what is the
case at one moment. It is looked at whenever the cache has changed, never before the first sync; what came and went
between two looks, within one batch of events, goes unseen. (``deleted`` does not need to see it: it knows the object
that was there by its uid.)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from aioinformer.errors import InvalidOption
from aioinformer.functions import is_function
from aioinformer.objects import KubeObject
from aioinformer.rollouts import rollout_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.objects import Stored

__all__ = ["Cached", "Condition", "condition", "deleted", "exists", "rolled_out", "satisfies"]


class Cached(Protocol):
    """What a condition reads."""

    def get(self, key: str) -> Stored | None:
        """The record under a key."""
        ...


def _is_a(kind: type, value: object) -> bool:
    """``isinstance`` for arguments whose annotation a caller without a type checker may have broken."""
    return isinstance(value, kind)


class Condition:
    """Something that holds of the cache, or does not. Combine with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What it is about."""
        raise NotImplementedError

    def begun(self, cache: Cached) -> Condition:  # noqa: ARG002  # for those that need it
        """The condition as it is waited for from now on."""
        return self

    def holds(self, cache: Cached) -> bool:
        """Whether it is the case. What a user's predicate raises passes through."""
        raise NotImplementedError

    def standing(self, cache: Cached) -> str:
        """How things stand, as far as they matter to it; no more of an object than what it is about."""
        raise NotImplementedError

    def __and__(self, other: Condition) -> Condition:
        return All((self, other)) if _is_a(Condition, other) else NotImplemented

    def __or__(self, other: Condition) -> Condition:
        return Some((self, other)) if _is_a(Condition, other) else NotImplemented

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> bool:
        raise TypeError("a condition is neither true nor false by itself: combine with & | ~, not with and, or, not")


@dataclass(frozen=True, slots=True)
class _OfObject(Condition):
    """A condition on one object."""

    key: str

    def __post_init__(self) -> None:
        if not (_is_a(str, self.key) and self.key):
            raise InvalidOption(f"key is an object's, such as 'default/web' or 'node-1', not {self.key!r}")

    @property
    def keys(self) -> tuple[str, ...]:
        """Just the one."""
        return (self.key,)

    def standing(self, cache: Cached) -> str:
        """Whether there is such an object, and how it stands."""
        record = cache.get(self.key)
        return "there is none" if record is None else f"{self._state(record)} at version {record.resource_version}"

    def _state(self, record: Stored) -> str:  # noqa: ARG002  # for those that know more
        return "it is there"


@dataclass(frozen=True, slots=True)
class Exists(_OfObject):
    """Made by ``exists``."""

    def holds(self, cache: Cached) -> bool:
        """Whether it is there."""
        return cache.get(self.key) is not None

    def __str__(self) -> str:
        return f"exists({self.key!r})"


@dataclass(frozen=True, slots=True)
class Deleted(_OfObject):
    """Made by ``deleted``."""

    uid: str | None = None

    def begun(self, cache: Cached) -> Condition:
        """That object, the one which is there now."""
        record = cache.get(self.key)
        return self if self.uid is not None or record is None else replace(self, uid=record.uid)

    def holds(self, cache: Cached) -> bool:
        """Whether it is gone."""
        record = cache.get(self.key)
        return record is None or (self.uid is not None and record.uid != self.uid)

    def __str__(self) -> str:
        return f"deleted({self.key!r})"


class _Reported(msgspec.Struct, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    observed_generation: int | None = None


class _Status(msgspec.Struct, rename="camel"):
    conditions: list[_Reported] | None = None
    observed_generation: int | None = None


class _Meta(msgspec.Struct):
    generation: int | None = None


class _Conditioned(msgspec.Struct):
    metadata: _Meta
    status: _Status | None = None


_CONDITIONED = msgspec.json.Decoder(_Conditioned)


@dataclass(frozen=True, slots=True)
class HasCondition(_OfObject):
    """Made by ``condition``."""

    type: str
    status: str = "True"

    def __post_init__(self) -> None:
        _OfObject.__post_init__(self)
        for name, value in (("type", self.type), ("status", self.status)):
            if not (_is_a(str, value) and value):
                raise InvalidOption(f"{name} is a word such as 'Available' or 'True', not {value!r}")

    def holds(self, cache: Cached) -> bool:
        """Whether the object reports it, of what it is told to be now."""
        record = cache.get(self.key)
        if record is None:
            return False
        reported, is_current = self._reported(record)
        return reported is not None and is_current and reported.status.lower() == self.status.lower()

    def _reported(self, record: Stored) -> tuple[_Reported | None, bool]:
        """The condition, and whether it is about the present generation of the object."""
        try:
            obj = _CONDITIONED.decode(record.raw)
        except msgspec.ValidationError as error:
            raise InvalidOption(f"{record.key} has no conditions as Kubernetes writes them: {error}") from None
        status = obj.status or _Status()
        for reported in status.conditions or ():
            if reported.type.lower() == self.type.lower():
                observed = reported.observed_generation or status.observed_generation
                generation = obj.metadata.generation
                return reported, observed is None or generation is None or observed >= generation
        return None, False

    def _state(self, record: Stored) -> str:
        reported, is_current = self._reported(record)
        if reported is None:
            return f"it has no condition {self.type}"
        reason = f" ({reported.reason})" if reported.reason else ""
        return f"{reported.type} is {reported.status}{reason}{'' if is_current else ', of an earlier generation'}"

    def __str__(self) -> str:
        return f"condition({self.key!r}, {self.type!r}{f', {self.status!r}' if self.status != 'True' else ''})"


@dataclass(frozen=True, slots=True)
class RolledOut(_OfObject):
    """Made by ``rolled_out``."""

    def holds(self, cache: Cached) -> bool:
        """Whether its rollout is complete."""
        record = cache.get(self.key)
        return record is not None and rollout_progress(record) is None

    def _state(self, record: Stored) -> str:
        return rollout_progress(record) or "it is complete"

    def __str__(self) -> str:
        return f"rolled_out({self.key!r})"


@dataclass(frozen=True, slots=True)
class Satisfies(_OfObject):
    """Made by ``satisfies``."""

    predicate: Callable[[KubeObject], bool]

    def __post_init__(self) -> None:
        _OfObject.__post_init__(self)
        if not is_function(self.predicate):
            raise InvalidOption(f"predicate is a function of an object, not {self.predicate!r}")

    def holds(self, cache: Cached) -> bool:
        """Whether it is there and the predicate says yes."""
        record = cache.get(self.key)
        return record is not None and bool(self.predicate(KubeObject(record)))

    def __str__(self) -> str:
        return f"satisfies({self.key!r}, {getattr(self.predicate, '__qualname__', 'predicate')})"


@dataclass(frozen=True, slots=True)
class _Combined(Condition):
    parts: tuple[Condition, ...] = field(default=())

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of all parts."""
        return tuple(dict.fromkeys(key for part in self.parts for key in part.keys))

    def begun(self, cache: Cached) -> Condition:
        """With all its parts begun."""
        return type(self)(tuple(part.begun(cache) for part in self.parts))


@dataclass(frozen=True, slots=True)
class All(_Combined):
    """``a & b``."""

    def holds(self, cache: Cached) -> bool:
        """Whether all parts hold."""
        return all(part.holds(cache) for part in self.parts)

    def standing(self, cache: Cached) -> str:
        """Of the parts that do not hold; of all, if they do."""
        missing = [part for part in self.parts if not part.holds(cache)]
        return _each(tuple(missing) or self.parts, cache)

    def __str__(self) -> str:
        return f"({' & '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Some(_Combined):
    """``a | b``."""

    def holds(self, cache: Cached) -> bool:
        """Whether some part holds."""
        return any(part.holds(cache) for part in self.parts)

    def standing(self, cache: Cached) -> str:
        """Of all parts."""
        return _each(self.parts, cache)

    def __str__(self) -> str:
        return f"({' | '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """``~a``."""

    part: Condition

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of what must not hold."""
        return self.part.keys

    def begun(self, cache: Cached) -> Condition:
        """Not what was begun."""
        return Not(self.part.begun(cache))

    def holds(self, cache: Cached) -> bool:
        """Whether the other one does not."""
        return not self.part.holds(cache)

    def standing(self, cache: Cached) -> str:
        """How what must not hold stands."""
        return self.part.standing(cache)

    def __str__(self) -> str:
        return f"~{self.part}"


def _each(parts: tuple[Condition, ...], cache: Cached) -> str:
    return "; ".join(
        part.standing(cache) if isinstance(part, _Combined) else f"{part}: {part.standing(cache)}" for part in parts
    )


def exists(key: str) -> Condition:
    """There is an object under this key."""
    return Exists(key)


def deleted(key: str) -> Condition:
    """The object that is under this key when the wait begins is gone, even if there is another one by now.

    Holds at once when there is none to begin with. As ``kubectl wait --for=delete`` has it.
    """
    return Deleted(key)


def condition(key: str, type: str, status: str = "True") -> Condition:  # noqa: A002  # Kubernetes' word
    """The object reports a condition in ``status.conditions``: ``condition("default/web", "Available")``.

    As in ``kubectl wait --for=condition=…``: case does not matter, and a condition about an earlier generation of the
    object than the present one does not count.
    Waiting raises ``InvalidOption`` where the object's ``status.conditions`` are something else.
    """
    return HasCondition(key, type, status)


def rolled_out(key: str) -> Condition:
    """The rollout of a Deployment, StatefulSet or DaemonSet is complete, by the rules of ``kubectl rollout status``.

    The controller has seen the present generation, all replicas are updated and available, and old ones gone; for a
    StatefulSet with a partition, as many as the partition leaves. A Deployment that is past its progress deadline has
    not rolled out, though it may yet: to give up then, wait for
    ``rolled_out(key) | condition(key, "Progressing", "False")``. After a write of your own ``wait_for_version`` comes first:
    what was there before it may have been rolled out.

    Waiting raises ``InvalidOption`` where there can be no answer: for another kind of object, one without its ``spec`` and
    ``status`` (``metadata_only``), or an update strategy other than ``RollingUpdate`` in StatefulSets and DaemonSets.
    """
    return RolledOut(key)


def satisfies(key: str, predicate: Callable[[KubeObject], bool]) -> Condition:
    """There is an object under this key, and the predicate is true of it; what it raises, the wait raises.

    It gets a ``KubeObject``, whatever ``model`` the informer has.
    """
    return Satisfies(key, predicate)
