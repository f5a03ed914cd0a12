"""Cutting ``metadata.managedFields`` out of an object's JSON: often a third of it, and hardly anybody reads them."""

from __future__ import annotations

import msgspec

__all__ = ["without_managed_fields"]

_METADATA, _MANAGED_FIELDS = b'"metadata":{', b'"managedFields":'
_COMMA, _BEFORE_A_NAME = ord(","), b",{"
_OPENING, _CLOSING = ord("["), b"]"
_NEAR = 512
"""Bytes within which kind and apiVersion are over."""
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def without_managed_fields(raw: bytes, length: int) -> bytes:
    """An object's JSON without its ``metadata.managedFields``, of so many bytes; the rest stays byte for byte as it is."""
    metadata = raw.find(_METADATA, 0, _NEAR)
    field = raw.find(_MANAGED_FIELDS, metadata)
    value = field + len(_MANAGED_FIELDS)
    after = value + length
    if (
        metadata < 0
        or field < 0
        or raw.count(b"{", 0, metadata) != 1  # something nested stands before it
        or raw[field - 1] not in _BEFORE_A_NAME  # it is the end of another name
        or raw.find(_MANAGED_FIELDS, value) >= 0  # there are more of the name, a label may be called so
        or raw[value] != _OPENING  # a space stands before it
        or raw[after - 1 : after] != _CLOSING
    ):
        return _reencoded_without_managed_fields(raw)
    if raw[field - 1] == _COMMA:
        field -= 1
    elif raw[after] == _COMMA:
        after += 1
    return raw[:field] + raw[after:]


def _reencoded_without_managed_fields(raw: bytes) -> bytes:
    """The same where metadata stands elsewhere, or is spelt otherwise, than Kubernetes does it."""
    fields = _decode_fields(raw)
    metadata = _decode_fields(fields["metadata"])
    metadata.pop("managedFields", None)
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)
