"""Cutting bytes before anybody parses them: lines out of a stream, items out of a list. No state but an unfinished line."""

from __future__ import annotations

import re
from typing import TypeAlias

from aioinformer.errors import MalformedResponse, NetworkError

__all__ = ["ItemCutter", "LineSplitter", "Lines", "cut_list"]

MAX_LINE = 128 * 1024 * 1024
"""Bytes. etcd's default lets objects exceed 1.5 MB, and other stores more; past this it is no Kubernetes any more."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]', re.DOTALL)
"""Strings and brackets. It never looks back: a string without an end, full of escapes, would cost the square of its length."""
_ITEMS, _ITEM = 2, 3
"""How deep the items array and the items stand."""
_ITEMS_FIELD, _AFTER_ITEM = b'"items":[', b"},"
_LONGEST_HEAD, _LONGEST_KEY = 64 * 1024, 64
"""Bytes of what stands before the items, and of the name of an item's first field."""
_MOST_REFUSED = 16
"""Candidates in a row that are no items, before a list is left whole: what is tried again and again costs its square."""

Lines: TypeAlias = tuple[bytes, int, int]
"""Lines are where they stand: a buffer, where they begin, where they end; newlines are between them. Nobody needs a copy."""


class LineSplitter:
    """Cuts a stream into lines, whatever the chunks; it holds at most one unfinished line, and only while unfinished."""

    __slots__ = ("_unfinished",)

    def __init__(self) -> None:
        self._unfinished: bytes | bytearray = b""

    def feed(self, chunk: bytes) -> list[Lines]:
        """The lines that this chunk completes: the one that was unfinished, and those that are all in it.

        Raises:
            MalformedResponse: a line is longer than ``MAX_LINE``.
        """
        first = chunk.find(b"\n")
        if len(self._unfinished) + (len(chunk) if first < 0 else first) > MAX_LINE:
            raise MalformedResponse(f"a watch event is longer than {MAX_LINE} bytes: this is not a Kubernetes watch")
        if first < 0:
            if isinstance(self._unfinished, bytes):  # a buffer that grows: many tiny parts would be many times the line
                self._unfinished = bytearray(self._unfinished)
            self._unfinished += chunk
            return []
        start, last, lines = 0, chunk.rfind(b"\n"), list[Lines]()
        if self._unfinished:
            line = b"".join((self._unfinished, chunk[:first]))
            lines.append((line, 0, len(line)))
            start = first + 1
        if start <= last:
            lines.append((chunk, start, last))
        self._unfinished = chunk[last + 1 :]
        return lines

    def close(self) -> None:
        """The stream ended.

        Raises:
            NetworkError: in the middle of a line, which is dropped: somebody cut the connection.
        """
        if self._unfinished:
            raise NetworkError(f"the watch was cut in the middle of an event, {len(self._unfinished)} bytes into it")


class ItemCutter:
    """Cuts a list into its items while it arrives, at what stands between two items wherever Kubernetes writes lists.

    The same may stand inside an item, so what it cuts are candidates: whoever parses them says which are ``no_item``.
    A list that is written otherwise is not cut at all, and comes out whole at the end.
    """

    __slots__ = ("_between", "_body", "_cutting", "_refused", "_searched", "_shortest", "_skipped", "head", "length")

    def __init__(self) -> None:
        self.head = b""
        """All that stands before the items; ``b""`` while that is not known."""
        self.length = 0
        """Bytes so far."""
        self._body = bytearray()
        self._skipped = 0
        """Bytes at its beginning that are done with."""
        self._between = b""
        self._searched = 0
        self._cutting = True
        self._refused = 0
        self._shortest: int | None = None
        """Bytes of the shortest candidate so far, of the next of which three quarters are not searched; 0: all are."""

    def feed(self, chunk: bytes) -> None:
        """Take in some bytes."""
        self.length += len(chunk)
        self._let_go()
        self._body += chunk

    def _let_go(self) -> None:
        """Of what was skipped: not at once, as each time what is left may be moved."""
        if self._skipped:
            self._body = self._body[self._skipped :]
            self._searched -= self._skipped
            self._skipped = 0

    @property
    def has_begun(self) -> bool:
        """Whether there are items to be cut out, or may be: all of ``head`` has come, and nothing speaks against it."""
        return self._cutting and bool(self._between or self._begin())

    def beginning(self) -> tuple[bytearray, int] | None:
        """All that has come, and where the first item begins that has not been cut out, if that may be all there.

        Not to be changed, nor to be kept when more is fed.
        """
        if not self.has_begun:
            return None
        found = self._body.find(self._between, self._searched)
        self._searched = found if found >= 0 else max(self._searched, len(self._body) - len(self._between), 0)
        return (self._body, self._skipped) if found >= 0 else None

    def skip(self, until: int) -> None:
        """From the beginning to here there were items, each with a comma behind it."""
        self._skipped = self._searched = until
        self.accepted()

    def cut(self) -> list[bytes]:
        """The candidates that have come."""
        if not self.has_begun:
            return []
        self._let_go()
        candidates: list[bytes] = []
        start, body, between = 0, self._body, self._between
        while (found := body.find(between, self._searched)) >= 0:
            candidates.append(bytes(memoryview(body)[start : found + 1]))
            if self._shortest is None or found - start < self._shortest:
                self._shortest = found - start
            start = found + len(_AFTER_ITEM)
            self._searched = start + self._shortest * 3 // 4
        del body[:start]
        self._searched = max(self._searched - start, len(body) - len(between), 0)
        return candidates

    def cut_again(self, candidates: list[bytes]) -> list[bytes]:
        """The first of these is no item, perhaps because there are several in it: cut where nothing is left out.

        From then on nothing is ever left out; there are no candidates if that was so before.
        """
        if not (self._shortest and self._cutting):
            return []
        self.put_back(candidates)
        self._searched = 0
        return self.cut()

    def _begin(self) -> bool:
        """Whether the first item has begun, so that it is known what stands between items."""
        at = self._body.find(_ITEMS_FIELD, 0, _LONGEST_HEAD)
        first = at + len(_ITEMS_FIELD)
        colon = self._body.find(b":", first, first + _LONGEST_KEY)
        if at < 0 or colon < 0:
            self._cutting = len(self._body) < _LONGEST_HEAD
            return False
        self.head = bytes(self._body[:first])
        del self._body[:first]
        self._between = _AFTER_ITEM + self._body[: colon + 1 - first]
        self._cutting = self._between.startswith(_AFTER_ITEM + b'{"')
        return self._cutting

    def no_item(self, candidate: bytes, rest: list[bytes]) -> bytes:
        """A candidate was only the beginning of an item: what to try instead, if anything is left of the rest.

        Where that happens again and again, or nothing is left, what there is joins what is yet to come.
        """
        self._refused += 1
        if rest and self._refused <= _MOST_REFUSED:
            return candidate + b"," + rest.pop(0)
        self.put_back([candidate, *rest])
        self._cutting = self._refused <= _MOST_REFUSED
        return b""

    def put_back(self, candidates: list[bytes], *, for_good: bool = False) -> None:
        """Let these be part of what is yet to come; ``for_good``: nothing will be cut any more."""
        self._let_go()
        inserted = b",".join([*candidates, b""])
        self._body[:0] = inserted
        self._searched = len(inserted) + (0 if self._shortest else self._searched)
        self._shortest = 0
        self._cutting = self._cutting and not for_good

    def accepted(self) -> None:
        """A candidate was an item."""
        self._refused = 0

    def close(self) -> bytes:
        """The list, without the items that were cut out of it."""
        return b"".join((self.head, memoryview(self._body)[self._skipped :]))


def cut_list(body: bytes) -> tuple[bytes, list[bytes]]:
    """A list taken apart by its strings and brackets alone: the list with an empty ``items``, and each item's bytes.

    Far slower than parsing, for lists that cannot be parsed because of one item. Without ``items``, the body itself.
    """
    depth = item = first = 0
    items: list[bytes] = []
    last_string = b""
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in {b"{", b"["}:
            depth += 1
            if depth == _ITEMS and mark == b"[" and last_string == b'"items"':
                first = token.end()
            elif depth == _ITEM and first:
                item = token.start()
        elif mark in {b"}", b"]"}:
            depth -= 1
            if first and depth == _ITEMS:
                items.append(body[item : token.end()])
            elif first and depth < _ITEMS:
                return body[:first] + body[token.start() :], items
        else:
            last_string = mark
    return body, []
