"""One watch, read while it arrives: what its lines say, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.framing import LineSplitter
from aioinformer.wire import Taken, decode_lines

if TYPE_CHECKING:
    from aioinformer.batches import Delta, Undecodable
    from aioinformer.framing import Lines

__all__ = ["WatchReader"]


class WatchReader:
    """``feed`` it chunks and ``take`` what the lines say that these complete; ``close`` it when the stream has ended."""

    __slots__ = ("_keep_managed_fields", "_lines", "_splitter")

    def __init__(self, *, keep_managed_fields: bool = False) -> None:
        self._keep_managed_fields = keep_managed_fields
        self._splitter = LineSplitter()
        self._lines: list[Lines] = []

    def feed(self, chunk: bytes) -> None:
        """Take in some bytes.

        Raises:
            MalformedResponse: a line is too long.
        """
        self._lines += self._splitter.feed(chunk)

    @property
    def has_more(self) -> bool:
        """Whether lines are there that were not taken; until they are, it holds what they came in."""
        return bool(self._lines)

    def take(self, count: int, *, dense: bool = False) -> Taken:
        """Up to so many events; fewer if something else comes between, if they are large, or if no more are there.

        ``dense``: their objects as ``DenseRecord``, where that is as easy.
        """
        events: list[Delta | Undecodable] = []
        while self._lines and len(events) < count:
            buffer, _, end = lines = self._lines[0]
            taken, at = decode_lines(
                lines, count - len(events), keep_managed_fields=self._keep_managed_fields, dense=dense
            )
            events += taken.events
            if at < end:
                self._lines[0] = buffer, at, end
            else:
                del self._lines[0]
            if taken.stop is not None or at < end:
                return Taken(events, taken.stop)
        return Taken(events, None)

    def close(self) -> None:
        """The stream ended.

        Raises:
            NetworkError: in the middle of a line, which is dropped.
        """
        self._splitter.close()
