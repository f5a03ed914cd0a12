"""What has to hold for any bytes whatever: one function per target, which raises ``AssertionError`` where it does not.

They are run by atheris (``make fuzz``), by Hypothesis (``tests/security/test_fuzzing.py``), and on every file in
``corpus/``, where the inputs are kept that once broke something.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from aioinformer.api_status import LONGEST_RETRY_AFTER, MAX_MESSAGE, status_error
from aioinformer.batches import Delta, Undecodable
from aioinformer.chunked import Dechunker, is_chunked_json
from aioinformer.errors import APIError, InvalidOption, InvalidSelector, MalformedResponse, NetworkError
from aioinformer.framing import LineSplitter, cut_list
from aioinformer.naming import named_resource
from aioinformer.objects import KubeObject, Record, Stored
from aioinformer.pages import PageReader
from aioinformer.resource import GroupVersionResource, ResourceName, at_least
from aioinformer.responses import retry_after
from aioinformer.selectors import LabelSelector
from aioinformer.speedups import scan, scan_items, scan_lines
from aioinformer.testing.labels import label_predicate
from aioinformer.testing.statuses import BadRequestError
from aioinformer.wire import (
    Bookmark,
    WatchEvent,
    closely,
    decode_event,
    decode_item,
    decode_page,
)
from fuzz.oracles import NO_JSON, is_object, is_plain, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PROPERTIES"]

_DELETED = {"ADDED": False, "MODIFIED": False, "DELETED": True}
_ENDS = "k8s.io/initial-events-end"
_LABELS: tuple[dict[str, str], ...] = (
    {},
    {"app": "web"},
    {"app": "web", "tier": "a"},
    {"app": ""},
    {"example.com/n": "5"},
    {"n": "5", "a": "b"},
)


def framing(data: bytes) -> None:
    """Lines come out the same whatever the chunks: the first bytes say where to cut the rest."""
    stream, chunks = _in_chunks(data)
    splitter = LineSplitter()
    found = [lines for chunk in chunks for lines in splitter.feed(chunk)]
    lines = [line for buffer, start, end in found for line in bytes(buffer[start:end]).split(b"\n")]
    *whole, rest = stream.split(b"\n")
    assert lines == whole
    try:
        splitter.close()
    except NetworkError:
        assert rest
    else:
        assert not rest


def _in_chunks(data: bytes) -> tuple[bytes, list[bytes]]:
    """What follows the first bytes, whole and in the chunks that those ask for."""
    count = data[0] % 16 if data else 0
    cuts, stream = data[1 : 1 + count], data[1 + count :]
    at = sorted({0, len(stream), *(len(stream) * cut // 256 for cut in cuts)})
    return stream, [stream[start:end] for start, end in pairwise(at)]


def chunks(data: bytes) -> None:
    """A body comes out of its chunks the same however the stream is cut, and what makes no sense is told and ends it."""
    stream, pieces = _in_chunks(data)
    whole, cut = Dechunker(), Dechunker()
    body = _dechunked(whole, [stream])
    assert body == _dechunked(cut, pieces)
    assert (whole.ended, whole.broken) == (cut.ended, cut.broken)
    assert len(body) <= len(stream)
    assert not (whole.ended and whole.broken)
    proper = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
    again = Dechunker()
    assert _dechunked(again, [proper[: data[0]], proper[data[0] :]] if data else [proper]) == stream
    assert again.ended


def _dechunked(dechunker: Dechunker, pieces: list[bytes]) -> bytes:
    body = b""
    for piece in pieces:
        if not dechunker.broken:
            body += dechunker.feed(memoryview(piece))
    return body


def chunked_head(head: bytes) -> None:
    """A head that is taken for chunked JSON is one to a parser that is more lenient, and nothing in it speaks of another framing."""
    if not is_chunked_json(head):
        return
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r")
    status, *lines = head[:-4].decode("latin-1").split("\r\n")
    fields = [
        (name.strip().lower(), value.strip().lower()) for name, _, value in (line.partition(":") for line in lines)
    ]
    assert status.split()[:2] == ["HTTP/1.1", "200"]
    assert [value for name, value in fields if name == "transfer-encoding"] == ["chunked"]
    assert not {"content-length", "content-encoding", "upgrade"} & {name for name, _ in fields}
    assert ["json" in value for name, value in fields if name == "content-type"] == [True]


def list_cutting(body: bytes) -> None:
    """A list is cut into the items a parser finds, and what is no list stays whole."""
    envelope, items = cut_list(body)
    assert len(envelope) + sum(map(len, items)) <= len(body)
    if not items:
        return
    document = parsed(body)
    if isinstance(document, dict) and body.count(b'"items"') == 1 and b"\\u" not in body:
        assert [parsed(item) for item in items] == [item for item in document["items"] if isinstance(item, dict | list)]


def page(body: bytes) -> None:
    """A page has the version, the token and the objects that a parser finds in it."""
    document = parsed(body)
    try:
        found = decode_page(body)
    except (MalformedResponse, APIError):
        assert not _is_list(document)
        return
    if document is NO_JSON or not is_plain(document):
        return
    metadata = document["metadata"]
    assert found.resource_version == metadata.get("resourceVersion", "")
    assert found.continue_token == (metadata.get("continue") or "")
    assert len(found.items) == len(document["items"] or [])
    for raw, item in zip(found.items, document["items"] or [], strict=True):
        try:
            decoded = decode_item(raw, found.kind, found.api_version)
        except MalformedResponse:
            assert not is_plain(item)
            continue
        _check_object(decoded, item, kind=found.kind)


def page_reading(data: bytes) -> None:
    """A page read while it arrives says what it says as a whole, whatever the chunks: objects, version, token, or what is wrong.

    The first bytes say where to cut the rest, how many objects to take at a time, and whether to take all that there are.
    """
    body, chunks = _in_chunks(data)
    count = 1 + sum(data[:1]) // 16
    assert _outcome(lambda: _read_whole(body)) == _outcome(lambda: _read_in_chunks(chunks, count))


def _outcome(read: Callable[[], object]) -> object:
    """What was read, or the kind of error."""
    try:
        return read()
    except (MalformedResponse, APIError) as error:
        return type(error), getattr(error, "status", None)


def _read_whole(body: bytes) -> object:
    found = decode_page(body)
    items = [decode_item(raw, found.kind, found.api_version) for raw in found.items]
    return found.resource_version, found.continue_token, list(map(_said, items))


def _read_in_chunks(chunks: list[bytes], count: int) -> object:
    reader, items = PageReader(), list[Delta | Undecodable]()
    for chunk in chunks:
        reader.feed(chunk)
        while taken := reader.take(count):
            assert len(taken) <= count
            items += taken
            if count % 2:  # the rest waits for the next chunk, or for the end
                break
    assert reader.length == sum(map(len, chunks))
    found = reader.close()
    items += [decode_item(raw, found.kind, found.api_version) for raw in found.items]
    return found.resource_version, found.continue_token, list(map(_said, items))


def _said(item: Delta | Undecodable) -> object:
    """What can be compared; of an error, its kind."""
    return item if isinstance(item, Delta) else (*item[:2], type(item.error), *item[3:])


def _is_list(document: Any) -> bool:
    if not isinstance(document, dict) or not is_plain(document) or not isinstance(document.get("kind"), str):
        return False
    metadata, items = document.get("metadata"), document.get("items", 0)
    if not isinstance(metadata, dict) or not isinstance(items, list | None):
        return False
    texts = (metadata.get("resourceVersion", ""), metadata.get("continue") or "", document.get("apiVersion", ""))
    return all(isinstance(text, str) for text in texts)


def event(line: bytes) -> None:
    """An event is what a parser finds in the line, and what one finds is an event."""
    document = parsed(line)
    try:
        found: WatchEvent = decode_event(line)
    except APIError:
        return
    except MalformedResponse:
        assert not _is_event(document)
        return
    if isinstance(document, dict) and is_plain(document):
        _check_event(found, document)
    elif isinstance(found, Delta):
        assert parsed(found.record.raw, repeated=True) is not NO_JSON or not _fits_python(found.record.raw)


def _check_event(found: WatchEvent, document: dict[str, Any]) -> None:
    kind, value = document["type"], document["object"]
    if isinstance(found, Bookmark):
        assert kind == "BOOKMARK"
        assert found.resource_version == value["metadata"]["resourceVersion"]
        assert found.ends_snapshot is ((value["metadata"].get("annotations") or {}).get(_ENDS) == "true")
        return
    assert found.deleted is _DELETED[kind]
    _check_object(found, value)


def _is_event(document: Any) -> bool:
    """Whether it is an event on an object that can be taken in; of bookmarks and errors others tell."""
    if not isinstance(document, dict) or not is_plain(document) or document.get("type") not in list(_DELETED):
        return False
    value = document.get("object")
    return is_object(value) and isinstance(value, dict) and value.get("kind") != "Table"


def _check_object(found: Delta | Undecodable, value: Any, *, kind: str = "") -> None:
    if isinstance(found, Undecodable):
        assert not is_object(value)
        return
    assert is_object(value)
    record, metadata = found.record, value["metadata"]
    assert (record.name, record.namespace) == (metadata["name"], metadata.get("namespace", ""))
    assert (record.uid, record.resource_version) == (metadata.get("uid", ""), metadata.get("resourceVersion", ""))
    assert record.labels == (metadata.get("labels") or {})
    kept = parsed(record.raw, repeated=True)  # a list's kind is put before an empty one
    if not value.get("kind") and kind:
        assert "kind" in value or kept["kind"] == kind
        kept = {name: kept[name] for name in value}
    assert kept == value
    _read(record)


def _read(record: Stored) -> None:
    """A view of what was taken in can be read; only fields whose type Kubernetes fixes may not fit."""
    view = KubeObject(record)
    assert view.key in repr(view)
    view.to_dict()
    for field in view:
        assert field in view
        view.get(field)
    with suppress(msgspec.ValidationError):
        assert view.metadata.name == record.name


def _fits_python(raw: bytes) -> bool:
    """Whether a number or nesting that only Python refuses is not what the two disagree on."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return len(raw) < 1000  # noqa: PLR2004  # no room for 4300 digits, nor for a thousand levels


def scanning(data: bytes) -> None:
    """What decoding in C finds, where it was compiled, is what Python finds; the first byte says what is to be kept and put before."""
    if scan is None:
        return
    flags, raw = data[:1], data[1:]
    head, keep = (b"{" if flags < b"@" else b'{"kind":"Pod","apiVersion":"v1",'), flags >= b"`"
    found = scan(raw, 0, len(raw), head, keep, ({}, {}))
    if found is not None:
        delta = closely(raw, 0, len(raw), deleted=False, keep_managed_fields=keep, head=head)
        assert isinstance(delta, Delta)
        assert delta.record == Record(*found)
        assert parsed(found[4], repeated=True) is not NO_JSON or not _fits_python(found[4])
    _scanning_many(raw, keep=keep)


def _scanning_many(raw: bytes, *, keep: bool) -> None:
    """The same for lines and items: each is what it is alone, and they stand one behind the other."""
    if scan_lines is None or scan_items is None:
        return
    lines, at = scan_lines(raw, 0, len(raw), 64, b"{", keep, ({}, {}), Delta, Record, None)
    whole = [line for line in raw[:at].split(b"\n") if line not in {b"", b"\r"}]
    assert lines == [decode_event(line, keep_managed_fields=keep) for line in whole]
    items, at = scan_items(raw, 0, len(raw), 64, b"{", keep, ({}, {}), Delta, Record, None)
    if items:
        alone = decode_page(b'{"kind":"List","metadata":{},"items":[' + raw[: at - 1] + b"]}").items
        assert items == [decode_item(item, keep_managed_fields=keep) for item in alone]


def status(body: bytes) -> None:
    """Any body stands for some failure, in few words; a Status for the one that it says."""
    error = status_error(503, body)
    assert error.status in range(400, 600)
    assert len(str(error)) < 2 * MAX_MESSAGE
    assert str(error).isprintable()
    assert error.retry_after is None or 0 < error.retry_after <= LONGEST_RETRY_AFTER
    document = parsed(body)
    if not isinstance(document, dict) or not is_plain(document) or document.get("kind") != "Status":
        return
    code = document.get("code")
    assert error.status == (code if type(code) is int and code in range(400, 600) else 503)
    assert error.message == (document["message"][:MAX_MESSAGE] if isinstance(document.get("message"), str) else "")


def waiting(data: bytes) -> None:
    """Any Retry-After is a wait within bounds, or none."""
    for value in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        seconds = retry_after(value)
        assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


def selector(data: bytes) -> None:
    """A label selector parses or is refused with a place, as the API server's grammar has it, and means what it says."""
    text = data.decode("utf-8", "replace")
    try:
        found = LabelSelector.parse(text)
    except InvalidSelector as refused:
        assert "selector" in str(refused) or "label" in str(refused)  # noqa: PT017  # what it says is the point
        found = None
    try:
        expected = label_predicate(text)
    except BadRequestError:
        assert found is None or not text.strip(" \t\r\n")
        return
    if found is None:
        assert any(mark in text for mark in "<>")  # past 64 bits, which the oracle does not count
        return
    assert LabelSelector.parse(str(found)) == found
    for labels in _LABELS:
        assert found.matches(labels) is expected(labels)


def name(data: bytes) -> None:
    """A resource's name parses or is refused; what it means is a path on the same server and nothing else."""
    text = data.decode("utf-8", "replace")
    try:
        found = named_resource(text)
    except InvalidOption:
        return
    if isinstance(found, GroupVersionResource):
        assert set(found.path("default")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-./")
        assert ".." not in found.path()
        assert "//" not in found.path()
        assert named_resource(str(found)) == found
    else:
        assert ResourceName.parse(str(found)) == found


def versions(data: bytes) -> None:
    """Resource versions compare as the numbers they are."""
    one, _, other = data.decode("utf-8", "replace").partition(" ")
    try:
        reached = at_least(one)
    except ValueError:
        assert not one.isascii() or not one.isdigit() or one.startswith("0")
        return
    if other.isascii() and other.isdigit() and not other.startswith("0"):
        longest = 4000  # digits that Python reads
        if max(len(one), len(other)) < longest:
            assert reached(other) is (int(other) >= int(one))
    else:
        assert not reached(other)


PROPERTIES: dict[str, Callable[[bytes], None]] = {
    property_.__name__: property_
    for property_ in (
        framing,
        chunks,
        chunked_head,
        list_cutting,
        page,
        page_reading,
        event,
        scanning,
        status,
        waiting,
        selector,
        name,
        versions,
    )
}
"""Every target by its name."""
