"""Sizes of this process, in bytes, from /proc: what it holds, and the most that it held."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["STATUS", "peak", "reset_peak", "resident"]

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


def _field(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0
