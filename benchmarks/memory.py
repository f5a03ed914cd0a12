"""What a cached pod costs: resident memory, each time in a fresh process that holds one cache and nothing else.

The growth of the process from before the first request to after the last object and a garbage collection, divided by
the number of pods: so it includes what the way there left behind (buffers, fragmentation), as a service's memory does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory
from benchmarks import first_copies
from benchmarks.process import quiet
from benchmarks.result import Result
from benchmarks.servers import ROOT, Recording, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

STATM = Path("/proc/self/statm")
SIZES = (5000, 20_000)
SIZES_OF_MODELS = (1000,)
"""Fewer, as making one takes a millisecond or more; they cost the same each."""


async def streamed(url: str, stack: AsyncExitStack) -> object:
    """An informer that lists as it does by default."""
    return await _informer(url, stack, initial_list="stream")


async def paged(url: str, stack: AsyncExitStack) -> object:
    """An informer that lists in pages."""
    return await _informer(url, stack, initial_list="consistent")


async def _informer(url: str, stack: AsyncExitStack, **options: Any) -> object:
    client = await stack.enter_async_context(ApiClient(Configuration(host=url)))
    factory = await stack.enter_async_context(SharedInformerFactory(client))
    informer = factory.informer("pods", **options)
    await informer.wait_for_cache_sync()
    await quiet()  # until all is packed
    return informer


async def models(url: str, _: AsyncExitStack) -> object:
    """kubernetes_asyncio's models, listed in pages."""
    return await first_copies.models(url)


async def dicts(url: str, _: AsyncExitStack) -> object:
    """Dicts by ``json.loads``, listed in pages."""
    return await first_copies.dicts(url)


VARIANTS: dict[str, Callable[[str, AsyncExitStack], Coroutine[Any, Any, object]]] = {
    "aioinformer, streamed": streamed,
    "aioinformer, pages of 500": paged,
    "dicts by json.loads": dicts,
    "kubernetes_asyncio models": models,
}


async def growth(url: str, variant: str) -> int:
    """Bytes by which filling this cache makes the process grow."""
    async with AsyncExitStack() as stack:
        gc.collect()
        before = _resident()
        cache = await VARIANTS[variant](url, stack)
        gc.collect()
        grown = _resident() - before
        del cache
        return grown


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure(*, sizes: Sequence[int] = SIZES, sizes_of_models: Sequence[int] = SIZES_OF_MODELS) -> list[Result]:
    """Each variant at each size; nothing where there is no /proc."""
    if not STATM.exists():
        return []
    results = []
    for size in sorted({*sizes, *sizes_of_models}):
        with replay(Recording(size)) as url:
            for variant in VARIANTS:
                if size in (sizes_of_models if "models" in variant else sizes):
                    command = [sys.executable, "-m", "benchmarks.memory", url, variant]
                    grown = int(subprocess.check_output(command, cwd=ROOT, text=True))  # noqa: S603  # ourselves
                    each = grown / size
                    results.append(Result("memory", f"{variant}, {size:,} pods", each, "bytes/pod", each, each))
    return results


if __name__ == "__main__":
    if sys.argv[1:]:
        print(asyncio.run(growth(sys.argv[1], sys.argv[2])))
    else:
        for result in measure():
            result.emit()
