"""Comparison: what many consumers cost, what a relist does to others on its loop, and what the garbage collector does."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.clients import CLIENT_GO, OURS, Client
from benchmarks.compare_caches import share
from benchmarks.ours_collecting import COLLECTIONS
from benchmarks.result import Result
from benchmarks.servers import Recording, compiled_server, replay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["collecting", "fanout", "neighbour"]

FURTHER = 99
"""Consumers beyond the first, of a hundred."""


def fanout(events: int = 2_000, rounds: int = 3, clients: Sequence[Client] = (OURS, CLIENT_GO)) -> list[Result]:
    """What each further consumer of an event costs: the same events, to one and to a hundred; and handing over alone."""
    results = []
    with (
        replay(Recording(1000), program=compiled_server()) as at_will,
        replay(Recording(1000, events), program=compiled_server()) as at_once,
    ):
        for client in clients:
            theirs = client is CLIENT_GO
            measures = {"per event and further consumer": "fanout"}
            if not theirs:
                results += _handing_over(client, events, rounds)
                measures["per event and further consumer, batches()"] = "fanout-batches"
            for title, measure in measures.items():
                lines = [client.run(measure, at_once if theirs else at_will, events) for _ in range(rounds)]
                each = [(line["100"]["cpu"] - line["1"]["cpu"]) / (FURTHER * events) for line in lines]
                results.append(_fanned_out(f"{client.name}, {title}", each, lines[0]["versions"]))
    return results


def _handing_over(client: Client, events: int, rounds: int) -> list[Result]:
    lines = [client.run("handing-over", "", events) for _ in range(rounds)]
    versions = lines[0]["versions"]
    waiting = {"B per event that waits": median(line["waiting"] for line in lines)}
    return [
        _fanned_out(f"{client.name}, handing it over and waking", [line["cpu"] for line in lines], versions, waiting),
        _fanned_out("asyncio alone, waking a task that waits", [line["floor"] for line in lines], versions),
    ]


def _fanned_out(
    variant: str, each: Sequence[float], versions: Mapping[str, str], details: Mapping[str, float] | None = None
) -> Result:
    costs = [seconds * 1e6 for seconds in each]
    return Result(
        "fan-out",
        variant,
        median(costs),
        "µs",
        min(costs),
        max(costs),
        len(costs),
        details=details or {},
        versions=versions,
    )


def neighbour(pods: int = 50_000, ours: Client = OURS) -> list[Result]:
    """How late another informer's events are, which come every five milliseconds, while so many pods sync or relist."""
    with replay(Recording(pods, snapshots=3), program=compiled_server()) as url:
        line = ours.run("neighbour", url, pods)
    results = []
    for phase, seconds in line["late"].items():
        late = [second * 1000 for second in seconds] or [0.0]
        details = {f"p{percent:g} ms": share(late, percent / 100) for percent in (50, 99, 99.9)} | {"events": len(late)}
        results.append(
            Result(
                "neighbour",
                f"aioinformer, {phase}",
                late[-1],
                "ms at most",
                late[-1],
                late[-1],
                details=details,
                versions=line["versions"],
            )
        )
    return results


def collecting(pods: int = 100_000, rounds: int = 3, ours: Client = OURS) -> list[Result]:
    """The garbage collector's pauses with a large cache: of each generation while events flow, and a full one.

    Of several processes: the longest pauses, and the least that a full collection takes, which is what it takes undisturbed.
    """
    with replay(Recording(pods), program=compiled_server()) as url:
        lines = [ours.run("collecting", url, pods) for _ in range(rounds)]
    line = lines[0]
    pauses_of = {number: [pause for each in lines for pause in each["pauses"][number]] for number in line["pauses"]}
    forced = COLLECTIONS * rounds
    pauses: list[tuple[str, int, float]] = [
        *(
            (f"generation {number}, while events flow", len(seconds), max(seconds, default=0.0))
            for number, seconds in pauses_of.items()
        ),
        ("all of it, forced", forced, min(each["full"] for each in lines)),
        ("all of it, forced, without a cache", forced, min(each["empty"] for each in lines)),
    ]
    return [_pause(name, count, seconds, line) for name, count, seconds in pauses]


def _pause(name: str, count: int, seconds: float, line: Mapping[str, Any]) -> Result:
    longest = seconds * 1000
    details: dict[str, float] = {"collections": count}
    if name == "all of it, forced":
        details["tracked objects per pod"] = line["tracked"]
    return Result(
        "collector",
        f"aioinformer, {line['count']:,} pods, {name}",
        longest,
        "ms at most",
        longest,
        longest,
        details=details,
        versions=line["versions"],
    )
