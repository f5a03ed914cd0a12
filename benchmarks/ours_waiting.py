"""An informer that mostly waits: a thousand idle ones, and one whose server writes now and then. ``ours.py`` runs them."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import Any

from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import new_client_from_config

from aioinformer import SharedInformerFactory, Updated
from aioinformer.testing import ApiServer
from benchmarks.process import resident
from benchmarks.result import Span

__all__ = ["IDLE_SECONDS", "INFORMERS", "idle", "latency"]

IDLE_SECONDS = 30.0
"""How long they are watched, and how far bookmarks are apart, so that each gets one: twice as often as from a real server."""
INFORMERS = 1000


async def serve(bookmark_interval: float) -> None:
    """The embedded API server, until it is ended; prints its URL."""
    async with ApiServer(bookmark_interval=bookmark_interval) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


async def idle(url: str, informers: int) -> dict[str, Any]:
    """What informers on nothing, each with a selector of its own, take of the core and of memory while nothing happens."""
    async with ApiClient(Configuration(host=url)) as client, SharedInformerFactory(client) as factory:
        await factory.informer("configmaps").wait_for_cache_sync()
        gc.collect()
        before = resident()
        for number in range(informers):
            factory.informer("configmaps", label_selector=f"number={number}")
        await factory.wait_for_cache_sync(timeout=120)
        gc.collect()
        weigh = resident() - before
        await asyncio.sleep(5)
        started = Span.now()
        await asyncio.sleep(IDLE_SECONDS)
        span = started.elapsed()
        return {**span._asdict(), "count": informers, "resident": weigh}


async def latency(kubeconfig: str, count: int) -> dict[str, Any]:
    """How long after its write began each change of a ConfigMap arrived, in seconds."""
    late: list[float] = []
    client = await new_client_from_config(kubeconfig)
    async with client, SharedInformerFactory(client, namespace="default") as factory:
        informer = factory.informer("configmaps")
        await informer.wait_for_cache_sync()
        async with informer.events(replay=False) as events:
            print("ready", file=sys.stderr, flush=True)
            async for event in events:
                if isinstance(event, Updated):
                    at = time.time_ns()
                    late.append((at - int(event.object["data"]["sent"])) / 1e9)
                    if len(late) == count:
                        break
    return {"count": count, "seconds": late}


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
