"""What the garbage collector has to do with a large cache: how much of it it sees, and its pauses. ``ours.py`` runs it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from aioinformer import Updated
from benchmarks.ours_cache import synced, tell
from benchmarks.process import quiet
from benchmarks.watch_events import key_and_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioinformer import Informer, KubeObject

__all__ = ["COLLECTIONS", "collecting"]

EVENTS = 20_000
COLLECTIONS = 7
"""Full ones that are forced, with the cache and without."""


class Pauses:
    """The collections of each generation: how many, their CPU seconds together, and the longest."""

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
        self._began = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """For as long as the context lasts."""
        gc.callbacks.append(self._called)
        try:
            yield
        finally:
            gc.callbacks.remove(self._called)

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = thread_time()
        else:
            self.seconds[info["generation"]].append(thread_time() - self._began)


async def collecting(url: str, pods: int) -> dict[str, Any]:
    """Tracked objects per cached pod, the pauses while events flow, and a full collection's, in seconds."""
    before = _tracked()
    empty = _full()
    async with synced(url, pods) as informer:
        await quiet()
        each = (_tracked() - before) / pods
        pauses = Pauses()
        started = perf_counter()
        with pauses.watched():
            await _events(url, informer)
        return {
            "count": pods,
            "wall": perf_counter() - started,
            "tracked": each,
            "pauses": pauses.seconds,
            "full": _full(),
            "empty": empty,
        }


def _tracked() -> int:
    gc.collect()
    return len(gc.get_objects())


def _full() -> float:
    """The least of some, after one that clears away: what it takes when nobody disturbs it."""
    gc.collect()
    return min(map(_collection, range(COLLECTIONS)))


def _collection(_: int) -> float:
    started = thread_time()
    gc.collect()
    return thread_time() - started


async def _events(url: str, informer: Informer[KubeObject]) -> None:
    async with informer.events(replay=False, max_pending=EVENTS) as subscription:
        await tell(url, f"modify?events={EVENTS}")
        seen = 0
        async for event in subscription:
            if isinstance(event, Updated):
                key_and_labels(event.object)
                seen += 1
                if seen == EVENTS:
                    break
    await asyncio.sleep(0)
