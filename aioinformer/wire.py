"""From bytes to objects: watch events out of lines, items out of list pages.

Nothing is built but what the cache and selectors need (name, namespace, uid, version, labels); the rest of an object
stays the bytes that arrived. Functions only, no asyncio, and no state but labels that may come again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from aioinformer.api_status import MAX_STATUS, status_error
from aioinformer.batches import Delta, Undecodable
from aioinformer.dense import DenseRecord
from aioinformer.errors import InformerError, MalformedResponse
from aioinformer.framing import cut_list
from aioinformer.managed_fields import without_managed_fields
from aioinformer.objects import UNREADABLE, Record, key_of, raw_metadata
from aioinformer.speedups import scan, scan_items, scan_lines

if TYPE_CHECKING:
    from aioinformer.errors import APIError
    from aioinformer.framing import Lines
    from aioinformer.speedups import Memory

__all__ = [
    "ENOUGH",
    "Bookmark",
    "ListPage",
    "Taken",
    "WatchEvent",
    "decode_event",
    "decode_head",
    "decode_item",
    "decode_items",
    "decode_lines",
    "decode_page",
]

ENOUGH = 256 * 1024
"""Bytes after which no further line or item is decoded at once: half a millisecond's worth, and a third of that in C."""

_TYPES = {"MODIFIED": False, "ADDED": False, "DELETED": True}
_FORMS = tuple((b'{"type":"%b","object":' % kind.encode(), deleted) for kind, deleted in _TYPES.items())
"""How Kubernetes begins a line; nothing follows the object but the closing brace."""
_BRACE = ord("}")
_OPENING = b"{"
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Bookmark(NamedTuple):
    """The server vouches that nothing was missed up to this version; ``ends_snapshot`` closes the initial events."""

    resource_version: str
    ends_snapshot: bool


WatchEvent: TypeAlias = Delta | Bookmark | Undecodable


class Taken(NamedTuple):
    """What some lines of a watch say. ``stop`` is what came after these events that is none, and nothing after it was read."""

    events: list[Delta | Undecodable]
    stop: Bookmark | InformerError | None


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
    managedFields: msgspec.Raw = msgspec.Raw()  # noqa: N815  # as above


class _LooseObject(msgspec.Struct):
    metadata: dict[str, msgspec.Raw] = {}


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
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


class _AnonymousList(msgspec.Struct, rename="camel"):
    items: list[msgspec.Raw]
    kind: str = ""
    api_version: str = ""


_LABELS: Memory = ({}, {})

_decode_object = msgspec.json.Decoder(_Object).decode
_decode_loosely = msgspec.json.Decoder(_LooseObject).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_bookmark = msgspec.json.Decoder(_BookmarkObject).decode
_decode_any_event = msgspec.json.Decoder(_AnyEvent).decode
_decode_list = msgspec.json.Decoder(_List).decode
_decode_anonymous_list = msgspec.json.Decoder(_AnonymousList).decode


def decode_event(line: bytes, *, keep_managed_fields: bool = False) -> WatchEvent:
    """One line of a watch.

    Raises:
        APIError: it is an ERROR event; the error carries the Status.
        MalformedResponse: it is not a watch event.
    """
    return _decode_line(line, 0, len(line), keep_managed_fields=keep_managed_fields)


def decode_lines(
    lines: Lines, count: int, *, keep_managed_fields: bool = False, dense: bool = False
) -> tuple[Taken, int]:
    """What lines of a watch say, and where the first one begins that was not read: up to so many, and no more than are ``ENOUGH``.

    ``dense``: objects that need no closer look are ``DenseRecord``.
    """
    buffer, start, end = lines
    events: list[Delta | Undecodable] = []
    at = start
    while at < end and len(events) < count and at - start < ENOUGH:
        if scan_lines is not None:
            some, at = scan_lines(
                buffer, at, end, count - len(events), _OPENING, keep_managed_fields, _LABELS, Delta, Record,
                DenseRecord if dense else None,
            )  # fmt: skip
            events += some
            if at >= end or len(events) >= count or at - start >= ENOUGH:
                break
        newline = buffer.find(b"\n", at, end)
        line, until = at, newline if newline >= 0 else end
        at = until + 1
        if until == line or buffer[line:until] == b"\r":
            continue
        try:
            event = _decode_line(buffer, line, until, keep_managed_fields=keep_managed_fields)
        except InformerError as error:
            return Taken(events, error), at
        if isinstance(event, Bookmark):
            return Taken(events, event), at
        events.append(event)
    return Taken(events, None), at


def _decode_line(buffer: bytes, start: int, end: int, *, keep_managed_fields: bool) -> WatchEvent:
    for prefix, deleted in _FORMS:
        if buffer.startswith(prefix, start) and buffer[end - 1] == _BRACE:
            try:
                return _delta(
                    buffer, start + len(prefix), end - 1, deleted=deleted, keep_managed_fields=keep_managed_fields
                )
            except UNREADABLE:  # perhaps there is more between the two than the object
                break
    return _unusual_event(buffer[start:end], keep_managed_fields=keep_managed_fields)


def _unusual_event(line: bytes, *, keep_managed_fields: bool) -> WatchEvent:
    """A bookmark, an error, another order, spacing or spelling than Kubernetes's own, or nonsense: a whole parse tells."""
    try:
        event = _decode_any_event(line)
        if event.type == "BOOKMARK":
            return _bookmark(event.object)
        if event.type == "ERROR":
            raise _error(event.object)
        raw = bytes(event.object)
        return _delta(raw, 0, len(raw), deleted=_TYPES[event.type], keep_managed_fields=keep_managed_fields)
    except UNREADABLE as error:
        why = f"a line of the watch is not a watch event: {error}"
    except KeyError as unknown:
        why = f"the watch sent an event of the unknown type {str(unknown)[:40]}"
    raise MalformedResponse(why)  # from outside: the causes hold the bytes


def _bookmark(raw: msgspec.Raw) -> Bookmark:
    meta = _decode_bookmark(raw).metadata
    if not meta.resource_version:
        raise MalformedResponse("the watch sent a bookmark without a resource version")
    return Bookmark(meta.resource_version, (meta.annotations or {}).get(_INITIAL_EVENTS_END) == "true")


def _error(raw: msgspec.Raw) -> APIError:
    if len(raw) > MAX_STATUS:
        return status_error(500, b"")
    msgspec.json.decode(raw, type=dict)  # raises if it is none
    return status_error(500, bytes(raw))


def decode_item(
    raw: msgspec.Raw | bytes, kind: str = "", api_version: str = "", *, keep_managed_fields: bool = False
) -> Delta | Undecodable:
    """One item of a list; ``kind`` and ``api_version`` are filled in where the item lacks them, as built-in types' do.

    Raises:
        MalformedResponse: it is not JSON.
    """
    try:
        item = bytes(raw)
        head = _head(kind, api_version) if kind else _OPENING
        return _delta(item, 0, len(item), deleted=False, keep_managed_fields=keep_managed_fields, head=head)
    except UNREADABLE as error:
        why = f"an item of the list is not an object: {error}"
    raise MalformedResponse(why)


def decode_items(
    beginning: tuple[bytearray, int],
    count: int,
    kind: str,
    api_version: str,
    *,
    keep_managed_fields: bool = False,
    dense: bool = False,
) -> tuple[list[Delta], int]:
    """Up to so many items of a list, from the place on where one begins, and where the next one begins; see ``scan_items``.

    Only what needs no closer look, and nothing at all without speed-ups: the rest is for ``decode_item``, one at a time.
    ``dense``: as ``DenseRecord``.
    """
    body, start = beginning
    if scan_items is None:
        return [], start
    head, form = _head(kind, api_version), DenseRecord if dense else None
    return scan_items(body, start, len(body), count, head, keep_managed_fields, _LABELS, Delta, Record, form)


def decode_page(body: bytes) -> ListPage:
    """A list response, its items still undecoded.

    Raises:
        MalformedResponse: it is not a list, or it is a ``Table``, which holds no objects.
    """
    page, items = _split_page(body)
    if page.items is msgspec.UNSET:
        if page.kind == "Status":
            raise status_error(500, body[:MAX_STATUS])
        raise MalformedResponse(f"the server answered with a {page.kind[:60]!r} where a list was asked for")
    return ListPage(
        page.kind.removesuffix("List"),
        page.api_version,
        page.metadata.resource_version,
        page.metadata.token or "",
        items or page.items or [],
    )


def decode_head(head: bytes) -> tuple[str, str]:
    """Kind and API version of a list's items, from what stands before them; ``""`` where that does not tell.

    Raises:
        MalformedResponse: it is not the beginning of a list.
    """
    try:
        page = _decode_anonymous_list(head + b"]}")
    except UNREADABLE as error:
        why = f"the list is not a Kubernetes list: {error}"
    else:
        return page.kind.removesuffix("List"), page.api_version
    raise MalformedResponse(why)


def _split_page(body: bytes) -> tuple[_List, list[msgspec.Raw]]:
    """The list, and its items if they had to be cut out of it one by one."""
    try:
        try:
            return _decode_list(body), []
        except RecursionError:  # one item is nested too deep; it alone is to be set aside
            envelope, cut = cut_list(body)
            return _decode_list(envelope), [msgspec.Raw(item) for item in cut]
    except UNREADABLE as error:
        why = f"the list is not a Kubernetes list: {error}"
    raise MalformedResponse(why)


def _delta(
    buffer: bytes, start: int, end: int, *, deleted: bool, keep_managed_fields: bool, head: bytes = _OPENING
) -> Delta | Undecodable:
    """What the object between two places is, beginning with ``head`` if it has no kind.

    The hot path: every microsecond here is one for every event.
    """
    if scan is not None and (found := scan(buffer, start, end, head, keep_managed_fields, _LABELS)) is not None:
        return Delta(deleted, Record(*found))
    return closely(buffer, start, end, deleted=deleted, keep_managed_fields=keep_managed_fields, head=head)


def closely(
    buffer: bytes, start: int, end: int, *, deleted: bool, keep_managed_fields: bool, head: bytes = _OPENING
) -> Delta | Undecodable:
    """The same for any object at all, with a reason where it cannot be taken in."""
    try:
        found = _decode_object(memoryview(buffer)[start:end])
        meta = found.metadata
        begin = _OPENING if found.kind else head
        if meta.managedFields and not keep_managed_fields:
            raw = without_managed_fields(buffer, start, end, meta.managedFields, begin)
        elif begin is _OPENING:
            raw = buffer[start:end]
        else:
            raw = begin + buffer[start + 1 : end]
        if not raw.isascii():
            str(raw, "utf-8")  # what was skipped above is not looked at so closely, but has to be readable later
        name, namespace = meta.name, meta.namespace
        if "/" in name or "/" in namespace:
            raise msgspec.ValidationError("a name or namespace has a slash in it")  # noqa: TRY301  # one more thing that can be wrong
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        return _undecodable(buffer[start:end], error, deleted=deleted)
    if found.kind == "Table":
        raise MalformedResponse("the server answered with a Table, which holds no objects, although JSON was asked for")
    key = f"{namespace}/{name}" if namespace else name
    return Delta(deleted, Record(key, meta.uid, meta.resourceVersion, meta.labels or {}, raw))


@lru_cache
def _head(kind: str, api_version: str) -> bytes:
    """How an object begins."""
    return b'{"kind":%b,"apiVersion":%b,' % (msgspec.json.encode(kind), msgspec.json.encode(api_version))


def _undecodable(raw: bytes, error: Exception, *, deleted: bool) -> Undecodable:
    """What can still be said of an object whose metadata has the wrong shape, or that is no text."""
    try:
        fields = _decode_loosely(raw).metadata
    except (msgspec.ValidationError, RecursionError):
        fields = {}
    name, namespace = _text(fields, "name"), _text(fields, "namespace")
    key = key_of(namespace, name) if name else ""
    if isinstance(error, UnicodeDecodeError):  # which has the object in it, and in its repr
        error = msgspec.ValidationError(str(error))
    why = error.with_traceback(None)  # its frames keep a whole page alive
    why.__context__ = None
    return Undecodable(key, _text(fields, "resourceVersion"), why, deleted, raw_metadata(raw))


def _text(fields: dict[str, msgspec.Raw], name: str) -> str:
    """A field, if it is there and a string."""
    try:
        return _decode_text(fields.get(name, b'""'))
    except (msgspec.ValidationError, RecursionError):
        return ""
