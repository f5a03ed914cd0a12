"""Sizes of this process, in bytes, from /proc: what it holds, and the most that it held."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

__all__ = ["STATUS", "peak", "quiet", "reset_peak", "resident"]

STATUS = Path("/proc/self/status")
PERIOD, STEADY, LONGEST = 0.25, 8, 720
"""Seconds, and how many of them are two seconds and three minutes."""


def resident() -> int:
    """The resident memory."""
    return _field("VmRSS")


def peak() -> int:
    """The most resident memory since the start, or since ``reset_peak``."""
    return _field("VmHWM")


def reset_peak() -> None:
    """Let the peak begin from now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


async def quiet() -> None:
    """Wait until the memory has been the same for two seconds, at most three minutes: then all is packed."""
    sizes: list[int] = []
    while (len(sizes) < STEADY or len(set(sizes[-STEADY:])) > 1) and len(sizes) < LONGEST:
        await asyncio.sleep(PERIOD)
        sizes.append(resident())
    gc.collect()


def _field(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0
