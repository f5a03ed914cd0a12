"""Decoding in C, where that was compiled (``_speedups.c``) and ``AIOINFORMER_NO_SPEEDUPS`` is not set in the environment.

It does what ``wire.py`` does, and says of what is out of the common form that it does not know: then Python decides.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Memory", "scan", "scan_line"]

Found: TypeAlias = tuple[str, str, str, dict[str, str], bytes]
"""Key, uid, resource version, labels, and the object's own bytes: what makes a ``Record``."""

Memory: TypeAlias = dict[bytes, dict[str, str]]
"""Labels that were found lately, up to 512 sets of them: objects with equal ones share a dict."""

scan: Callable[[bytes, int, int, bytes, bool, Memory], Found | None] | None = None
"""What the object between two places is, beginning with these bytes if it has no kind, with its managedFields if they are
to be kept; ``None`` where that takes a closer look."""

scan_line: Callable[[bytes, int, int, bool, Memory], tuple[bool, Found] | None] | None = None
"""Whether a line of a watch says that an object was deleted, and what that is; ``None`` as above, and for other lines."""

if not os.environ.get("AIOINFORMER_NO_SPEEDUPS"):
    with suppress(ImportError):  # without a compiler there was none to be had
        from aioinformer._speedups import scan, scan_line
