"""Cutting ``metadata.managedFields`` out of an object's JSON: often a third of it, and hardly anybody reads them."""

from __future__ import annotations

import msgspec

__all__ = ["without_managed_fields"]

_METADATA, _MANAGED_FIELDS = b'"metadata":{', b'"managedFields":'
_COMMA, _BRACE, _BRACKET, _BEFORE_A_NAME = ord(","), ord("{"), ord("["), b",{"
_NEAR = 512
"""Bytes within which kind and apiVersion are over."""
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def without_managed_fields(buffer: bytes, start: int, end: int, value: msgspec.Raw, head: bytes = b"{") -> bytes:
    """The JSON of the object between two places, without its ``metadata.managedFields``; the rest stays byte for byte.

    ``value`` is what they are. Nothing else in Kubernetes's metadata is called so and is a list, as labels and annotations
    are text. ``head`` takes the place of the opening brace.
    """
    metadata = buffer.find(_METADATA, start, start + _NEAR)
    field = buffer.find(_MANAGED_FIELDS, metadata, end)
    first = field + len(_MANAGED_FIELDS)
    if (
        metadata < 0
        or field < 0
        or buffer[start] != _BRACE  # a space stands before the object
        or buffer.count(b"{", start, metadata) != 1  # something nested stands before it
        or buffer[metadata - 1] not in _BEFORE_A_NAME  # it is the end of another name
        or buffer[field - 1] not in _BEFORE_A_NAME
        or buffer[first] != _BRACKET  # a label is called so, or a space stands before it
        or not buffer.startswith(value, first)
    ):
        return head + _reencoded_without_managed_fields(buffer[start:end])[1:]
    after = first + len(value)
    if buffer[field - 1] == _COMMA:
        field -= 1
    elif buffer[after] == _COMMA:
        after += 1
    return b"".join((head, buffer[start + 1 : field], buffer[after:end]))


def _reencoded_without_managed_fields(raw: bytes) -> bytes:
    """The same where metadata stands elsewhere, or is spelt otherwise, than Kubernetes does it."""
    fields = _decode_fields(raw)
    metadata = _decode_fields(fields["metadata"])
    metadata.pop("managedFields", None)
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)
