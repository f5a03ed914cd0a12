"""One page of a list, read while it arrives: its objects a few at a time, and at the end what the list says of itself.

What is held in memory is what has arrived and was not taken yet, not the page; and however many objects a server sends
in one response, nobody has to split all of them in one go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aioinformer.batches import Undecodable
from aioinformer.errors import MalformedResponse
from aioinformer.framing import ItemCutter
from aioinformer.wire import ENOUGH, decode_head, decode_item, decode_items, decode_page

if TYPE_CHECKING:
    from aioinformer.batches import Delta
    from aioinformer.wire import ListPage

__all__ = ["PageReader"]

_decode_anything = msgspec.json.Decoder(msgspec.Raw).decode


class _Kind(msgspec.Struct):
    kind: str = ""


_decode_kind = msgspec.json.Decoder(_Kind).decode


class PageReader:
    """``feed`` it chunks and ``take`` what they complete; ``close`` gives the rest, and the version of the list."""

    def __init__(self, *, keep_managed_fields: bool = False) -> None:
        self._keep_managed_fields = keep_managed_fields
        self._cutter = ItemCutter()
        self._pending: list[bytes] = []
        self._kinds: tuple[str, str] | None = None

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._cutter.length

    def feed(self, chunk: bytes) -> None:
        """Take in some bytes."""
        self._cutter.feed(chunk)

    def take(self, count: int, *, dense: bool = False) -> list[Delta | Undecodable]:
        """Up to so many objects that have arrived, fewer if they are large; none when there are no more for now.

        ``dense``: as ``DenseRecord``, where that is as easy.
        """
        if self._kinds is None and self._cutter.has_begun:
            self._look_at_head()
        if not self._pending and (easy := self._easy(count, dense=dense)):
            return [*easy]
        self._pending = self._pending or self._cutter.cut()
        taken: list[Delta | Undecodable] = []
        length = 0
        while self._pending and len(taken) < count and length < ENOUGH:
            candidate = self._pending.pop(0)
            length += len(candidate)
            item = self._decoded(candidate)
            if item is not None:
                self._cutter.accepted()
                taken.append(item)
        return taken

    def _look_at_head(self) -> None:
        try:
            self._kinds = decode_head(self._cutter.head)
        except MalformedResponse:  # what looked like the items is something else
            self._leave_whole([])

    def _easy(self, count: int, *, dense: bool) -> list[Delta]:
        """Those at the beginning that can be had at once, if any: cutting and decoding them is one pass."""
        kind, api_version = self._kinds or ("", "")
        beginning = self._cutter.beginning() if kind and api_version else None
        if beginning is None:
            return []
        items, until = decode_items(
            beginning, count, kind, api_version, keep_managed_fields=self._keep_managed_fields, dense=dense
        )
        if items:
            self._cutter.skip(until)
        return items

    def close(self) -> ListPage:
        """The list has arrived: what it says of itself, and the items that were not taken, undecoded.

        Raises:
            MalformedResponse: it is not a list, or it is a ``Table``, which holds no objects.
        """
        self._cutter.put_back(self._pending)
        self._pending = []
        return decode_page(self._cutter.close())

    def _decoded(self, candidate: bytes) -> Delta | Undecodable | None:
        """The object, or ``None`` if this is not the whole of one; then it is seen to that it comes with more of it."""
        kind, api_version = self._kinds or ("", "")
        try:
            item = decode_item(candidate, kind, api_version, keep_managed_fields=self._keep_managed_fields)
            if isinstance(item, Undecodable):
                _decode_anything(candidate)
            elif not (kind and api_version) and not _decode_kind(candidate).kind:  # perhaps the end of the list says it
                self._leave_whole([candidate, *self._pending])
                return None
        except RecursionError:  # too deep to tell where it ends
            self._leave_whole([candidate, *self._pending])
        except (MalformedResponse, msgspec.DecodeError):
            if again := self._cutter.cut_again([candidate, *self._pending]):
                self._pending = again
            else:
                longer = self._cutter.no_item(candidate, self._pending)
                self._pending = [longer, *self._pending] if longer else []
        else:
            return item
        return None

    def _leave_whole(self, candidates: list[bytes]) -> None:
        self._cutter.put_back(candidates, for_good=True)
        self._pending = []
