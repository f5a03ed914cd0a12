"""One event to a hundred consumers: handing it over, and the whole with what each consumer does. ``ours.py`` runs it."""

from __future__ import annotations

import asyncio
import gc
from time import process_time
from typing import TYPE_CHECKING, Any

from aioinformer import Updated
from aioinformer.batches import Change
from aioinformer.fanout import Fanout
from aioinformer.objects import KubeObject, Record
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription
from benchmarks.ours_cache import synced, tell
from benchmarks.process import resident
from benchmarks.result import Span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Reader = Callable[[Subscription[KubeObject], int], Awaitable[None]]

__all__ = ["by_batches", "by_event", "fanout", "handing_over"]

SUBSCRIBERS = 100


async def fanout(read: Reader, url: str, count: int) -> dict[str, Any]:
    """The time that the same updates take with one subscriber and with a hundred, each of which reads the key."""
    line: dict[str, Any] = {"count": count}
    for subscribers in (1, SUBSCRIBERS):
        async with synced(url, 1000) as informer:
            readers = [
                asyncio.create_task(_taken(read, informer.events(replay=False, max_pending=count), count))
                for _ in range(subscribers)
            ]
            await asyncio.sleep(0.1)
            started = Span.now()
            await tell(url, f"modify?events={count}")
            await asyncio.gather(*readers)
            line[str(subscribers)] = started.elapsed()._asdict()
    return line


async def _taken(read: Reader, subscription: Subscription[KubeObject], count: int) -> None:
    async with subscription:
        await read(subscription, count)


async def by_event(subscription: Subscription[KubeObject], count: int) -> None:
    """With ``async for``, until so many updates were seen."""
    seen = 0
    async for event in subscription:
        if isinstance(event, Updated):
            _ = event.key
            seen += 1
            if seen == count:
                return


async def by_batches(subscription: Subscription[KubeObject], count: int) -> None:
    """With ``batches()``."""
    seen = 0
    async for events in subscription.batches():
        for event in events:
            if isinstance(event, Updated):
                _ = event.key
                seen += 1
        if seen == count:
            return


async def handing_over(_: str, count: int) -> dict[str, Any]:
    """CPU seconds per event and subscriber of putting an event into each backlog and waking who waits; and bytes that wait.

    ``floor`` is what asyncio takes for the waking alone. Single events, each of which finds all hundred waiting: the worst case, as events that come together wake once.
    """
    distributor = Fanout()
    subscriptions = [
        Subscription(Store(), KubeObject, Terms(Scope(None, LabelSelector.parse("")), replay=False, max_pending=count))
        for _ in range(SUBSCRIBERS)
    ]
    distributor.run()
    distributor.synced("1")
    for subscription in subscriptions:
        distributor.attach(subscription, "1")
    changes = [_change(number) for number in range(count)]
    reading = [asyncio.create_task(by_event(subscription, count)) for subscription in subscriptions]
    await asyncio.sleep(0)
    seconds = 0.0
    gc.collect()
    for change in changes:
        started = process_time()
        await distributor.deliver([change])
        seconds += process_time() - started
        while any(subscription.pending for subscription in subscriptions):  # noqa: ASYNC110  # a turn for each reader
            await asyncio.sleep(0)
    await asyncio.gather(*reading)
    before = resident()
    await distributor.deliver(changes)
    weigh = resident() - before
    return {
        "count": count,
        "cpu": seconds / count / SUBSCRIBERS,
        "floor": await _waking(count),
        "waiting": weigh / count / SUBSCRIBERS,
    }


async def _waking(count: int) -> float:
    """CPU seconds of giving a bare future its result, a hundred tasks waiting for one each."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(SUBSCRIBERS)]

    async def wait(number: int) -> None:
        for _ in range(count):
            await futures[number]
            futures[number] = loop.create_future()

    waiting = [asyncio.create_task(wait(number)) for number in range(SUBSCRIBERS)]
    await asyncio.sleep(0)
    seconds = 0.0
    for _ in range(count):
        started = process_time()
        for future in futures:
            future.set_result(None)
        seconds += process_time() - started
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return seconds / count / SUBSCRIBERS


def _change(number: int) -> Change:
    old, new = (Record(f"default/pod-{number}", "u", str(version), {}, b"{}") for version in (1, 2))
    return Change(new.key, old, new)
