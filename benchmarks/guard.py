"""A regression guard for CI, some twenty seconds: `make guard` fails on a two-fold slow-down or on memory grown by half.

Speed is a ratio that a slower machine does not change: the CPU time of the pipeline per event (watch, apply, hand to a
consumer), and per object of a first copy, over the CPU time of a fixed workload of similar character in the same
process and the same round. Memory is bytes per cached object. What is expected stands in ``guard.toml``, with decoding
compiled and without; after an intended change ``guard.py --record`` writes it anew, for the way that is installed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tomllib
import zlib
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from aioinformer.speedups import scan
from benchmarks import ours
from benchmarks.clients import Client
from benchmarks.drawing import GROUPS
from benchmarks.pods import plate
from benchmarks.result import Span
from benchmarks.servers import Recording, pin, replay
from benchmarks.watch_events import key_and_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BOUNDS", "WAYS", "complaints", "measured", "reference"]

EXPECTED = Path(__file__).parent / "guard.toml"
BOUNDS = {"event": 1.8, "object": 1.8, "bytes": 1.5}
"""By how much each may exceed what is expected; a two-fold slow-down has to show through the noise of a median."""
MEANING = {
    "event": "CPU time per watch event, over the reference's",
    "object": "CPU time per object of a first copy, over the reference's",
    "bytes": "resident bytes per cached object",
}
WAYS = ("compiled", "python")
"""How decoding is done: each has its own expectations."""
WAY = WAYS[scan is None]
HEADER = """# What `make guard` compares with: see guard.py. Made by `.venv/bin/python -m benchmarks.guard --record`.
"""


def reference(pods: int) -> float:
    """The CPU seconds per pod of a workload that no change of the library changes: decode, compress, keep."""
    bodies = [plate("item", number % GROUPS).fill(number) for number in range(pods)]
    kept: dict[str, tuple[bytes, object]] = {}
    started = Span.now()
    for body in bodies:
        metadata = json.loads(body)["metadata"]
        kept[metadata["namespace"] + "/" + metadata["name"]] = zlib.compress(body, 1), metadata["labels"]
    return started.elapsed().cpu / len(kept)


def measured(*, pods: int = 2000, events: int = 4000, held: int = 10_000, rounds: int = 5) -> dict[str, float]:
    """The three figures, medians of the rounds."""
    samples: dict[str, list[float]] = {"event": [], "object": []}
    with replay(Recording(pods, events)) as url:
        for _ in range(rounds):
            gc.collect()
            beside = reference(300)
            line = asyncio.run(ours.events(key_and_labels, url, events))
            samples["event"].append(line["cpu"] / events / beside)
            line = asyncio.run(ours.first_sync(url, pods, initial_list="stream"))
            samples["object"].append(line["cpu"] / pods / beside)
    figures = {name: median(ratios) for name, ratios in samples.items()}
    with replay(Recording(held)) as url:
        alone = Client("aioinformer", (sys.executable, "-m", "benchmarks.ours"))
        figures["bytes"] = alone.run("sync-streamed", url, held)["resident"] / held
    return figures


def complaints(figures: Mapping[str, float], expected: Mapping[str, float]) -> list[str]:
    """What grew too much, one sentence each; empty if all is well."""
    return [
        f"{MEANING[name]}, is {figures[name]:.3g}, {figures[name] / expected[name]:.2g} times the {expected[name]:.3g} of "
        f"benchmarks/guard.toml; {BOUNDS[name]:g} times is the most. Profile it (benchmarks/README.md says how), or, if it is "
        f"intended, record anew: .venv/bin/python -m benchmarks.guard --record"
        for name in BOUNDS
        if figures[name] > expected[name] * BOUNDS[name]
    ]


def _table(way: str, figures: Mapping[str, float]) -> str:
    return f"\n[{way}]\n" + "".join(f"{name} = {figure:.3g}\n" for name, figure in figures.items())


def main(args: list[str]) -> int:
    """Measure; then compare, or record."""
    pin(0)
    figures = measured()
    print(f"{WAY}: " + ", ".join(f"{MEANING[name]}: {figure:.3g}" for name, figure in figures.items()))
    expected: dict[str, Any] = tomllib.loads(EXPECTED.read_text())
    if "--record" in args:
        expected[WAY] = figures
        EXPECTED.write_text(HEADER + "".join(map(_table, expected, expected.values())))
        return 0
    found = complaints(figures, expected[WAY])
    print("\n".join(found) or "nothing has grown", file=sys.stderr if found else sys.stdout)
    return len(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
