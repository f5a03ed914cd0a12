"""What a relist of one informer does to another's events on the same loop; ``ours.py`` runs it.

The other informer's server, in a process of its own, sends an event every five milliseconds that says when it was
sent. As a program: ``ours_neighbour`` is that server, and prints its URL.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory, Updated
from benchmarks.ours_cache import tell
from benchmarks.servers import ROOT, pinned, snapshot_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aioinformer import Informer, KubeObject, Subscription

__all__ = ["neighbour"]

PERIOD = 0.005
QUIET_SECONDS = 3.0
AT_ONCE = 3
"""Informers that sync at the same time, each the whole collection."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


async def neighbour(url: str, pods: int) -> dict[str, Any]:
    """Seconds from sending to the consumer's hands, sorted, for each of the things that go on beside."""
    late: list[float] = []
    phases: dict[str, list[float]] = {}

    @asynccontextmanager
    async def phase(name: str) -> AsyncIterator[None]:
        late.clear()
        yield
        await asyncio.sleep(4 * PERIOD)
        phases[name] = sorted(late)

    with _paced() as paced:
        async with (
            ApiClient(Configuration(host=url)) as client,
            ApiClient(Configuration(host=paced)) as other,
            SharedInformerFactory(other) as others,
            SharedInformerFactory(client) as factory,
            others.informer("configmaps").events(replay=False) as events,
        ):
            reading = asyncio.create_task(_read(events, late))
            async with phase("nothing beside it"):
                await asyncio.sleep(QUIET_SECONDS)
            informer = factory.informer("pods")
            watching = asyncio.create_task(_drain(informer.events()))
            async with phase("a first sync"):
                await _holds(informer, pods, 0)
            for snapshot, name in ((1, "a relist, unchanged"), (2, "a relist, all changed")):
                async with phase(name):
                    await tell(url, "expire")
                    await _holds(informer, pods, snapshot)
            async with phase(f"{AT_ONCE} first syncs at once"):
                for number in range(AT_ONCE):
                    factory.informer("pods", label_selector=f"of={number}")
                await factory.wait_for_cache_sync()
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)
    return {"count": pods, "late": phases}


async def _holds(informer: Informer[KubeObject], pods: int, snapshot: int) -> None:
    """Return when this snapshot is the cache, and every event of it has been taken."""
    await informer.wait_for_version(str(snapshot_version(snapshot)))
    while any(informer.status.pending):  # noqa: ASYNC110  # nothing tells of an empty backlog
        await asyncio.sleep(PERIOD)
    if len(informer) != pods:
        raise RuntimeError(f"{len(informer)} of {pods} pods are in the cache")


async def _read(events: Subscription[KubeObject], late: list[float]) -> None:
    async for event in events:
        if isinstance(event, Updated):
            at = time.monotonic_ns()
            late.append((at - int(event.object["data"]["sent"])) / 1e9)


async def _drain(events: Subscription[KubeObject]) -> None:
    async for _ in events:
        pass


@contextmanager
def _paced() -> Iterator[str]:
    """The URL of the other server, on the core of servers."""
    with pinned(-1):
        process = subprocess.Popen(  # ourselves
            [sys.executable, "-m", "benchmarks.ours_neighbour"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
    with process:
        try:
            assert process.stdout is not None  # noqa: S101  # asked for above
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whatever is asked for is one ConfigMap, which is modified again and again."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        bookmark = _config_map(0, annotations={"k8s.io/initial-events-end": "true"})
        writer.write(HEAD + _chunk("ADDED", _config_map(1)) + _chunk("BOOKMARK", bookmark))
        due = time.monotonic()
        for version in itertools.count(2):
            due += PERIOD
            await asyncio.sleep(due - time.monotonic())
            writer.write(_chunk("MODIFIED", _config_map(version)))
            await writer.drain()
    writer.close()


def _config_map(version: int, **metadata: Any) -> dict[str, Any]:
    metadata |= {"name": "clock", "namespace": "default", "uid": "u", "resourceVersion": str(version or 1)}
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"sent": str(time.monotonic_ns())}}


def _chunk(kind: str, document: dict[str, Any]) -> bytes:
    line = msgspec.json.encode({"type": kind, "object": document}) + b"\n"
    return b"%x\r\n%b\r\n" % (len(line), line)


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve())
