"""Decoding in C, where that was compiled (``_speedups.c``) and ``AIOINFORMER_NO_SPEEDUPS`` is not set in the environment.

It does what ``wire.py`` and ``chunked.py`` do, and leaves what is out of the common form where it stands: then Python decides.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.batches import Delta
    from aioinformer.objects import Record, Stored

    Dense = Callable[[str, dict[str, str], bytes], Stored]
    Some = Callable[
        [bytes | bytearray, int, int, int, bytes, bool, "Memory", type[Delta], type[Record], Dense | None],
        tuple[list[Delta], int],
    ]

__all__ = ["Memory", "join_chunks", "scan", "scan_items", "scan_lines"]

Found: TypeAlias = tuple[str, str, str, dict[str, str], bytes]
"""Key, uid, resource version, labels, and the object's own bytes: what makes a ``Record``."""

Memory: TypeAlias = tuple[dict[bytes, dict[str, str]], dict[str, str]]
"""Labels that were found lately, up to 512 sets of them, by their bytes: objects with equal ones share a dict. And up to 512
strings in them, by themselves: sets with equal ones share those."""

scan: Callable[[bytes, int, int, bytes, bool, Memory], Found | None] | None = None
"""What the object between two places is, beginning with these bytes if it has no kind, with its managedFields if they are
to be kept; ``None`` where that takes a closer look."""

scan_lines: Some | None = None
"""The same for up to so many of a watch's lines, between which are newlines; and where the first line begins that was left
out, for their number, their size, or because it takes a closer look: then none that is given would be read. With the last
argument, objects of up to a quarter of a mebibyte come in that form."""

scan_items: Some | None = None
"""The same for items of a list, between which are commas. The last that is there is always left out: it may go on."""

join_chunks: Callable[[memoryview, int, int], tuple[bytes, int, int]] | None = None
"""The data from a place on, of which so many bytes are of the chunk there; where that ends; what is left of a chunk that goes
on behind. If it ends before the end, what stands there takes a closer look."""

if not os.environ.get("AIOINFORMER_NO_SPEEDUPS"):
    with suppress(ImportError):  # without a compiler there was none to be had
        from aioinformer._speedups import join_chunks, scan, scan_items, scan_lines
