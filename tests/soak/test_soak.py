"""A day and a week in the life of a few informers, on virtual time and over real sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import aioinformer.testing
from aioinformer import Added, Deleted, Resynced, SharedInformerFactory, Updated
from aioinformer.testing import ApiServer, Fault
from aioinformer.testing.settling import settle
from aioinformer.testing.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer import Informer, KubeObject

HOUR = 3600.0
NAMES = [f"web-{number}" for number in range(20)]

FAULTS: dict[str, Callable[[ApiServer], Fault | None]] = {
    "cut": lambda server: server.cut(),
    "cut mid-line": lambda server: server.cut(mid_line=True),
    "end cleanly": lambda server: server.end_cleanly(),
    "expire history": lambda server: server.expire_history(),
    "expire tokens": lambda server: server.expire_tokens(),
    "stall": lambda server: server.stall(),
    "frozen": lambda server: server.stall(new_requests=True),
    "refuse": lambda server: server.refuse(),
    "slow": lambda server: server.slow(2000),
    "overload": lambda server: server.respond(429, times=5, retry_after=10),
    "restart": lambda server: server.respond(503, times=5),
    "in-stream error": lambda server: server.emit_error(500),
    "garbage": lambda server: server.garbage(times=3),
    "no bookmarks": lambda server: server.drop_bookmarks(),
    "revoke": lambda server: server.on("pods").revoke(cut=True),
}


class Life:
    """Writes and faults at random moments, and one consumer that counts what it is told and keeps its own copy."""

    def __init__(self, server: ApiServer, pods: Informer[KubeObject]) -> None:
        self.server = server
        self.pods = pods
        self.random = Random(1)
        self.faults: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.shown: dict[str, KubeObject] = {}

    async def consume(self) -> None:
        async for event in self.pods.events():
            self.events[event.type] += 1
            match event:
                case Added(object=new, key=key) | Updated(object=new, key=key):
                    self.shown[key] = new
                case Resynced(object=present, key=key):
                    assert self.shown[key] == present
                case Deleted(key=key):
                    del self.shown[key]

    async def go_on(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(self.random.uniform(1, 600))
            self.write()
            fault = self.fault()
            await asyncio.sleep(self.random.uniform(1, 400))
            self.write()
            if fault is not None:
                fault.heal()

    def write(self) -> None:
        name = self.random.choice(NAMES)
        exists = any(each["metadata"]["name"] == name for each in self.server.list("pods"))
        if exists and self.random.random() < 0.3:
            self.server.delete("pods", name)
        elif exists:
            labels = {"turn": str(self.random.random())}
            self.server.patch("pods", name, {"metadata": {"labels": labels}})
        else:
            self.server.create("pods", {"metadata": {"name": name}})

    def fault(self) -> Fault | None:
        name = self.random.choice(list(FAULTS))
        self.faults[name] += 1
        return FAULTS[name](self.server)

    def compare(self) -> None:
        """The cache, the consumer's copy and the server agree, byte by byte."""
        assert {each.key: each.to_dict() for each in self.pods} == {
            f"default/{each['metadata']['name']}": each for each in self.server.list("pods")
        }
        assert self.shown == {each.key: each for each in self.pods}


def in_use(server: ApiServer) -> int:
    """Bytes that the library itself holds; the test server keeps a journal of all requests, which grows.

    Python uses the memory of a dict that is gone for the next one, and to tracemalloc it remains the first one's: the
    journal's dicts, of which each request has one, would count as the library's.
    """
    if not tracemalloc.is_tracing():
        return 0
    journal = server._journal._requests
    journal[:] = [replace(request, query={}) for request in journal]
    gc.collect()
    ours, servers = (str(Path(package.__file__ or "").parent / "*") for package in (aioinformer, aioinformer.testing))
    filters = [tracemalloc.Filter(True, ours), tracemalloc.Filter(False, servers)]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(filters).traces)


async def live(seconds: float, memory: list[int]) -> Life:
    """Live on for half of the time, look how much memory is in use, go on to the end, and look again.

    By then what is bounded, such as the journal of each informer, is full.
    """
    async with (
        ApiServer(token="first", random=Random(2)) as server,
        server.api_client(refresh=True) as client,
        SharedInformerFactory(client, resync=HOUR) as factory,
    ):
        life = Life(server, factory.informer("pods"))
        factory.informer("pods", label_selector="turn", namespace="default")
        factory.informer("nodes", metadata_only=True, initial_list="consistent")
        consumer = asyncio.create_task(life.consume())
        for part in (seconds / 2, seconds / 2):
            await life.go_on(part)
            await settle(server, factory, timeout=HOUR)
            life.compare()
            memory.append(in_use(server))
        consumer.cancel()
    return life


def test_a_day_passes_in_seconds() -> None:
    """Watch time-outs, bookmarks, resyncs, token refreshes and a fault every ten minutes: 24 hours of it."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(quiet=0.0)) as runner:
        life = runner.run(live(24 * HOUR, []))
        assert runner.get_loop().time() > 24 * HOUR
    assert min(life.faults[name] for name in FAULTS) >= 1
    assert life.events["RESYNCED"] > 100
    assert len(life.server.requests) > 24 * 8


@pytest.mark.soak
def test_a_week_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    """What the library holds in memory after a week is what it held after half of it."""
    caplog.set_level(logging.CRITICAL, logger="aioinformer")  # pytest would keep whatever was said in a week
    memory: list[int] = []
    tracemalloc.start()
    try:
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(quiet=0.0, limit=8 * 24 * HOUR)) as runner:
            life = runner.run(live(7 * 24 * HOUR, memory))
    finally:
        tracemalloc.stop()
    figures = f"{sum(life.faults.values())} faults, {len(life.server.requests)} requests, bytes in use {memory}"
    print(f"\na week: {figures}")  # noqa: T201  # for whoever runs make soak
    assert memory[1] < memory[0] + 100_000
