"""Errors out of Status bodies: what a server says of a failure, in an answer or in an ERROR event of a watch. Bytes only."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from aioinformer.errors import APIError, api_error
from aioinformer.objects import UNREADABLE

__all__ = ["LONGEST_RETRY_AFTER", "MAX_MESSAGE", "MAX_REASON", "MAX_STATUS", "status_error"]

F = TypeVar("F")

LONGEST_RETRY_AFTER = 3600
"""Seconds: no server makes us wait longer."""
MAX_STATUS = 1024 * 1024
"""Bytes: what an ERROR event says beyond them is not read."""
MAX_MESSAGE, MAX_REASON = 4096, 256
"""Characters of a Status that an error keeps: it may be logged again and again."""
_FAILURES = range(400, 600)

_decode_document = msgspec.json.Decoder(dict[str, Any]).decode


def status_error(status: int, body: bytes, retry_after: float | None = None) -> APIError:
    """The error for a failed response: what the Status in the body says, or the bare HTTP status where it says nothing."""
    try:
        said = _decode_document(body)
    except UNREADABLE:
        said = {}
    if said.get("kind") != "Status":  # what a proxy in between has to say is not the server's word
        return api_error(status, retry_after=retry_after)
    code = _field(said, "code", int, 0)
    details = _field(said, "details", dict, {})
    seconds = _field(details, "retryAfterSeconds", int, 0)
    if retry_after is None and seconds > 0:
        retry_after = float(min(seconds, LONGEST_RETRY_AFTER))
    return api_error(
        code if code in _FAILURES else status,
        _field(said, "reason", str, "")[:MAX_REASON],
        _field(said, "message", str, "")[:MAX_MESSAGE],
        retry_after=retry_after,
        causes=[_field(cause, "reason", str, "") for cause in _field(details, "causes", list, [])],
        continue_token=_field(_field(said, "metadata", dict, {}), "continue", str, ""),
    )


def _field(document: object, name: str, kind: type[F], default: F) -> F:
    """A field of what may be a JSON object, if it is there and of this kind: no oddity makes the rest unreadable."""
    fields: dict[str, object] = document if isinstance(document, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    value = fields.get(name)
    return value if isinstance(value, kind) else default
