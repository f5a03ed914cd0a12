"""Ready-made indexers, for ``indexers={"owner": indexers.owner_uid, "app": indexers.label("app")}``.

They read the object's own JSON, as it is after ``transform``, so they work whatever ``model`` the informer hands out; and
two that are made alike are equal, so that everybody who asks for one gets the same informer. Each can also be called by
hand on a ``KubeObject``. An index by ``label`` or ``label_key`` is used by ``list(label_selector=…)`` by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from aioinformer.errors import InvalidOption
from aioinformer.objects import KubeObject, key_of
from aioinformer.selectors import is_label_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aioinformer.objects import Stored
    from aioinformer.selectors import Requirement

__all__ = [
    "FieldIndexer",
    "LabelIndexer",
    "LabelKeyIndexer",
    "ReadyMade",
    "controller_uid",
    "involved_object",
    "involved_uid",
    "label",
    "label_key",
    "node",
    "owner_uid",
]


class _Labelled(Protocol):
    @property
    def labels(self) -> Mapping[str, str]:
        """``metadata.labels``."""
        ...


class ReadyMade:
    """What all of them are. They take an object in the form in which it is stored, or a ``KubeObject``."""

    __slots__ = ()

    def __call__(self, obj: KubeObject | Stored) -> Iterable[str]:
        """The object's values."""
        raise NotImplementedError

    def values_for(self, requirement: Requirement) -> frozenset[str] | None:  # noqa: ARG002  # for those that know
        """Under which values all objects are that meet this condition; ``None``: this index does not tell."""
        return None


@dataclass(frozen=True, slots=True)
class LabelIndexer(ReadyMade):
    """Made by ``label``."""

    key: str

    def __call__(self, obj: _Labelled) -> Iterable[str]:
        """The label's value, if the object has the label."""
        value = obj.labels.get(self.key)
        return () if value is None else (value,)

    def values_for(self, requirement: Requirement) -> frozenset[str] | None:
        """For equality and ``in`` on its key."""
        return requirement.values if requirement.key == self.key and requirement.operator == "in" else None


@dataclass(frozen=True, slots=True)
class LabelKeyIndexer(ReadyMade):
    """``label_key`` is the one there is."""

    def __call__(self, obj: _Labelled) -> Iterable[str]:
        """The keys of the object's labels."""
        return tuple(obj.labels)

    def values_for(self, requirement: Requirement) -> frozenset[str] | None:
        """For all conditions that only an object with the label can meet."""
        return None if requirement.operator in {"notin", "!"} else frozenset({requirement.key})


class FieldIndexer(ReadyMade):
    """Decodes what ``shape`` declares, and nothing else of the object."""

    __slots__ = ("_decoder", "_name", "_values")

    def __init__(self, name: str, shape: type[msgspec.Struct], values: Callable[[Any], Iterable[str]]) -> None:
        self._name = name
        self._decoder = msgspec.json.Decoder(shape)
        self._values = values

    def __call__(self, obj: KubeObject | Stored) -> Iterable[str]:
        """The values; ``msgspec.ValidationError`` if the fields are not what Kubernetes has there."""
        return self._values(self._decoder.decode(obj.to_json() if isinstance(obj, KubeObject) else obj.raw))

    def __repr__(self) -> str:
        return f"<indexer {self._name}>"


def label(key: str) -> LabelIndexer:
    """By the value of one label: ``by_index("app", "web")``. Objects without the label are in no list of it.

    ``list(label_selector="app=web,tier!=db")`` looks only at the objects under that value, and so for ``==`` and ``in``.

    Raises:
        InvalidOption: it is no label key.
    """
    if not is_label_key(key):
        raise InvalidOption(f"label takes a label's key, such as 'app' or 'app.kubernetes.io/name', not {key!r}")
    return LabelIndexer(key)


class _Owner(msgspec.Struct):
    uid: str
    controller: bool | None = None


class _OwnedMeta(msgspec.Struct, rename="camel"):
    owner_references: list[_Owner] | None = None


class _Owned(msgspec.Struct):
    metadata: _OwnedMeta


class _PodSpec(msgspec.Struct, rename="camel"):
    node_name: str | None = None


class _Scheduled(msgspec.Struct):
    spec: _PodSpec | None = None


class _Reference(msgspec.Struct):
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None


class _Involving(msgspec.Struct, rename="camel"):
    involved_object: _Reference | None = None
    """In ``v1`` events."""
    regarding: _Reference | None = None
    """In ``events.k8s.io/v1`` ones."""


def _owners(obj: _Owned) -> Iterable[str]:
    return [owner.uid for owner in obj.metadata.owner_references or ()]


def _controllers(obj: _Owned) -> Iterable[str]:
    return [owner.uid for owner in obj.metadata.owner_references or () if owner.controller]


def _node(obj: _Scheduled) -> Iterable[str]:
    return (obj.spec.node_name,) if obj.spec is not None and obj.spec.node_name else ()


def _involved(obj: _Involving) -> Iterable[str]:
    it = obj.involved_object or obj.regarding
    return (f"{it.kind}/{key_of(it.namespace or '', it.name)}",) if it is not None and it.kind and it.name else ()


def _involved_uid(obj: _Involving) -> Iterable[str]:
    it = obj.involved_object or obj.regarding
    return (it.uid,) if it is not None and it.uid else ()


label_key = LabelKeyIndexer()
"""By the keys of its labels: ``by_index("labelled", "app.kubernetes.io/name")`` has all objects with that label."""
owner_uid = FieldIndexer("owner_uid", _Owned, _owners)
"""By the uid of each owner (``metadata.ownerReferences``)."""
controller_uid = FieldIndexer("controller_uid", _Owned, _controllers)
"""By the uid of the one owner that controls it."""
node = FieldIndexer("node", _Scheduled, _node)
"""Pods by ``spec.nodeName``; those not scheduled yet are in no list of it."""
involved_object = FieldIndexer("involved_object", _Involving, _involved)
"""Events by what they are about: ``"Pod/default/web-0"``, ``"Node/node-1"``."""
involved_uid = FieldIndexer("involved_uid", _Involving, _involved_uid)
"""Events by the uid of what they are about, which tells an object from its successor of the same name."""
