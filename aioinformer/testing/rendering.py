"""How objects are written out: whole, or only their metadata, as the ``Accept`` header asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from aioinformer.testing.encoding import JSON, encode
from aioinformer.testing.media import parse_accept
from aioinformer.testing.statuses import ApiServerError, NotAcceptableError, NotOneObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aioinformer.testing.catalog import Served
    from aioinformer.testing.mvcc import Change, Stored
    from aioinformer.testing.selecting import Selection

__all__ = ["Rendering", "negotiate"]

_SLICE = 64
_META = "meta.k8s.io"
_PARTIAL = "PartialObjectMetadata"


class _MetadataOnly(msgspec.Struct):
    metadata: msgspec.Raw


_partial_decoder = msgspec.json.Decoder(_MetadataOnly)


@dataclass(frozen=True, slots=True)
class Rendering:
    """One way of writing the objects of one resource version. Encoded watch events are shared between equal renderings."""

    kind: str
    api_version: str
    partial: bool
    typed_items: bool

    @classmethod
    def whole(cls, served: Served) -> Rendering:
        """Objects as they are. Only custom resources carry kind and apiVersion within lists."""
        return cls(served.kind, served.gvr.api_version, partial=False, typed_items=not served.builtin)

    @classmethod
    def metadata_only(cls, version: str) -> Rendering:
        """``PartialObjectMetadata`` in that version of ``meta.k8s.io``."""
        return cls(_PARTIAL, f"{_META}/{version}", partial=True, typed_items=True)

    def object(self, stored: Stored) -> bytes:
        """One object with kind and apiVersion."""
        if self.partial:
            return b'%s"metadata":%s}' % (self._prefix, _partial_decoder.decode(stored.body).metadata)
        return self._prefix + stored.body[1:]

    def list_parts(self, metadata: JSON, objects: Sequence[Stored]) -> Iterator[bytes]:
        """A list in parts of some objects each, to be sent one after the other."""
        one = self.object if self.typed_items else _body
        shown = {"continue": "", **metadata} if self.typed_items and not self.partial else metadata
        head = encode({"kind": f"{self.kind}List", "apiVersion": self.api_version, "metadata": shown})
        if self.partial and not objects:
            yield head[:-1] + b',"items":null}\n'  # as a real server has it
            return
        yield head[:-1] + b',"items":['
        for start in range(0, len(objects), _SLICE):
            yield (b"," if start else b"") + b",".join(map(one, objects[start : start + _SLICE]))
        yield b"]}\n"

    def added(self, stored: Stored) -> bytes:
        """The event that shows an object which was there before the watch."""
        return _line(b"ADDED", self.object(stored))

    def event(self, change: Change, selection: Selection) -> bytes:
        """The event a change is to a watch with that selection; empty if it is none.

        Leaving the selection looks like a deletion: the last state that matched, at the version of the change.
        """
        before = change.before if change.before and selection.matches(change.before) else None
        after = change.after if change.after and selection.matches(change.after) else None
        if after:
            return self._shared(change, "MODIFIED" if before else "ADDED", after)
        return self._shared(change, "DELETED", before) if before else b""

    def bookmark(self, revision: int, *, initial_end: bool) -> bytes:
        """The event that only tells how far the watch has come."""
        metadata: JSON = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return _line(b"BOOKMARK", encode({"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}))

    @staticmethod
    def error(error: ApiServerError) -> bytes:
        """The event that ends a watch with a Status."""
        return _line(b"ERROR", encode(error.body))

    @property
    def _prefix(self) -> bytes:
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()

    def _shared(self, change: Change, event: str, stored: Stored) -> bytes:
        key = (f"{self.api_version} {self.kind}", event)
        lines = {} if change.lines is None else change.lines
        line = lines.get(key)
        if line is None:
            shown = stored.at(change.revision) if event == "DELETED" else stored
            line = lines[key] = _line(event.encode(), self.object(shown))
        return line


def negotiate(accept: str, served: Served, *, wants_list: bool) -> Rendering:
    """The rendering for an ``Accept`` header. Tables are not offered; a client that also takes plain JSON gets that.

    Raises:
        NotAcceptableError: nothing in it can be served.
    """
    for media_range in parse_accept(accept):
        if not media_range.takes_json:
            continue
        target = media_range.parameters.get("as", "")
        if not target:
            return Rendering.whole(served)
        if target == (f"{_PARTIAL}List" if wants_list else _PARTIAL) and media_range.parameters.get("g") == _META:
            return Rendering.metadata_only(media_range.parameters.get("v", "v1"))
        if target.startswith(_PARTIAL):
            raise NotOneObjectError(target, _list_type(served)) if wants_list else NotAcceptableError
    raise NotAcceptableError


def _list_type(served: Served) -> str:
    package = served.gvr.group.partition(".")[0] or "core"
    return f"*{package}.{served.kind}List" if served.builtin else "*unstructured.UnstructuredList"


def _body(stored: Stored) -> bytes:
    return stored.body


def _line(event: bytes, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (event, body)
