"""An object as the pipeline passes it on, and the view a reader gets of it.

A ``Record`` is the identity of an object, its labels, and its own JSON bytes; a cache may hold it in a denser form
(``packing.py``), which reads the same: ``Stored`` is what the two have in common. A ``KubeObject`` is one reader's view
over those immutable bytes: it decodes what is touched, when it is touched, and whatever the reader does to the result
stays in that view.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # msgspec resolves the annotations at run time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import msgspec

from aioinformer.models import build_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "JSON",
    "UNREADABLE",
    "Keyed",
    "KubeObject",
    "ObjectMeta",
    "OwnerReference",
    "Record",
    "Stored",
    "digest",
    "key_of",
    "raw_metadata",
]

JSON: TypeAlias = Any
"""A decoded JSON value. The one place where ``Any`` comes from."""

M = TypeVar("M")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no UTF-8, or nested deeper than it goes."""


class Stored(Protocol):
    """One version of one object, in whatever form it is kept."""

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name`` for a cluster-scoped object."""
        ...

    @property
    def namespace(self) -> str:
        """``""`` for a cluster-scoped object."""
        ...

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def uid(self) -> str:
        """``""`` if the server gave none."""
        ...

    @property
    def resource_version(self) -> str:
        """``""`` if the server gave none."""
        ...

    @property
    def labels(self) -> dict[str, str]:
        """Not to be changed: objects with equal labels may share them."""
        ...

    @property
    def raw(self) -> bytes:
        """Its JSON, ``kind`` and ``apiVersion`` included. Keep it if you need it again: it may cost microseconds."""
        ...


class Keyed(msgspec.Struct, gc=False, frozen=True):
    """What every form of ``Stored`` has: its key, which says name and namespace."""

    key: str

    @property
    def namespace(self) -> str:
        """``""`` for a cluster-scoped object."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The name."""
        return self.key.rpartition("/")[2]


class Record(Keyed, gc=False, frozen=True):
    """``Stored`` as it comes off the wire."""

    uid: str
    resource_version: str
    labels: dict[str, str]
    raw: bytes

    def __repr__(self) -> str:
        return f"<Record {self.key} resourceVersion={self.resource_version} {len(self.raw)} bytes>"


def key_of(namespace: str, name: str) -> str:
    """What an object is known by in a cache. Neither part may have a slash in it, so it can be taken apart again."""
    return f"{namespace}/{name}" if namespace else name


def digest(record: Stored) -> int:
    """What tells one version of an object from every other, in one number."""
    return hash((record.uid, record.resource_version))


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    """Who owns an object (``metadata.ownerReferences``)."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    """``metadata`` with Python's names; what the object does not carry has its empty value."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generate_name: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []
    managed_fields: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        # no annotations: kubectl apply leaves the whole object in one, a Secret's data too
        return (
            f"<ObjectMeta {key_of(self.namespace, self.name)} uid={self.uid} resourceVersion={self.resource_version}>"
        )


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_META = msgspec.json.Decoder(ObjectMeta)
_FIELDS_OF_META = msgspec.json.Decoder(dict[str, Any])


class KubeObject:
    """A read-only view of one version of an object; every read of the cache hands out a new one.

    Top-level fields are ``obj["spec"]`` (``KeyError`` when the object has none) or ``obj.get("data")``, decoded from
    camelCase JSON when first touched and kept for this view. ``repr`` and ``str`` show identity only, never a body.
    """

    __slots__ = ("_decoded", "_fields", "_metadata", "_raw", "_record")

    def __init__(self, record: Stored) -> None:
        self._record = record
        self._raw: bytes | None = None
        self._decoded: dict[str, JSON] | None = None
        self._fields: dict[str, msgspec.Raw] | None = None
        self._metadata: ObjectMeta | None = None

    @classmethod
    def from_json(cls, raw: bytes) -> KubeObject:
        """A view of an object that comes from elsewhere, such as a fixture.

        Raises:
            msgspec.DecodeError: it is not the JSON of an object with metadata.
        """
        meta = _decode_meta(msgspec.json.decode(raw, type=_Envelope).metadata)
        return cls(Record(key_of(meta.namespace, meta.name), meta.uid, meta.resource_version, meta.labels, raw))

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name`` for a cluster-scoped object."""
        return self._record.key

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self._record.name

    @property
    def namespace(self) -> str:
        """``metadata.namespace``, ``""`` for a cluster-scoped object."""
        return self._record.namespace

    @property
    def uid(self) -> str:
        """``metadata.uid``: differs when an object was deleted and made again under the same name."""
        return self._record.uid

    @property
    def resource_version(self) -> str:
        """``metadata.resourceVersion``, an opaque decimal string."""
        return self._record.resource_version

    @property
    def labels(self) -> Mapping[str, str]:
        """``metadata.labels``, read-only."""
        return MappingProxyType(self._record.labels)

    @property
    def annotations(self) -> Mapping[str, str]:
        """``metadata.annotations``."""
        return self.metadata.annotations

    @property
    def metadata(self) -> ObjectMeta:
        """All of ``metadata``, with Python's names."""
        if self._metadata is None:
            self._metadata = _decode_meta(self._top_level()["metadata"])
        return self._metadata

    @property
    def kind(self) -> str:
        """``kind``, such as ``"Deployment"``."""
        return str(self.get("kind", ""))

    @property
    def api_version(self) -> str:
        """``apiVersion``, such as ``"apps/v1"``."""
        return str(self.get("apiVersion", ""))

    @property
    def spec(self) -> dict[str, JSON]:
        """``spec`` in camelCase; empty when the object has none."""
        return self.get("spec") or {}

    @property
    def status(self) -> dict[str, JSON]:
        """``status`` in camelCase; empty when the object has none."""
        return self.get("status") or {}

    def get(self, field: str, default: JSON = None) -> JSON:
        """A top-level field, decoded, or ``default``."""
        return self[field] if field in self._top_level() else default

    def __getitem__(self, field: str) -> JSON:
        if self._decoded is None:
            self._decoded = {}
        if field not in self._decoded:
            self._decoded[field] = msgspec.json.decode(self._top_level()[field])
        return self._decoded[field]

    def __contains__(self, field: object) -> bool:
        return field in self._top_level()

    def __iter__(self) -> Iterator[str]:
        return iter(self._top_level())

    def to_dict(self) -> dict[str, JSON]:
        """The whole object as a new dict, in camelCase, as ``kubectl get -o json`` shows it."""
        decoded: dict[str, JSON] = msgspec.json.decode(self.to_json())
        return decoded

    def to_json(self) -> bytes:
        """The object's own JSON."""
        if self._raw is None:
            self._raw = self._record.raw
        return self._raw

    def to_model(self, model: type[M]) -> M:
        """The object as a ``msgspec.Struct``, a dataclass, or a model class of a Kubernetes client (``V1Deployment``).

        A client's model costs milliseconds; the other two cost what their declared fields cost.

        Raises:
            msgspec.ValidationError: the object does not fit the Struct or dataclass.
            TypeError: the class is none of these.
        """
        return build_model(model, self.to_json())

    def _top_level(self) -> dict[str, msgspec.Raw]:
        if self._fields is None:
            self._fields = _FIELDS.decode(self.to_json())
        return self._fields

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KubeObject):
            return NotImplemented
        mine, others = self._record, other._record
        return mine is others or (
            (mine.key, mine.uid, mine.resource_version) == (others.key, others.uid, others.resource_version)
            and self.to_json() == other.to_json()
        )

    def __hash__(self) -> int:
        return hash((self._record.key, self._record.uid, self._record.resource_version))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind} {self.key} resourceVersion={self.resource_version}>"


class _Envelope(msgspec.Struct):
    metadata: msgspec.Raw


def raw_metadata(raw: bytes) -> bytes:
    """The bytes of an object's ``metadata``, whatever it is; ``{}`` when there is none or it cannot be found."""
    try:
        return bytes(msgspec.json.decode(raw, type=_Envelope).metadata)
    except UNREADABLE:
        return b"{}"


def _decode_meta(raw: msgspec.Raw) -> ObjectMeta:
    try:
        return _META.decode(raw)
    except msgspec.ValidationError:  # a null where Go has a nil map or slice
        fields = _FIELDS_OF_META.decode(raw)
        return msgspec.convert({name: value for name, value in fields.items() if value is not None}, ObjectMeta)
