"""From bytes to objects: lines out of chunks, watch events out of lines, items out of list pages.

Nothing is built but what the cache and selectors need (name, namespace, uid, version, labels); the rest of an object
stays the bytes that arrived. No asyncio here, and no state but a splitter's unfinished line.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from aioinformer.batches import Delta, Undecodable
from aioinformer.errors import APIError, MalformedResponse, api_error
from aioinformer.objects import Record

__all__ = [
    "Bookmark",
    "LineSplitter",
    "ListPage",
    "WatchEvent",
    "decode_event",
    "decode_item",
    "decode_page",
    "status_error",
]

F = TypeVar("F")

MAX_LINE = 128 * 1024 * 1024
"""Bytes. etcd's default lets objects exceed 1.5 MB, and other stores more; past this it is no Kubernetes any more."""

_PREFIX = b'{"type":"'
_OBJECT = b'","object":'
_TYPES = {b"ADDED": False, b"MODIFIED": False, b"DELETED": True}
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class LineSplitter:
    """Cuts a stream into lines, whatever the chunks; it holds at most one unfinished line, and only while unfinished."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their newlines and without empty ones.

        Raises:
            MalformedResponse: a line is longer than ``MAX_LINE``.
        """
        head, newline, rest = chunk.partition(b"\n")
        self._size += len(head)
        if self._size > MAX_LINE:
            raise MalformedResponse(f"a watch event is longer than {MAX_LINE} bytes: this is not a Kubernetes watch")
        self._parts.append(head)
        if not newline:
            return []
        lines = [b"".join(self._parts), *rest.split(b"\n")]
        remainder = lines.pop() if rest else b""
        self._parts = [remainder] if remainder else []
        self._size = len(remainder)
        return [line for line in lines if line and line != b"\r"]

    def close(self) -> None:
        """The stream ended.

        Raises:
            MalformedResponse: in the middle of a line, which is dropped.
        """
        if self._size:
            raise MalformedResponse(f"the watch was cut in the middle of an event, {self._size} bytes into it")


class Bookmark(NamedTuple):
    """The server vouches that nothing was missed up to this version; ``ends_snapshot`` closes the initial events."""

    resource_version: str
    ends_snapshot: bool


WatchEvent: TypeAlias = Delta | Bookmark | Undecodable


class ListPage(NamedTuple):
    """One page of a list. ``items`` are views into the page's bytes: decode them soon and let the page go."""

    kind: str
    api_version: str
    resource_version: str
    continue_token: str
    items: list[msgspec.Raw]


class _Meta(msgspec.Struct, gc=False):
    name: str
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815  # the wire's spelling, decoded without a table of names
    labels: dict[str, str] | None = None


class _LooseObject(msgspec.Struct):
    metadata: dict[str, Any] = {}


class _Object(msgspec.Struct, gc=False):
    metadata: _Meta
    kind: str = ""
    apiVersion: str = ""  # noqa: N815  # the wire's spelling


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str
    annotations: dict[str, str] | None = None


class _BookmarkObject(msgspec.Struct):
    metadata: _BookmarkMeta


class _AnyEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    token: str | None = msgspec.field(name="continue", default=None)


class _List(msgspec.Struct, rename="camel"):
    kind: str
    metadata: _ListMeta
    api_version: str = ""
    items: list[msgspec.Raw] | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no UTF-8, or nested deeper than it goes."""

_decode_object = msgspec.json.Decoder(_Object).decode
_decode_loosely = msgspec.json.Decoder(_LooseObject).decode
_decode_bookmark = msgspec.json.Decoder(_BookmarkObject).decode
_decode_document = msgspec.json.Decoder(dict[str, Any]).decode
_decode_any_event = msgspec.json.Decoder(_AnyEvent).decode
_decode_list = msgspec.json.Decoder(_List).decode


def decode_event(line: bytes) -> WatchEvent:
    """One line of a watch.

    Raises:
        APIError: it is an ERROR event; the error carries the Status.
        MalformedResponse: it is not a watch event.
    """
    try:
        kind, raw = _split_event(line)
        if kind in _TYPES:
            return _delta(raw, deleted=_TYPES[kind])
        if kind == b"BOOKMARK":
            meta = _decode_bookmark(raw).metadata
            return Bookmark(meta.resource_version, (meta.annotations or {}).get(_INITIAL_EVENTS_END) == "true")
        if kind == b"ERROR":
            raise status_error(500, raw)
    except _UNREADABLE as error:
        raise MalformedResponse(f"a line of the watch is not a watch event: {_where(error)}") from None
    raise MalformedResponse(f"the watch sent an event of the unknown type {kind[:40]!r}")


def decode_item(raw: msgspec.Raw, kind: str, api_version: str) -> Delta | Undecodable:
    """One item of a list; ``kind`` and ``api_version`` are filled in where the item lacks them, as built-in types' do.

    Raises:
        MalformedResponse: it is not JSON.
    """
    try:
        return _delta(bytes(raw), deleted=False, kind=kind, api_version=api_version)
    except _UNREADABLE as error:
        raise MalformedResponse(f"an item of the list is not an object: {_where(error)}") from None


def decode_page(body: bytes) -> ListPage:
    """A list response, its items still undecoded.

    Raises:
        MalformedResponse: it is not a list, or it is a ``Table``, which holds no objects.
    """
    try:
        page = _decode_list(body)
    except _UNREADABLE as error:
        raise MalformedResponse(f"the list is not a Kubernetes list: {_where(error)}") from None
    if not page.kind.endswith("List"):
        raise MalformedResponse(f"the server answered with a {page.kind[:60]} where a list was asked for")
    return ListPage(
        page.kind.removesuffix("List"),
        page.api_version,
        page.metadata.resource_version,
        page.metadata.token or "",
        page.items or [],
    )


def status_error(status: int, body: bytes, retry_after: float | None = None) -> APIError:
    """The error for a failed response: what the Status in the body says, or the bare HTTP status where it says nothing."""
    try:
        said = _decode_document(body)
    except _UNREADABLE:
        said = {}
    if said.get("kind") != "Status":  # what a proxy in between has to say is not the server's word
        return api_error(status, retry_after=retry_after)
    details = _field(said, "details", dict, {})
    seconds = _field(details, "retryAfterSeconds", int, 0)
    return api_error(
        _field(said, "code", int, 0) or status,
        _field(said, "reason", str, ""),
        _field(said, "message", str, ""),
        retry_after=retry_after if retry_after is not None else (float(seconds) or None),
        causes=[_field(cause, "reason", str, "") for cause in _field(details, "causes", list, [])],
        continue_token=_field(_field(said, "metadata", dict, {}), "continue", str, ""),
    )


def _field(document: object, name: str, kind: type[F], default: F) -> F:
    """A field of what may be a JSON object, if it is there and of this kind: no oddity makes the rest unreadable."""
    fields: dict[str, object] = document if isinstance(document, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    value = fields.get(name)
    return value if isinstance(value, kind) else default


def _split_event(line: bytes) -> tuple[bytes, bytes]:
    """The type and the object's bytes. Kubernetes writes type, then object, and nothing else: no parsing needed."""
    middle = line.find(_OBJECT, len(_PREFIX), 40)
    end = line.rstrip() if line[-1:] != b"}" else line
    if middle > 0 and line.startswith(_PREFIX) and end.endswith(b"}}"):
        return line[len(_PREFIX) : middle], end[middle + len(_OBJECT) : -1]
    event = _decode_any_event(line)
    return event.type.encode(), bytes(event.object)


def _delta(raw: bytes, *, deleted: bool, kind: str = "", api_version: str = "") -> Delta | Undecodable:
    try:
        decoded = _decode_object(raw)
    except (msgspec.ValidationError, RecursionError) as error:
        return _undecodable(raw, error)
    if decoded.kind == "Table":
        raise MalformedResponse("the server answered with a Table, which holds no objects, although JSON was asked for")
    if not decoded.kind and kind:
        raw = b'{"kind":%b,"apiVersion":%b,%b' % (msgspec.json.encode(kind), msgspec.json.encode(api_version), raw[1:])
    meta = decoded.metadata
    namespace = sys.intern(meta.namespace)
    return Delta(deleted, Record(namespace, meta.name, meta.uid, meta.resourceVersion, meta.labels or {}, raw))


def _undecodable(raw: bytes, error: Exception) -> Undecodable:
    """What can still be said of an object whose metadata has the wrong shape."""
    try:
        fields = _decode_loosely(raw).metadata
    except (msgspec.ValidationError, RecursionError):
        fields = {}
    name, namespace = fields.get("name"), fields.get("namespace")
    key = f"{namespace}/{name}" if namespace else str(name or "")
    version = fields.get("resourceVersion")
    return Undecodable(key, version if isinstance(version, str) else "", error)


def _where(error: Exception) -> str:
    """What msgspec says, which names the place and the types but never quotes the body."""
    return str(error)
