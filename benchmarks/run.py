"""All measures, or those that are named: one JSON line per result as it comes, and a table at the end. `make bench`.

Each measure runs in a process of its own, so that none inherits another's memory or garbage.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MEASURES = ("watch_events", "first_sync", "memory", "fairness", "upkeep")


def main(names: list[str]) -> int:
    """Run them; the number of those that failed."""
    results: list[dict[str, Any]] = []
    failed = 0
    for name in names or MEASURES:
        began = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ourselves
            for line in process.stdout or ():
                print(line, end="", flush=True)
                results.append(json.loads(line))
        print(f"{name} took {time.perf_counter() - began:.0f} s", file=sys.stderr)
        failed += process.returncode != 0
    print(table(results))
    return failed


def table(results: list[dict[str, Any]]) -> str:
    """The results for a person, measure by measure, and the versions they hold for."""
    lines = []
    by_measure = defaultdict[str, list[dict[str, Any]]](list)
    for result in results:
        by_measure[result["measure"]].append(result)
    for measure, its in by_measure.items():
        lines += ["", f"{measure:50}{its[0]['unit']:>12}  {'from - to':>19}{'wall clock':>12}{'ratio':>8}"]
        for result in its:
            lines += _lines(result)
    if results:
        lines += ["", "  ".join(f"{name} {version}" for name, version in results[0]["versions"].items())]
    return "\n".join(lines)


def _lines(result: dict[str, Any]) -> list[str]:
    spread = f"{_number(result['low'])} - {_number(result['high'])}" if result["rounds"] > 1 else ""
    wall = "" if result["wall"] is None else _number(result["wall"])
    ratio = "" if result["relative"] is None else f"{result['relative']:.2f}x"
    lines = [f"  {result['variant']:48}{_number(result['value']):>12}  {spread:>19}{wall:>12}{ratio:>8}"]
    if result["details"]:
        lines.append("      " + ", ".join(f"{name} {_number(value)}" for name, value in result["details"].items()))
    return [*lines, *(f"      {note}" for note in result["notes"])]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004  # three digits say enough


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
