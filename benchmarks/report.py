"""What `make bench-peers` found, as tables and plots in docs/performance.md, between its markers. `make bench-report`."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.plots import Axis, bars, curves
from benchmarks.targets import summary

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["pictures", "rendered", "tables"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "peers.jsonl"
PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
BEGIN, END = "<!-- begin: make bench-report -->", "<!-- end: make bench-report -->"

Line = dict[str, Any]

CAPTIONS = {
    "watch events": "Watch events, from the wire to one consumer",
    "interpreters": "The same under other interpreters",
    "stages": "Where a microsecond of a watch event goes",
    "shares": "Who has the processor meanwhile, by perf's samples",
    "first sync": "The first copy of 20,000 pods",
    "memory": "Resident memory per cached pod, streamed list, once things are quiet",
    "a million": "A million pods in one process, and what a read and an update cost beside a cache of a thousand",
    "relist": "A relist of what has not changed: peak of memory, events, and how late a 1 ms ticker came",
    "neighbour": "How late another informer's events come, one every 5 ms, while 50,000 pods sync or relist on the same loop",
    "collector": "Pauses of the garbage collector, by its own CPU time",
    "idle": "Informers with nothing to do, bookmarks on",
    "fan-out": "One event to a hundred consumers",
    "latency": "Write to event, real kube-apiserver",
    "import": "Import",
    "first event": "Start of the process to first event",
}


def read(path: Path = RESULTS) -> tuple[Line, list[Line]]:
    """The run's circumstances, and its results."""
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return lines[0]["run"], lines[1:]


def rendered(page: str, run: Line, results: list[Line]) -> str:
    """The page with what is between its markers made anew.

    Raises:
        ValueError: a marker is missing.
    """
    if BEGIN not in page or END not in page:
        raise ValueError(f"docs/performance.md needs the markers {BEGIN!r} and {END!r}")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{_circumstances(run, results)}\n{summary(results)}\n{tables(results)}\n{END}{after}"


def _circumstances(run: Line, results: list[Line]) -> str:
    versions = sorted({f"{name} {version}" for line in results for name, version in line["versions"].items()
                       if name not in {"machine", "cores"}})  # fmt: skip
    return (
        f"Measured {run['date']} on {run['cores']} cores of {run['cpu']}, {run['system']}, by `{run['command']}`; "
        f"with {', '.join(versions)}.\n"
    )


def tables(results: list[Line]) -> str:
    """A table per measure, each followed by its plot if it has one."""
    by_measure = _grouped(results)
    drawn = {picture.removesuffix(".svg") for picture in pictures(results)}
    parts = []
    for measure, caption in CAPTIONS.items():
        if lines := by_measure.get(measure):
            parts.append(f"### {caption}\n\n{_table(lines)}\n")
            name = measure.replace(" ", "-")
            if name in drawn:
                parts.append(f"![{caption}](performance/{name}.svg)\n")
    return "\n".join(parts)


def _grouped(results: Iterable[Line]) -> dict[str, list[Line]]:
    by_measure = defaultdict[str, list[Line]](list)
    for line in results:
        by_measure[line["measure"]].append(line)
    return by_measure


def _table(lines: list[Line]) -> str:
    details = list(dict.fromkeys(name for line in lines for name in line["details"]))
    head = ["", lines[0]["unit"]]
    head += ["from - to"] if lines[0]["rounds"] > 1 else []
    head += ["by the wall clock"] if lines[0]["wall"] is not None else []
    head += ["aioinformer is"] if lines[0]["relative"] is not None else []
    rows = [_row(line, head, details) for line in lines]
    cells = [[*head, *details], ["---", *["---:"] * (len(head) + len(details) - 1)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _row(line: Line, head: list[str], details: list[str]) -> list[str]:
    row = [line["variant"], number(line["value"])]
    if "from - to" in head:
        row.append(f"{number(line['low'])} - {number(line['high'])}")
    if "by the wall clock" in head:
        row.append(number(line["wall"]))
    if "aioinformer is" in head:
        row.append(f"{1 / line['relative']:.3g} x")
    return [*row, *(number(line["details"][name]) if name in line["details"] else "" for name in details)]


def number(value: float) -> str:
    """Three digits, and thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004  # three digits


def pictures(results: list[Line]) -> dict[str, str]:
    """The plots, by file name."""
    by_measure = _grouped(results)
    drawn = {}
    if lines := by_measure.get("watch events"):
        values = {line["variant"]: line["value"] for line in lines}
        drawn["watch-events.svg"] = bars(
            "Watch events per second of one core", values, Axis("events/s", logarithmic=True)
        )
    if lines := by_measure.get("memory"):
        million = by_measure.get("a million", [])
        drawn["memory.svg"] = curves(
            "Resident memory by number of objects", _memory(lines, million),
            Axis("objects", logarithmic=True), Axis("MiB", logarithmic=True), marks=True,
        )  # fmt: skip
    if lines := by_measure.get("relist"):
        drawn["relist.svg"] = curves(
            "How late a 1 ms ticker comes while an unchanged cache is relisted", _stalls(lines),
            Axis("ms late", logarithmic=True), Axis("ticks", logarithmic=True),
        )  # fmt: skip
    if lines := by_measure.get("latency"):
        values = {line["variant"]: _cumulative(line) for line in lines}
        drawn["latency.svg"] = curves("Write to event, cumulative", values, Axis("ms"), Axis("% of writes"))
    return drawn


def _memory(lines: list[Line], million: list[Line]) -> dict[str, list[tuple[float, float]]]:
    points = defaultdict[str, list[tuple[float, float]]](list)
    for line in lines:
        objects = line["details"]["objects"]
        points[line["variant"]].append((objects, objects * line["value"] / 2**20))
    for line in million[-1:]:
        mib, each = line["details"]["MiB"], line["details"]["resident B"]
        points["aioinformer"].append((mib * 2**20 / each, mib))
    return points


def _stalls(lines: list[Line]) -> dict[str, list[tuple[float, float]]]:
    """Of each bin that has ticks: its middle in milliseconds, and how many."""
    return {
        f"{line['variant']}, {number(line['details']['objects'])} objects": [
            (low * 1000 * 10**0.125, ticks)
            for low, ticks in zip(line["series"]["bins"], line["series"]["ticks"], strict=True)
            if ticks
        ]
        for line in lines
    }


def _cumulative(line: Line) -> list[tuple[float, float]]:
    return list(zip(line["series"]["ms"], line["series"]["percent"], strict=True))


def main() -> None:
    """Render the page and its pictures."""
    run, results = read()
    PAGE.write_text(rendered(PAGE.read_text(), run, results))
    PICTURES.mkdir(exist_ok=True)
    for name, picture in pictures(results).items():
        (PICTURES / name).write_text(picture)


if __name__ == "__main__":
    main()
