"""Comparison: informers with nothing to do, the way of one write through a real API server, and cold starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import CoreV1Api, V1ConfigMap, V1ObjectMeta
from kubernetes_asyncio.config import new_client_from_config

from aioinformer.testing import ControlPlane
from benchmarks.clients import KUBE_RS, OURS, Client, client_go
from benchmarks.ours_waiting import IDLE_SECONDS, INFORMERS
from benchmarks.result import Result
from benchmarks.servers import ROOT, Recording, compiled_server, pinned, replay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["first_event", "idle", "imports", "latency"]

BETWEEN_WRITES = 0.02
FOLLOWERS = (OURS, client_go("protobuf", streamed=True), client_go("json", streamed=True))
"""Whose latency is compared."""
PERCENTILES = (*range(99), *(99 + tenth / 10 for tenth in range(11)))


def idle(informers: int = INFORMERS, ours: Client = OURS) -> list[Result]:
    """A thousand informers on the embedded server, which has a process of its own."""
    with pinned(-1):
        server = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-m", "benchmarks.ours_waiting", str(IDLE_SECONDS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
    with server:
        try:
            assert server.stdout is not None  # noqa: S101  # asked for above
            line = ours.run("idle", server.stdout.readline().strip(), informers)
        finally:
            server.terminate()
    share = 100 * line["cpu"] / line["wall"]
    details = {"kB each": line["resident"] / informers / 1000, "seconds": line["wall"]}
    return [
        Result(
            "idle",
            f"aioinformer, {informers:,} informers",
            share,
            "% of a core",
            share,
            share,
            details=details,
            versions=line["versions"],
        )
    ]


def latency(writes: int = 300, rounds: int = 4) -> list[Result]:
    """From the beginning of a write to a real kube-apiserver to the event in the consumer's hands, in turns.

    The client has a core for itself, and so is not held up by whoever writes: that is on the servers' core. With JSON,
    client-go gets the same bytes as we do.
    """
    late: dict[str, list[float]] = {}
    versions = {}
    with pinned(-1):
        followed = asyncio.run(_latency(writes, rounds))
    for name, client, seconds, of in followed:
        late.setdefault(name, []).extend(seconds)
        versions[client.name] = of
    results = []
    for name, seconds in late.items():
        ordered = sorted(second * 1000 for second in seconds)
        at = [round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 3) for percent in PERCENTILES]
        p50, p99 = at[50], at[99]
        results.append(
            Result(
                "latency",
                name,
                p50,
                "ms, p50",
                ordered[0],
                ordered[-1],
                rounds,
                details={"p99 ms": p99, "writes": len(ordered)},
                series={"percent": PERCENTILES, "ms": at},
                versions=versions[name],
            )
        )
    return results


async def _latency(writes: int, rounds: int) -> list[tuple[str, Client, list[float], dict[str, str]]]:
    found = []
    plane = ControlPlane()
    await plane.start()
    try:
        api_client = await new_client_from_config(str(plane.kubeconfig))
        async with api_client:
            api = CoreV1Api(api_client)
            await api.create_namespaced_config_map("default", V1ConfigMap(metadata=V1ObjectMeta(name="latency")))
            for _ in range(rounds):
                for client in FOLLOWERS:
                    line = await _followed(api, client, plane.kubeconfig, writes)
                    found.append((client.name, client, line["seconds"], line["versions"]))
    finally:
        await plane.aclose()
    return found


async def _followed(api: CoreV1Api, client: Client, kubeconfig: Path, writes: int) -> dict[str, Any]:
    process = client.start("latency", str(kubeconfig), writes)
    assert process.stderr is not None  # noqa: S101  # asked for in start
    await asyncio.to_thread(process.stderr.readline)
    for _ in range(writes):
        await asyncio.sleep(BETWEEN_WRITES)
        body = {"data": {"sent": str(time.time_ns())}}
        await api.patch_namespaced_config_map("latency", "default", body)
    return await asyncio.to_thread(client.finish, process)


def imports(rounds: int = 15, ours: Client = OURS) -> list[Result]:
    """What importing the library takes beyond importing kubernetes_asyncio's client."""
    program = ours.command[0]
    theirs = "import kubernetes_asyncio.client, kubernetes_asyncio.config"
    took: dict[str, list[float]] = {theirs: [], f"{theirs}, aioinformer": []}
    for _ in range(rounds):
        for statement, seconds in took.items():
            started = time.perf_counter()
            with pinned(0):
                subprocess.run([program, "-c", statement], check=True, cwd=ROOT)  # noqa: S603  # ourselves
            seconds.append(time.perf_counter() - started)
    alone, both = took.values()
    extra = [b - a for a, b in zip(alone, both, strict=True)]

    return [
        Result(
            "import",
            "kubernetes_asyncio, interpreter's start included",
            median(alone),
            "s",
            min(alone),
            max(alone),
            rounds,
        ),
        Result("import", "aioinformer, beyond it", median(extra), "s", min(extra), max(extra), rounds),
    ]


STARTERS = (OURS, client_go("protobuf", streamed=True), KUBE_RS)
"""Whose cold starts are compared."""


def first_event(rounds: int = 7, clients: Sequence[Client] = STARTERS) -> list[Result]:
    """From the start of the process to the first object in the consumer's hands."""
    took: dict[str, list[float]] = {}
    versions = {}
    with replay(Recording(1), program=compiled_server()) as url:
        for _ in range(rounds):
            for client in clients:
                started = time.time()
                line = client.run("first", url, 1)
                took.setdefault(client.name, []).append(line["at"] - started)
                versions[client.name] = line["versions"]
    return [
        Result("first event", name, median(s), "s", min(s), max(s), rounds, versions=versions[name])
        for name, s in took.items()
    ]
