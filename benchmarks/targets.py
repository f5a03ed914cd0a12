"""What the library sets out to reach, and what the recorded results say to it: one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["TARGETS", "Results", "Target", "summary"]

OURS, GO = "aioinformer", "client-go typed protobuf"
HANDED_OVER = "aioinformer, handing it over and waking"
FANOUT = "aioinformer, per event and further consumer"
KEYS = "aioinformer, key and labels"
REACHED = "reached"
MILLION = "aioinformer, 1,000,000 pods"


class Results:
    """The results, by measure and variant."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self._lines = {(line["measure"], line["variant"]): line for line in lines}

    def value(self, measure: str, variant: str) -> float:
        """The figure. ``KeyError``: it was not measured."""
        return float(self._lines[measure, variant]["value"])

    def times(self, measure: str, one: str, other: str) -> float:
        """The one's rate over the other's, from the ratios taken within rounds."""
        return float(self._lines[measure, one]["relative"] / self._lines[measure, other]["relative"])

    def detail(self, measure: str, variant: str, name: str) -> float:
        """A figure beside the figure."""
        return float(self._lines[measure, variant]["details"][name])


@dataclass(frozen=True)
class Target:
    """What is to be reached, how it is told from the results, and whether more is better."""

    what: str
    bound: float
    unit: str
    of: Callable[[Results], float]
    at_least: bool = False

    def row(self, results: Results) -> list[str] | None:
        """What, what is to be reached, what is reached; ``None`` where it was not measured."""
        try:
            value = self.of(results)
        except KeyError:
            return None
        met = value >= self.bound if self.at_least else value <= self.bound
        sign = "≥" if self.at_least else "≤"
        reached = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004  # three digits say enough
        verdict = REACHED if met else "**not reached**"
        return [self.what, f"{sign} {self.bound:,g} {self.unit}", f"{reached} {self.unit}", verdict]


def faster(what: str, bound: float, one: str, other: str, measure: str = "watch events") -> Target:
    """A rate of ours over a rate of others."""
    return Target(
        f"{what}, over {other}", bound, "x", lambda results: results.times(measure, one, other), at_least=True
    )


def _bare(results: Results) -> float:
    return 100 * results.times("watch events", KEYS, "bare aiohttp read")


def _grown(name: str) -> Callable[[Results], float]:
    """What something costs at a million over what it costs at a thousand."""

    def of(results: Results) -> float:
        few = results.detail("a million", "aioinformer, 1,000 pods", name)
        return results.detail("a million", MILLION, name) / few

    return of


def _later(name: str) -> Callable[[Results], float]:
    def of(results: Results) -> float:
        if name == "p50":
            return results.value("latency", OURS) / results.value("latency", GO)
        return results.detail("latency", OURS, "p99 ms") / results.detail("latency", GO, "p99 ms")

    return of


def _heaviest(results: Results) -> float:
    return max(
        results.detail("first sync", f"aioinformer, {mode}", "resident B") for mode in ("streamed", "pages of 500")
    )


def _latest(*phases: str) -> Callable[[Results], float]:
    """The most that an event of another informer was late in these phases."""
    return lambda results: max(results.value("neighbour", f"aioinformer, {phase}") for phase in phases)


FULL = "aioinformer, 100,000 pods, all of it, forced"


def _tracked(results: Results) -> float:
    return results.detail("collector", FULL, "tracked objects per pod")


def _collected(results: Results) -> float:
    return results.value("collector", FULL) / results.value("collector", f"{FULL}, without a cache")


TARGETS = (
    faster("events, key and labels", 2.5, KEYS, GO),
    faster("events, key and labels", 3, KEYS, "kube-rs, key and labels"),
    faster("events, key and labels", 30, KEYS, "kubernetes_asyncio Watch"),
    Target("events, key and labels, of a bare aiohttp read", 40, "%", _bare, at_least=True),
    faster("events, spec and status", 3, "aioinformer, to_dict()", "client-go dynamic, spec and status"),
    faster("events, spec and status", 1, "aioinformer, to_dict()", "kube-rs, spec and status"),
    faster("events, `model=` of six fields", 2, "aioinformer, model= of six fields", GO),
    faster("first sync, paged", 3, "aioinformer, pages of 500", f"{GO}, pages of 500", "first sync"),
    faster("first sync, streamed", 3, "aioinformer, streamed", f"{GO}, streamed", "first sync"),
    Target("memory per pod, 20,000 pods", 1000, "B", _heaviest),
    Target("a million pods, above the empty process", 1024, "MiB", lambda r: r.detail("a million", MILLION, "MiB")),
    Target("a million pods, synced", 30_000, "objects/s", lambda r: r.value("a million", MILLION), at_least=True),
    Target("`get` at a million, over a thousand", 1.5, "x", _grown("get µs")),
    Target("index look-up at a million, over a thousand", 1.5, "x", _grown("index µs")),
    Target("update at a million, over a thousand", 1.5, "x", _grown("update µs")),
    Target("unchanged relist, peak over steady", 20, "%", lambda r: r.value("relist", OURS)),
    Target("unchanged relist, events", 0, "events", lambda r: r.detail("relist", OURS, "events")),
    Target("unchanged relist, ticker late, p99.9", 5, "ms", lambda r: r.detail("relist", OURS, "late p99.9 ms")),
    Target(
        "another informer's events beside a relist of 50,000, at most",
        10,
        "ms",
        _latest("a relist, unchanged", "a relist, all changed"),
    ),
    Target(
        "the same beside first syncs, alone and three at once",
        10,
        "ms",
        _latest("a first sync", "3 first syncs at once"),
    ),
    Target("tracked by the garbage collector, of 100,000 pods", 0.1, "objects/pod", _tracked),
    Target("a full collection with them, over one without", 1.2, "x", _collected),
    Target("1,000 idle informers, of a core", 1, "%", lambda r: r.value("idle", "aioinformer, 1,000 informers")),
    Target("an idle informer", 60, "kB", lambda r: r.detail("idle", "aioinformer, 1,000 informers", "kB each")),
    Target("an event to one more subscriber, handed over", 1, "µs", lambda r: r.value("fan-out", HANDED_OVER)),
    Target("the same, and taken with `batches()`", 1, "µs", lambda r: r.value("fan-out", f"{FANOUT}, batches()")),
    Target("the same, and taken with `async for`", 1, "µs", lambda r: r.value("fan-out", FANOUT)),
    Target("write to event, p50, over client-go", 1, "x", _later("p50")),
    Target("write to event, p99, over client-go", 1, "x", _later("p99")),
    Target("import, beyond kubernetes_asyncio's", 0.35, "s", lambda r: r.value("import", "aioinformer, beyond it")),
)


def summary(lines: Iterable[dict[str, Any]]) -> str:
    """The table of targets, of those that were measured."""
    results = Results(lines)
    rows = [row for target in TARGETS if (row := target.row(results))]
    cells = [["measure", "to reach", "measured", ""], ["---", "---:", "---:", "---"], *rows]
    reached = sum(row[-1] == REACHED for row in rows)
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return f"{reached} of {len(rows)} targets are reached.\n\n{table}\n"
