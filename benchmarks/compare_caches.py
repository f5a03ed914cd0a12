"""Comparison: how fast caches fill, what they weigh, and what a relist costs."""

from __future__ import annotations

from collections import defaultdict
from math import log10
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.clients import CLIENT_GO, KUBE_RS, OURS, Client, client_go
from benchmarks.result import Result
from benchmarks.servers import Recording, compiled_server, replay

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BINS", "first_sync", "memory", "million", "relist", "share"]

MIB = 1024 * 1024
BINS = [10 ** (power / 4 - 5) for power in range(21)]
"""Lower bounds of a histogram's bins, in seconds: 10 µs to 1 s, four to a decade."""


def first_sync(pods: int = 20_000, rounds: int = 3) -> list[Result]:
    """The first copy of so many pods, by pages and streamed."""
    variants = {
        "aioinformer, pages of 500": (OURS, "sync-paged"),
        "client-go typed protobuf, pages of 500": (CLIENT_GO, "sync-paged"),
        "kube-rs, pages of 500": (KUBE_RS, "sync-paged"),
        "client-go dynamic, pages of 500": (client_go("dynamic"), "sync-paged"),
        "aioinformer, streamed": (OURS, "sync-streamed"),
        "aioinformer, streamed, storage=plain": (OURS, "sync-plain"),
        "client-go typed protobuf, streamed": (client_go("protobuf", streamed=True), "sync-streamed"),
        "kube-rs, streamed": (KUBE_RS, "sync-streamed"),
    }
    samples = defaultdict[str, list[dict[str, Any]]](list)
    with replay(Recording(pods), program=compiled_server()) as url:
        for _ in range(rounds):
            for name, (client, measure) in variants.items():
                samples[name].append(client.run(measure, url, pods))
    results = []
    for name, lines in samples.items():
        base = samples["aioinformer, streamed" if "streamed" in name else "aioinformer, pages of 500"]
        rates = [line["count"] / line["cpu"] for line in lines]
        ratios = [rate / (b["count"] / b["cpu"]) for rate, b in zip(rates, base, strict=True)]
        results.append(
            Result(
                "first sync",
                name,
                median(rates),
                "objects/s",
                min(rates),
                max(rates),
                rounds,
                wall=median(line["count"] / line["wall"] for line in lines),
                relative=median(ratios),
                relative_to="aioinformer in the same mode",
                details=_weight(lines),
                versions=lines[0]["versions"],
            )
        )
    return results


def _weight(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Bytes per object, the medians of the rounds."""
    names = {"resident": "resident", "heap": "heap", "peak": "at most"}
    count, given = lines[0]["count"], lines[0].keys()
    details = {f"{name} B": _median(lines, key) / count for key, name in names.items() if key in given}
    if "packed" in given:
        details["CPU µs until packed"] = _median(lines, "packed") / count * 1e6
    return details


def _median(lines: Sequence[dict[str, Any]], key: str) -> float:
    values: list[float] = [line[key] for line in lines]
    return median(values)


def memory(sizes: Sequence[int] = (1_000, 5_000, 20_000, 100_000), most_of_kube_rs: int = 50_000) -> list[Result]:
    """Resident memory per object, by the number of objects. What takes 56 kB each is not taken to a hundred thousand."""
    results = []
    for size in sizes:
        with replay(Recording(size), program=compiled_server()) as url:
            clients = [OURS, client_go("protobuf", streamed=True), *([KUBE_RS] if size <= most_of_kube_rs else [])]
            results += [_weighed(client, url, size) for client in clients]
    return results


def _weighed(client: Client, url: str, size: int) -> Result:
    line = client.run("sync-streamed", url, size)
    each = line["resident"] / size
    return Result(
        "memory",
        client.name,
        each,
        "bytes/pod",
        each,
        each,
        details={"objects": size, **_weight([line])},
        versions=line["versions"],
    )


def million(pods: int = 1_000_000, ours: Client = OURS) -> list[Result]:
    """A million pods in one process; reads and updates beside those of a cache of a thousand, and reads of a bare dict."""
    results = []
    for size in (1_000, pods):
        with replay(Recording(size), program=compiled_server()) as url:
            line = ours.run("million", url, size)
        rate, wall = size / line["cpu"], size / line["wall"]
        details = {
            "MiB": line["resident"] / MIB,
            "MiB at most": line["peak"] / MIB,
            "resident B": line["resident"] / size,
        }
        details["CPU µs until packed"] = line["packed"] / size * 1e6
        details |= {f"{name} µs": line[name] * 1e6 for name in ("dict", "get", "index", "update")}
        results.append(
            Result(
                "a million",
                f"aioinformer, {size:,} pods",
                rate,
                "objects/s",
                rate,
                rate,
                wall=wall,
                details=details,
                versions=line["versions"],
            )
        )
    return results


BESIDE: Sequence[tuple[Client, int]] = (
    (OURS, 100_000),
    (client_go("protobuf", streamed=True), 100_000),
    (KUBE_RS, 20_000),
)
"""Whose relists are compared, and of how many pods: kube-rs would take over ten gigabytes for a hundred thousand."""


def relist(clients: Sequence[tuple[Client, int]] = BESIDE) -> list[Result]:
    """A relist of what has not changed: memory, events, and how late others on the loop come."""
    results = []
    for client, size in clients:
        with replay(Recording(size, snapshots=2), program=compiled_server()) as url:
            line = client.run("relist", url, size)
        late = line["late"]
        over = 100 * (line["peak"] / line["steady"] - 1)
        details = {
            "objects": size,
            "events": line["events"],
            "late p50 ms": share(late, 0.5) * 1000,
            "late p99.9 ms": share(late, 0.999) * 1000,
            "late at most ms": late[-1] * 1000,
            "seconds": line["wall"],
        }
        series = {"bins": BINS, "ticks": _histogram(late)}
        results.append(
            Result(
                "relist",
                client.name,
                over,
                "% over steady",
                over,
                over,
                details=details,
                series=series,
                versions=line["versions"],
            )
        )
    return results


def share(ordered: Sequence[float], of: float) -> float:
    """The value that this share of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * of))]


def _histogram(values: list[float]) -> list[float]:
    counts = [0.0] * len(BINS)
    for value in values:
        counts[max(0, min(len(BINS) - 1, int((log10(max(value, 1e-9)) + 5) * 4)))] += 1
    return counts
