"""JSON as the server holds it: decoded documents, encoded bytes, and the one alias `Any` stands behind."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import msgspec

__all__ = ["JSON", "JSONValue", "copy", "decode", "encode", "inner", "is_list", "is_object"]

JSONValue: TypeAlias = Any
JSON: TypeAlias = dict[str, Any]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def encode(value: JSONValue) -> bytes:
    """Compact JSON.

    Raises:
        TypeError: a part of it has no JSON form.
    """
    return _encoder.encode(value)


def decode(data: bytes) -> JSONValue:
    """The document in the bytes.

    Raises:
        ValueError: they are not JSON.
    """
    return _decoder.decode(data)


def is_object(value: object) -> TypeGuard[JSON]:
    """Whether a decoded value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[JSONValue]]:
    """Whether a decoded value is a JSON list."""
    return isinstance(value, list)


def copy(document: JSON) -> JSON:
    """A copy that shares nothing with the original, as if it had crossed the wire."""
    copied: JSON = decode(encode(document))
    return copied


def inner(document: JSON, field: str) -> JSON:
    """The object at a field; an empty one where it is missing or null."""
    value = document.get(field)
    return value if is_object(value) else {}
