"""Who has the processor while watch events come: the kernel, the interpreter, or a library in C, by perf's samples.

Needs ``perf`` (Debian: ``linux-perf``) and a Linux that lets us use it; without them there is nothing to show.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.clients import OURS, Client
from benchmarks.result import Result
from benchmarks.servers import Recording, compiled_server, replay

__all__ = ["measure", "shares"]

EVENTS = 500_000
"""Some seconds' worth."""
STARTED = 1500
"""Milliseconds after which imports are over and events come."""
SAMPLES_PER_SECOND = 1999  # no multiple of any timer
MODULES = (
    (r"kernel|vdso", "the kernel: reading the socket, polling"),
    (r"^_speedups", "decoding in C: going over the bytes, and building what was asked for"),
    (r"^_core\.", "msgspec: the same without that, and for models"),
    (r"^_http_parser", "aiohttp's parser of HTTP"),
    (r"^_zstd|zstandard", "zstd: packing"),
    (r"^libpython|^python", "the interpreter: the library's own steps, asyncio's and aiohttp's"),
    (r"^libc\.", "the C library: copying and allocating"),
)
OTHER = "all else"


def shares(report: str) -> dict[str, float]:
    """Percent by what it is for, from the lines ``percent shared-object`` of ``perf report``; the greatest first."""
    found = dict[str, float]()
    for percent, module in re.findall(r"^\s*([\d.]+)%\s+(\S+)", report, re.MULTILINE):
        name = next((name for pattern, name in MODULES if re.search(pattern, module)), OTHER)
        found[name] = found.get(name, 0.0) + float(percent)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def measure(ours: Client, events: int = EVENTS) -> list[Result]:
    """The shares while one consumer reads keys and labels of so many events; nothing where there is no perf."""
    perf = shutil.which("perf")
    if perf is None:
        print("no perf here (Debian has it as linux-perf): shares of the processor are left out")
        return []
    with tempfile.TemporaryDirectory() as directory:
        samples = str(Path(directory) / "samples")
        record = (
            perf,
            "record",
            "-q",
            "-e",
            "cpu-clock",
            "-F",
            str(SAMPLES_PER_SECOND),
            "-D",
            str(STARTED),
            "-o",
            samples,
        )
        with replay(Recording(1000, events), program=compiled_server()) as url:
            line = Client(ours.name, (*record, *ours.command), ours.environment).run("events", url, events)
        report = _output(perf, "report", "-i", samples, "--stdio", "--no-children", "--sort", "dso")
    found = shares(report)
    if not found:
        raise RuntimeError(f"perf took no sample: {events} events came within {STARTED} ms, imports included")
    each = line["cpu"] / line["count"] * 1e6
    return [
        Result(
            "shares",
            name,
            share,
            "%",
            share,
            share,
            details={"µs per event": each * share / 100},
            versions=line["versions"],
        )
        for name, share in found.items()
    ]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # perf, by its path


if __name__ == "__main__":
    for result in measure(OURS):
        print(f"{result.variant:75}{result.value:6.1f} %{result.details['µs per event']:8.2f} µs")
