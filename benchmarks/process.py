"""Sizes of this process, in bytes, from /proc: what it holds, and the most that it held."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

__all__ = ["STATUS", "peak", "quiet", "reset_peak", "resident"]

STATUS = Path("/proc/self/status")


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
    """Wait until the memory has stopped shrinking, at most three minutes."""
    sizes = [0, 0, 0, resident()]
    while len(set(sizes[-4:])) > 1 and len(sizes) < 720:  # noqa: PLR2004  # a quarter of a second each
        await asyncio.sleep(0.25)
        gc.collect()
        sizes.append(resident())


def _field(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0
