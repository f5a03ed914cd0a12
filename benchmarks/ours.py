"""One measure of aioinformer in a process of its own: ``ours MEASURE URL [NUMBER]`` prints a JSON line, as the peers do.

So it can run under any interpreter that has the library, pinned to a core, in turn with programs in other languages.
``UVLOOP=1`` runs it on uvloop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import Added, SharedInformerFactory, Updated
from benchmarks.bare import WATCH, aiohttp_span, transport_span
from benchmarks.ours_cache import million, relist
from benchmarks.ours_collecting import collecting
from benchmarks.ours_fanout import by_batches, by_event, fanout, handing_over
from benchmarks.ours_neighbour import neighbour
from benchmarks.ours_waiting import idle, latency
from benchmarks.process import peak, quiet, resident
from benchmarks.result import Span, versions
from benchmarks.stages import stages
from benchmarks.watch_events import Six, fields, key_and_labels, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


Line = dict[str, Any]


async def events(read: Callable[[Any], object], url: str, count: int, **options: Any) -> Line:
    """The time from the first update that a subscriber sees to the last."""
    async with (
        ApiClient(Configuration(host=url)) as client,
        SharedInformerFactory(client, initial_list="consistent") as factory,
        factory.informer("pods", **options).events(replay=False, max_pending=count) as subscription,
    ):
        started, seen = Span.now(), 0
        async for event in subscription:
            if isinstance(event, Updated):
                started = started if seen else Span.now()
                read(event.object)
                seen += 1
                if seen == count:
                    break
        return {**started.elapsed()._asdict(), "count": count}


async def batches(url: str, count: int) -> Line:
    """As ``events`` with key and labels, taken as many at a time as there are."""
    async with (
        ApiClient(Configuration(host=url)) as client,
        SharedInformerFactory(client, initial_list="consistent") as factory,
        factory.informer("pods").events(replay=False, max_pending=count) as subscription,
    ):
        started, seen = Span.now(), 0
        async for taken in subscription.batches():
            changes = [event for event in taken if isinstance(event, Updated)]
            started = started if seen else Span.now()
            for event in changes:
                key_and_labels(event.object)
            seen += len(changes)
            if seen >= count:
                break
        return {**started.elapsed()._asdict(), "count": count}


async def first_sync(url: str, pods: int, **options: Any) -> Line:
    """The time until the cache is synced, and the memory that it takes once things are quiet."""
    async with ApiClient(Configuration(host=url)) as client, SharedInformerFactory(client) as factory:
        gc.collect()
        before = resident()
        started = Span.now()
        informer = factory.informer("pods", **options)
        await informer.wait_for_cache_sync()
        span = started.elapsed()
        if len(informer) != pods:
            raise RuntimeError(f"{len(informer)} of {pods} pods are in the cache")
        at_most = peak() - before
        await quiet()
        return {
            **span._asdict(),
            "count": pods,
            "resident": resident() - before,
            "peak": at_most,
            "packed": started.elapsed().cpu,
        }


async def bare(url: str, count: int) -> Line:
    """The same bytes, read by aiohttp and counted."""
    return {**(await aiohttp_span(url + WATCH, count))._asdict(), "count": count}


async def read(url: str, count: int) -> Line:
    """The same by our own transport."""
    return {**(await transport_span(url + WATCH, count))._asdict(), "count": count}


async def first_event(url: str, _: int) -> Line:
    """When the first object arrived, by the clock that the caller started the process by."""
    async with ApiClient(Configuration(host=url)) as client, SharedInformerFactory(client) as factory:
        async for event in factory.informer("pods").events():
            if isinstance(event, Added):
                key_and_labels(event.object)
                return {"at": time.time()}
    raise RuntimeError("no event")


MEASURES: dict[str, Callable[[str, int], Coroutine[Any, Any, Line]]] = {
    "events": partial(events, key_and_labels),
    "events-whole": partial(events, whole),
    "events-plain": partial(events, key_and_labels, storage="plain"),
    "events-batches": batches,
    "events-model": partial(events, fields, model=Six),
    "sync-paged": partial(first_sync, initial_list="consistent"),
    "sync-plain": partial(first_sync, initial_list="stream", storage="plain"),
    "sync-streamed": partial(first_sync, initial_list="stream"),
    "first": first_event,
    "relist": relist,
    "million": million,
    "fanout": partial(fanout, by_event),
    "fanout-batches": partial(fanout, by_batches),
    "handing-over": handing_over,
    "neighbour": neighbour,
    "collecting": collecting,
    "stages": stages,
    "idle": idle,
    "latency": latency,
    "bare": bare,
    "read": read,
}


def main(measure: str, url: str, number: str = "0") -> None:
    """Run it and print the line."""
    loop = None
    if os.environ.get("UVLOOP"):
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  # only where it is asked for and installed

        loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop) as runner, suppress(KeyboardInterrupt):
        print(json.dumps({**runner.run(MEASURES[measure](url, int(number))), "versions": versions()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
