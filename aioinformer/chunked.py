"""HTTP's chunks (RFC 9112, 7.1): which responses come in them, and how to take them apart. Bytes only, no I/O."""

from __future__ import annotations

import re

from aioinformer.speedups import join_chunks

__all__ = ["Dechunker", "is_chunked_json"]

LONGEST_LINE = 4096
"""Bytes of a chunk's size with its extensions, which nobody reads."""
LONGEST_TRAILER = 16 * 1024
"""Bytes of what may follow the last chunk, which nobody reads either."""

_NEXT = re.compile(rb"\r\n(0{0,16}[0-9A-Fa-f]{1,10})[ \t]*(?:;[^\r\n]*)?\r\n")
"""What stands between the data of two chunks: the end of one, and the size of the next. Ten digits are a tebibyte."""
_BEGUN = re.compile(rb"(?:\r(?:\n(?:0{0,16}[0-9A-Fa-f]{1,10}(?:[ \t]*(?:;[^\r\n]*)?\r?)?)?)?)?")
"""What may become that."""
_LAST = b"\r\n\r\n"
_HEAD = re.compile(rb"HTTP/1\.1 200(?: [^\x00\r\n]*)?\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00\r\n]*\r\n)*)\r\n")
_FRAMING = frozenset({b"transfer-encoding", b"content-length", b"content-encoding", b"upgrade"})


def is_chunked_json(head: bytes) -> bool:
    """Whether this head of an answer to a GET, down to its empty line, announces JSON in chunks, and nothing else that bears on how it is read.

    Written otherwise than servers write it, it is not: the judgement has to be the one of whoever reads what is refused here.
    """
    found = _HEAD.fullmatch(head)
    if found is None:
        return False
    fields = [line.partition(b":")[::2] for line in found[1].lower().split(b"\r\n")]
    framing = [(name, value.strip(b" \t")) for name, value in fields if name in _FRAMING]
    kinds = [value for name, value in fields if name == b"content-type"]
    return (
        framing == [(b"transfer-encoding", b"chunked")] and len(kinds) == 1 and b"json" in kinds[0].partition(b";")[0]
    )


class Dechunker:
    """Takes one body out of its chunks, however the stream is cut. It keeps no byte of the body."""

    __slots__ = ("_between", "_left", "broken", "ended")

    def __init__(self) -> None:
        self.ended = False
        """Whether all has come, the trailer included."""
        self.broken = ""
        """Why it makes no sense any more, quoting nothing; ``""`` while it does."""
        self._left = 0
        """Bytes of a chunk's data that are still to come."""
        self._between: bytes = b"\r\n"
        """What has come since a chunk's data ended; the first has no other before it."""

    def feed(self, data: memoryview) -> bytes:
        """What of it belongs to the body, in bytes of its own.

        What comes before something that makes no sense is returned too; nothing is to be fed after that.
        """
        end = len(data)
        at = 0 if self._left or not end else self._cross(data, 0)
        join, parts = join_chunks or _join_chunks, list[bytes]()
        while self._left and at < end:
            part, at, self._left = join(data, at, self._left)
            parts.append(part)
            if at < end:
                at = self._cross(data, at)
                join = _join_chunks  # what was left out may come with every chunk
        return b"".join(parts)

    def _cross(self, data: memoryview, start: int) -> int:
        """Where the next chunk's data begins, behind what stands between two; the end of what there is if nothing more is data."""
        before, self._left = len(self._between), 0
        between = self._between + bytes(data[start : start + LONGEST_TRAILER])
        found = _NEXT.match(between)
        if self.ended:
            self._break("it goes on after its end")
        elif found is None:
            if len(between) > LONGEST_LINE or not _BEGUN.fullmatch(between):
                self._break("a chunk does not end where it should, or the next has no size")
        elif size := int(found[1], 16):
            self._between, self._left = b"", size
            return start + found.end() - before
        elif (last := between.find(_LAST, found.end() - 2)) >= 0:
            self._between, self.ended = b"", True
            behind = start + last + len(_LAST) - before
            return behind if behind == len(data) else self._cross(data, behind)
        elif len(between) >= LONGEST_TRAILER:
            self._break("the trailer is too long")
        self._between = between
        return len(data)

    def _break(self, why: str) -> None:
        self.broken, self.ended = why, False


def _join_chunks(data: memoryview, start: int, left: int) -> tuple[bytes, int, int]:
    """As ``join_chunks`` does, and sizes with extensions, too."""
    at, end = start, len(data)
    parts: list[memoryview] = []
    while left and at < end:
        stop = at + left
        parts.append(data[at:stop])
        found = _NEXT.match(data, stop) if stop < end else None
        size = 0 if found is None else int(found[1], 16)
        at = found.end() if found is not None and size else min(stop, end)
        left = size or max(stop - end, 0)
    return b"".join(parts), at, left
