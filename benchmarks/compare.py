"""The comparison with other clients, in one run; `make bench-peers` builds them, runs this, and keeps the lines.

``compare.py [MEASURE...]`` runs all measures or those that are named, and writes the results to ``results/peers.jsonl``
once all are there. Rounds run all clients after one another; ratios are taken within a round.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import compare_caches, compare_loop, compare_waiting, shares, stages
from benchmarks.bare import WATCH, socket_span
from benchmarks.clients import CLIENT_GO, COLUMNS, KUBE_RS, OURS, PYTHON_PEERS, Client, client_go
from benchmarks.result import Result
from benchmarks.servers import Recording, compiled_server, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).parent / "results" / "peers.jsonl"
FAST, MIDDLING, SLOW = 40_000, 4_000, 300
"""How many events a client gets: enough for a second or so."""
ROUNDS = 3


def compared(measure: str, unit: str, samples: dict[str, list[dict[str, Any]]], *, baseline: str) -> list[Result]:
    """A rate per variant by the CPU clock, by the clock on the wall beside, and its ratio to the baseline."""
    results = []
    for variant, lines in samples.items():
        rates = [line["count"] / line["cpu"] for line in lines]
        ratios = [rate / (base["count"] / base["cpu"]) for rate, base in zip(rates, samples[baseline], strict=False)]
        results.append(
            Result(
                measure,
                variant,
                median(rates),
                unit,
                min(rates),
                max(rates),
                len(rates),
                wall=median(line["count"] / line["wall"] for line in lines),
                relative=median(ratios),
                relative_to=baseline,
                versions=lines[0].get("versions", {}),
            )
        )
    return results


def events(rounds: int = ROUNDS) -> list[Result]:
    """Watch events, applied and handed to one consumer; and what the server and aiohttp can do at most."""
    variants: list[tuple[str, Client, str, int]] = [
        ("aioinformer, key and labels", OURS, "events", FAST),
        ("aioinformer, key and labels, batches()", OURS, "events-batches", FAST),
        ("aioinformer, key and labels, storage=plain", OURS, "events-plain", FAST),
        ("aioinformer, model= of six fields", OURS, "events-model", FAST),
        ("aioinformer, to_dict()", OURS, "events-whole", FAST),
        ("client-go typed protobuf", CLIENT_GO, "events", FAST),
        ("client-go typed JSON", client_go("json"), "events", MIDDLING),
        ("client-go dynamic, spec and status", client_go("dynamic"), "events-whole", MIDDLING),
        ("kube-rs, key and labels", KUBE_RS, "events", FAST),
        ("kube-rs, spec and status", KUBE_RS, "events-whole", FAST),
        *((name, client, "events", MIDDLING if "lightkube" in name else SLOW) for name, client in PYTHON_PEERS.items()),
        ("bare aiohttp read", OURS, "bare", FAST),
        ("aioinformer's own read", OURS, "read", FAST),
    ]
    return compared(
        "watch events", "events/s", _in_turn(variants, rounds) | _socket(rounds), baseline="aioinformer, key and labels"
    )


def columns(rounds: int = ROUNDS) -> list[Result]:
    """The same under every interpreter, and on uvloop."""
    variants = [
        (f"{client.name}, {title}", client, measure, FAST)
        for client in COLUMNS
        for measure, title in (("events", "key and labels"), ("events-model", "model="), ("events-whole", "to_dict()"))
    ]
    return compared("interpreters", "events/s", _in_turn(variants, rounds), baseline=variants[-3 - 3][0])


def _in_turn(variants: Sequence[tuple[str, Client, str, int]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Kopf's turn has a server of its own, for it merges events of one object."""
    samples = defaultdict[str, list[dict[str, Any]]](list)
    program = compiled_server()
    with (
        replay(Recording(1000, FAST), program=program) as url,
        replay(Recording(SLOW), program=program) as unhurried,
    ):
        for _ in range(rounds):
            for name, client, measure, count in variants:
                at = unhurried if "kopf" in name else url
                samples[name].append(client.run(measure, at, count))
    return samples


def _socket(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """What the server can do at most."""
    with replay(Recording(1000, FAST), program=compiled_server()) as url:
        spans = [socket_span(url + WATCH, FAST) for _ in range(rounds + 1)][1:]
    return {"bare socket read": [{**span._asdict(), "count": FAST} for span in spans]}


MEASURES: dict[str, Callable[[], list[Result]]] = {
    "events": events,
    "columns": columns,
    "stages": partial(stages.measure, OURS),
    "shares": partial(shares.measure, OURS),
    "sync": compare_caches.first_sync,
    "memory": compare_caches.memory,
    "million": compare_caches.million,
    "relist": compare_caches.relist,
    "neighbour": compare_loop.neighbour,
    "collecting": compare_loop.collecting,
    "fanout": compare_loop.fanout,
    "idle": compare_waiting.idle,
    "latency": compare_waiting.latency,
    "imports": compare_waiting.imports,
    "first": compare_waiting.first_event,
}


def main(names: list[str]) -> int:
    """Run them and keep the lines; the number of those that failed. What was not measured anew keeps its last lines."""
    failed = 0
    anew: set[str] = set()
    lines = [json.dumps({"run": _run()})]
    for name in names or list(MEASURES):
        try:
            results = MEASURES[name]()
        except (RuntimeError, OSError):
            traceback.print_exc()
            failed += 1
            continue
        anew.add(name)
        for result in results:
            result.emit()
            lines.append(json.dumps({"of": name, **json.loads(result.line())}))
    lines += _kept(anew)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n")
    return failed


def _kept(anew: set[str]) -> list[str]:
    if not RESULTS.exists():
        return []
    return [line for line in RESULTS.read_text().splitlines() if json.loads(line).get("of", None) not in {None, *anew}]


def _run() -> dict[str, Any]:
    """When and on what: nothing that names the machine."""
    model = ""
    if (cpus := Path("/proc/cpuinfo")).exists():
        model = next(
            (line.split(": ")[1] for line in cpus.read_text().splitlines() if line.startswith("model name")), ""
        )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "command": "make bench-peers",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
