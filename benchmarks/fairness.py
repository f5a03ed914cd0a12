"""Whether the loop stays free while a big cache syncs, relists in vain, and relists with everything changed.

Two answers: how long one callback held the loop at most, by CPU time, which is the library's own doing; and how late a
task was that wanted to run every millisecond, which is what others on the loop feel, neighbours on the machine
included. The library promises holds of 5 ms at most; the notes name the lines between which one was longer.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory
from benchmarks.bare import STREAM, aiohttp_span
from benchmarks.loop_clock import LoopClock
from benchmarks.result import Result
from benchmarks.servers import Recording, pin, replay, snapshot_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioinformer import Informer, KubeObject, Subscription

    How = Literal["stream", "consistent", "cached"]

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
PROMISED = 0.005
"""Seconds; who holds the loop for longer is named."""
HOW: dict[How, str] = {"stream": "streamed", "consistent": "pages of 500", "cached": "one response of all"}


async def run(url: str, how: How, objects: int) -> list[Result]:
    """The three phases of one informer with one subscriber, after a baseline that only reads."""
    clock = LoopClock()
    results = []
    async with ApiClient(Configuration(host=url)) as client:
        gc.collect()
        with clock.watching():
            if how == "stream":
                await aiohttp_span(url + STREAM, objects)
                results.append(_result(clock, "bare aiohttp read"))
            async with SharedInformerFactory(client, initial_list=how) as factory:
                clock.reset()
                informer = factory.informer("pods")
                reading = asyncio.create_task(_read(informer.events()))
                for snapshot, phase in enumerate(("first sync", "relist, unchanged", "relist, all changed")):
                    if snapshot:
                        clock.reset()
                        await _expire(url, informer)
                    await informer.wait_for_version(str(snapshot_version(snapshot)))
                    await _idle(informer)
                    results.append(_result(clock, f"{phase}, {HOW[how]}"))
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
    return results


async def _read(events: Subscription[KubeObject]) -> None:
    async for event in events:
        str(event)[:0]  # touches it


async def _expire(url: str, informer: Informer[KubeObject]) -> None:
    """End the watch with a 410 and wait for the relist to begin."""
    restarts = informer.status.restarts
    async with aiohttp.ClientSession() as session, session.get(url + "/replay/expire") as answer:
        await answer.read()
    while informer.status.restarts == restarts:  # noqa: ASYNC110  # nothing tells of the beginning of a relist
        await asyncio.sleep(0.001)


async def _idle(informer: Informer[KubeObject]) -> None:
    """Return when every event has been taken, and whatever follows that is over."""
    while any(informer.status.pending):  # noqa: ASYNC110  # nor of an empty backlog
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)


def _result(clock: LoopClock, variant: str) -> Result:
    late = sorted(clock.late) or [0.0]
    details = {
        f"late {name}": late[min(len(late) - 1, int(len(late) * share))] * 1000 for name, share in SHARES.items()
    }
    details |= {"late at most": late[-1] * 1000, "ticks": len(late)}
    held = clock.longest[0].seconds * 1000 if clock.longest else 0.0
    notes = [f"{hold}" for hold in clock.longest if hold.seconds > PROMISED]
    return Result("loop fairness", variant, held, "ms held", held, held, details=details, notes=notes)


def measure(*, objects: int = 50_000, how: Sequence[How] = ("stream", "consistent")) -> list[Result]:
    """Each way of listing on a fresh server, as each uses up its snapshots. ``cached``, one response of all, is for who asks."""
    results = []
    for way in how:
        with replay(Recording(objects, small=True, snapshots=3)) as url:
            results += asyncio.run(run(url, way, objects))
    return results


if __name__ == "__main__":
    pin(0)
    for result in measure():
        result.emit()
