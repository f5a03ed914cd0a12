"""How fast the first copy of a collection is there: objects per second, from the request to the whole cache."""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory
from benchmarks import first_copies
from benchmarks.bare import STREAM, aiohttp_span
from benchmarks.result import Span, compared
from benchmarks.servers import Recording, pin, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.result import Result

PAGED = "aioinformer, pages of 500"


async def ours(url: str, pods: int, initial_list: Literal["stream", "consistent"]) -> Span:
    """From entering the factory to the synced cache."""
    async with ApiClient(Configuration(host=url)) as client:
        factory = SharedInformerFactory(client, initial_list=initial_list)
        informer = factory.informer("pods")
        started = Span.now()
        async with factory:
            await informer.wait_for_cache_sync()
            span = started.elapsed()
            if len(informer) != pods:
                raise RuntimeError(f"{len(informer)} of {pods} pods are in the cache")
            return span


async def models(url: str, pods: int) -> Span:
    """kubernetes_asyncio's list and models."""
    started = Span.now()
    await first_copies.models(url, at_least=pods)
    return started.elapsed()


async def dicts(url: str, _: int) -> Span:
    """The same pages by ``json.loads``."""
    started = Span.now()
    await first_copies.dicts(url)
    return started.elapsed()


async def bare(url: str, pods: int) -> Span:
    """The streamed list, read by aiohttp and counted."""
    return await aiohttp_span(url + STREAM, pods)


def measure(*, pods: int = 5000, slow_pods: int = 1000, rounds: int = 3) -> list[Result]:
    """All variants in turn, round by round; kubernetes_asyncio's models get pages of the same list, but fewer of them."""
    variants: dict[str, tuple[Callable[[str, int], Coroutine[Any, Any, Span]], int]] = {
        PAGED: (lambda url, count: ours(url, count, "consistent"), pods),
        "aioinformer, streamed": (lambda url, count: ours(url, count, "stream"), pods),
        "kubernetes_asyncio list, models": (models, slow_pods),
        "json.loads of the pages, dicts": (dicts, pods),
        "bare aiohttp read of the stream": (bare, pods),
    }
    samples = defaultdict[str, list[tuple[int, Span]]](list)
    with replay(Recording(pods)) as url:
        for _ in range(rounds):
            for name, (run, count) in variants.items():
                gc.collect()
                samples[name].append((count, asyncio.run(run(url, count))))
    return compared("first sync", "objects/s", samples, baseline=PAGED)


if __name__ == "__main__":
    pin(0)
    for result in measure():
        result.emit()
