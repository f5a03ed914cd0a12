"""Cutting bytes before anybody parses them: lines out of a stream, items out of a list. No state but an unfinished line."""

from __future__ import annotations

import re

from aioinformer.errors import MalformedResponse, NetworkError

__all__ = ["LineSplitter", "cut_list"]

MAX_LINE = 128 * 1024 * 1024
"""Bytes. etcd's default lets objects exceed 1.5 MB, and other stores more; past this it is no Kubernetes any more."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]', re.DOTALL)
"""Strings and brackets. It never looks back: a string without an end, full of escapes, would cost the square of its length."""
_ITEMS, _ITEM = 2, 3
"""How deep the items array and the items stand."""


class LineSplitter:
    """Cuts a stream into lines, whatever the chunks; it holds at most one unfinished line, and only while unfinished."""

    __slots__ = ("_unfinished",)

    def __init__(self) -> None:
        self._unfinished: bytes | bytearray = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their newlines and without empty ones.

        Raises:
            MalformedResponse: a line is longer than ``MAX_LINE``.
        """
        head, newline, rest = chunk.partition(b"\n")
        if len(self._unfinished) + len(head) > MAX_LINE:
            raise MalformedResponse(f"a watch event is longer than {MAX_LINE} bytes: this is not a Kubernetes watch")
        if not newline:
            if isinstance(
                self._unfinished, bytes
            ):  # one buffer that grows: a list of tiny parts would be many times the line
                self._unfinished = bytearray(self._unfinished)
            self._unfinished += head
            return []
        if self._unfinished:
            head = b"".join((self._unfinished, head))
        lines = [head, *rest.split(b"\n")]
        self._unfinished = lines.pop() if rest else b""
        return [line for line in lines if line and line != b"\r"]

    def close(self) -> None:
        """The stream ended.

        Raises:
            NetworkError: in the middle of a line, which is dropped: somebody cut the connection.
        """
        if self._unfinished:
            raise NetworkError(f"the watch was cut in the middle of an event, {len(self._unfinished)} bytes into it")


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
