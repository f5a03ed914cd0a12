"""What Python's own JSON parser says of bytes, made as strict as RFC 8259: the second opinion that ours are compared with."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["NO_JSON", "is_object", "is_plain", "parsed"]

NO_JSON: Final = object()
"""What ``parsed`` says of bytes that are no JSON, or that Python cannot read: nested too deep, numbers of thousands
of digits."""


def parsed(body: bytes, *, repeated: bool = False) -> Any:
    """The value, or ``NO_JSON``; ``repeated``: with names that occur twice in one object, of which no two parsers say the same."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse, object_pairs_hook=dict if repeated else _object)
    except (ValueError, RecursionError):
        return NO_JSON


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def is_plain(value: Any) -> bool:
    """Whether any parser can hold it: text that is Unicode, numbers of a size that a double or 64 bits have room for."""
    match value:
        case dict():
            return all(is_plain(key) and is_plain(inner) for key, inner in value.items())
        case list():
            return all(map(is_plain, value))
        case str():
            return not any("\ud800" <= letter <= "\udfff" for letter in value)
        case bool() | None:
            return True
        case _:
            return bool(-(2**63) <= value < 2**63)


def is_object(value: Any) -> bool:
    """Whether it is what the cache takes in: metadata with a name, and identity, version and labels that are text."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return False
    labels = metadata.get("labels")
    texts = [metadata.get(name, "") for name in ("namespace", "uid", "resourceVersion")]
    texts += [value.get(name, "") for name in ("kind", "apiVersion")]
    texts += labels.values() if isinstance(labels, dict) else []
    return all(isinstance(text, str) for text in texts) and (labels is None or isinstance(labels, dict))
