"""What may wait, plain, to be packed: a bound for the whole process, and the way back to the system once it is packed.

A first copy and a burst of events run at plain speed as long as all caches together have less than ``BURST`` waiting.
Memory that packing sets free is used again by what comes next; when nothing comes, the C library keeps it, in holes
between what stays, until it is told to give it back.
"""

from __future__ import annotations

from threading import Lock
from time import thread_time
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BURST", "HEAP", "STAGED", "WAITING", "Heap", "Waiting"]

BURST = 128 * 1024 * 1024
"""Bytes that may wait in all caches of the process together."""
SHARE = 64
"""A cache may always have so many times less waiting, whatever others have."""
DRAINED = 8
"""When more than that wait, so many times less are packed at once."""
STAGED = 2 * 1024 * 1024
"""Bytes that may wait in a snapshot that is to replace another: nobody waits for its single objects."""
STEP, REST = 8 * 1024 * 1024, 1024 * 1024
"""Bytes packed after which memory is given back: while more waits, which takes half a millisecond, and when nothing does."""
LONG = 0.002
"""Seconds that giving back a ``STEP`` may take; if it takes longer, there is much that it looks at in vain, and it is done less often."""
RELUCTANT = 64


class Burden(Protocol):
    """What has objects that wait to be packed."""

    waiting_bytes: int


class Waiting:
    """Who has much waiting, so that it can be told whether it is too much. For any thread, as each may have a loop."""

    def __init__(self) -> None:
        self._burdens: WeakSet[Burden] = WeakSet()
        self._lock = Lock()
        self._is_draining = False

    def is_too_much(self, burden: Burden, *, drain: bool) -> bool:
        """Whether this one has to be packed now, as all together have more than may wait.

        ``drain``: once that is so, some more is packed. What waits stands in memory in the order in which it came, and many
        that are let go at once leave a large hole rather than many small ones.
        """
        if burden.waiting_bytes <= BURST // SHARE:
            return False
        with self._lock:
            self._burdens.add(burden)
        if not drain:
            return self.bytes > BURST
        self._is_draining = self.bytes > (BURST - BURST // DRAINED if self._is_draining else BURST)
        return self._is_draining

    @property
    def is_little(self) -> bool:
        """Whether it is so little that what is packed is not replaced at once by what comes."""
        return self.bytes < BURST - 2 * BURST // DRAINED

    @property
    def bytes(self) -> int:
        """What waits with all that have much."""
        with self._lock:
            return sum(burden.waiting_bytes for burden in self._burdens)


class Heap:
    """Gives memory back; ``trim`` is the C library's function for that, ``None`` where it has none."""

    def __init__(self, trim: Callable[[], Callable[[int], int] | None]) -> None:
        self._find = trim
        self._trim: Callable[[int], int] | None = None
        self._found = False
        self._freed = 0
        self._reluctance = 1

    def freed(self, size: int, *, more: bool) -> None:
        """So many bytes were packed, and ``more`` are to be."""
        self._freed += size
        if self._freed >= (STEP if more else REST) * self._reluctance:
            self._freed = 0
            self._give_back()

    def _give_back(self) -> None:
        if not self._found:
            self._trim, self._found = self._find(), True
        if self._trim is None:
            return
        started = thread_time()
        self._trim(0)
        took_long = thread_time() - started > LONG * self._reluctance  # more to give back takes longer, too
        self._reluctance = min(2 * self._reluctance, RELUCTANT) if took_long else 1


def _malloc_trim() -> Callable[[int], int] | None:
    try:
        import ctypes  # noqa: PLC0415  # where there is nothing to pack it is not needed

        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # glibc's: macOS, musl and Windows have none
    except (ImportError, OSError, TypeError, AttributeError):
        return None
    return trim


WAITING = Waiting()
HEAP = Heap(_malloc_trim)
