"""Cutting bytes before anybody parses them: lines out of a stream, items out of a list. No state but an unfinished line."""

from __future__ import annotations

import re

from aioinformer.errors import MalformedResponse, NetworkError

__all__ = ["LineSplitter", "cut_list"]

MAX_LINE = 128 * 1024 * 1024
"""Bytes. etcd's default lets objects exceed 1.5 MB, and other stores more; past this it is no Kubernetes any more."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_ITEMS, _ITEM = 2, 3
"""How deep the items array and the items stand."""


class LineSplitter:
    """Cuts a stream into lines, whatever the chunks; it holds at most one unfinished line, and only while unfinished."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their newlines and without empty ones.

        Raises:
            MalformedResponse: a line is longer than ``MAX_LINE``.
        """
        head, newline, rest = chunk.partition(b"\n")
        self._size += len(head)
        if self._size > MAX_LINE:
            raise MalformedResponse(f"a watch event is longer than {MAX_LINE} bytes: this is not a Kubernetes watch")
        self._parts.append(head)
        if not newline:
            return []
        lines = [b"".join(self._parts), *rest.split(b"\n")]
        remainder = lines.pop() if rest else b""
        self._parts = [remainder] if remainder else []
        self._size = len(remainder)
        return [line for line in lines if line and line != b"\r"]

    def close(self) -> None:
        """The stream ended.

        Raises:
            NetworkError: in the middle of a line, which is dropped: somebody cut the connection.
        """
        if self._size:
            raise NetworkError(f"the watch was cut in the middle of an event, {self._size} bytes into it")


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
