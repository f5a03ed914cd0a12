"""What is kept of an object that cannot be taken in: who it is and what was wrong, never its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aioinformer.objects import UNREADABLE, Record, digest

if TYPE_CHECKING:
    from aioinformer.objects import JSON

__all__ = ["Quarantined", "forget_frames", "origin"]


class Quarantined(msgspec.Struct, frozen=True):
    """An object that could not be taken in: its key and version as far as known, the error, and its raw metadata.

    If an earlier version of it was in the cache, that one stays. The next version gets a new try.
    """

    key: str
    resource_version: str
    error: Exception
    raw_metadata: bytes = b"{}"
    where: str = ""
    """The line of your code that raised it, if it was yours: ``file:line in function``."""

    @property
    def metadata(self) -> dict[str, JSON]:
        """``metadata`` as the server sent it, unchecked; empty when not even that can be read."""
        try:
            return msgspec.json.decode(self.raw_metadata, type=dict[str, Any])
        except UNREADABLE:
            return {}

    def digest(self) -> int | None:
        """What tells this version from every other, as ``objects.digest`` does; ``None`` if its bytes do not say who it is."""
        uid = self.metadata.get("uid")
        if not (uid and isinstance(uid, str) and self.resource_version):
            return None
        return digest(Record(self.key, uid, self.resource_version, {}, b""))

    def __repr__(self) -> str:
        return f"<Quarantined {self.key} resourceVersion={self.resource_version} {type(self.error).__name__}>"


def origin(error: Exception) -> str:
    """Where an exception comes from, as ``file:line in function``."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}" if trace else ""


def forget_frames(error: BaseException | None) -> None:
    """Frames keep those who called them, and with them the whole batch."""
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        forget_frames(error.__cause__)
        error = error.__context__
