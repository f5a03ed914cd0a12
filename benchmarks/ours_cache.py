"""What a filled cache costs: a relist in vain, a million objects. ``ours.py`` runs them."""

from __future__ import annotations

import asyncio
import gc
import random
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory, Synced, Updated
from benchmarks.process import peak, quiet, reset_peak, resident
from benchmarks.result import Span
from benchmarks.servers import snapshot_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aioinformer import Informer, KubeObject, Subscription

__all__ = ["million", "relist", "synced", "tell"]

TICK = 0.001
READS = 2000
UPDATES = 2000


@asynccontextmanager
async def synced(url: str, pods: int, **options: Any) -> AsyncIterator[Informer[KubeObject]]:
    """An informer whose cache holds them all."""
    async with ApiClient(Configuration(host=url)) as client, SharedInformerFactory(client) as factory:
        informer = factory.informer("pods", **options)
        await informer.wait_for_cache_sync()
        if len(informer) != pods:
            raise RuntimeError(f"{len(informer)} of {pods} pods are in the cache")
        yield informer


async def tell(url: str, order: str) -> None:
    """Have the server expire its watches, or modify pods."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/replay/{order}") as answer:
        await answer.read()


async def relist(url: str, pods: int) -> dict[str, Any]:
    """What a list that changes nothing does: to memory, to a subscriber, to a task that ticks every millisecond."""
    late: list[float] = []
    async with synced(url, pods) as informer, informer.events(replay=False) as subscription:
        seen: list[object] = []
        reading = asyncio.create_task(_collect(subscription, seen))
        await quiet()
        ticking = asyncio.create_task(_tick(late))
        await asyncio.sleep(0.1)
        seen.clear()
        late.clear()
        steady = resident()
        reset_peak()
        started = Span.now()
        await tell(url, "expire")
        await informer.wait_for_version(str(snapshot_version(1)))
        span = started.elapsed()
        await asyncio.sleep(0.2)
        for task in (ticking, reading):
            task.cancel()
        await asyncio.gather(ticking, reading, return_exceptions=True)
        return {
            **span._asdict(),
            "count": pods,
            "steady": steady,
            "peak": peak(),
            "events": len(seen),
            "late": sorted(late),
        }


async def _collect(subscription: Subscription[KubeObject], seen: list[object]) -> None:
    async for event in subscription:
        if not isinstance(event, Synced):
            seen.append(event.key)  # noqa: PERF401  # the list is looked at while it grows


async def _tick(late: list[float]) -> None:
    while True:
        due = perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(perf_counter() - due)


async def million(url: str, pods: int) -> dict[str, Any]:
    """How long so many take to sync, what they weigh, and what one read and one update cost then, in seconds."""
    gc.collect()
    before = resident()
    started = Span.now()
    async with synced(url, pods) as informer:
        span = started.elapsed()
        at_most = peak() - before
        await quiet()
        weighs, packed = resident() - before, started.elapsed().cpu
        update = await _update(url, informer)
        informer.add_indexer("owner", lambda pod: pod.metadata.owner_references[0].uid)
        return {
            **span._asdict(),
            "count": pods,
            "resident": weighs,
            "peak": at_most,
            "packed": packed,
            "get": _get(informer),
            "index": _index(informer),
            "dict": _dict(informer),
            "update": update,
        }


def _keys(informer: Informer[KubeObject]) -> list[str]:
    dice = random.Random(0)  # noqa: S311  # the same reads every time
    return dice.sample([pod.key for pod in informer], min(READS, len(informer)))


def _dict(informer: Informer[KubeObject]) -> float:
    """The same reads of a dict whose values are strings, and nothing else: what no cache in Python can do without."""
    bare = {pod.key: pod.uid for pod in informer}
    keys = _keys(informer)
    for key in keys:
        bare.get(key)
    started = Span.now()
    for key in keys:
        uid = bare.get(key)
        assert uid is not None  # noqa: S101  # or nothing was measured
        uid.isascii()
    return started.elapsed().cpu / len(keys)


def _get(informer: Informer[KubeObject]) -> float:
    keys = _keys(informer)
    for key in keys:
        informer.get(key)
    started = Span.now()
    for key in keys:
        pod = informer.get(key)
        assert pod is not None  # noqa: S101  # or nothing was measured
        pod.labels["team"]
    return started.elapsed().cpu / len(keys)


def _index(informer: Informer[KubeObject]) -> float:
    """An owner has twenty pods, however many there are."""
    owners = informer.index_values("owner")[: READS // 20]
    started = Span.now()
    for owner in owners:
        informer.by_index("owner", owner)
    return started.elapsed().cpu / len(owners)


async def _update(url: str, informer: Informer[KubeObject]) -> float:
    async with informer.events(replay=False, max_pending=UPDATES) as subscription:
        await tell(url, f"modify?events={UPDATES}")
        started, seen = Span.now(), 0
        async for event in subscription:
            if isinstance(event, Updated):
                started = started if seen else Span.now()
                seen += 1
                if seen == UPDATES:
                    break
        return started.elapsed().cpu / UPDATES
