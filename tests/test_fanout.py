from __future__ import annotations

import asyncio
import gc
import weakref
from itertools import pairwise
from typing import Any, TypeAlias

import pytest

from aioinformer.batches import Change, Delta, Deltas
from aioinformer.errors import InformerError
from aioinformer.events import Event, Resynced, Updated
from aioinformer.fanout import SLICE, Fanout
from aioinformer.objects import Record, Stored
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription

Events: TypeAlias = Subscription[Stored]


def record(name: str, version: int) -> Record:
    return Record(name, f"uid-{name}", str(version), {}, b"{}")


class Mirror:
    """A cache with its fan-out, as an informer wires them."""

    def __init__(self, *records: Record, synced: bool = True) -> None:
        self.store = Store()
        self.fanout = Fanout()
        self.fanout.run()
        self.apply(*records)
        if synced:
            self.fanout.synced(self.store.resource_version)

    def apply(self, *records: Record) -> list[Change]:
        version = records[-1].resource_version if records else ""
        return self.store.apply(Deltas([Delta(deleted=False, record=r) for r in records], version))

    def events(self, **terms: Any) -> Events:
        subscription = Subscription(self.store, lambda r: r, Terms(Scope(None, LabelSelector()), **terms))
        self.fanout.attach(subscription, self.store.resource_version)
        return subscription


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def rest(events: Events) -> list[str]:
    """Type and key of everything still to come, once the informer has stopped."""
    return [told(event) async for event in events]


def told(event: Event[Stored]) -> str:
    return f"{event.type} {getattr(event, 'key', '')}".strip()


async def test_a_subscriber_starts_with_the_first_sync_or_at_once_if_that_is_past() -> None:
    mirror = Mirror(synced=False)
    early = mirror.events()
    mirror.apply(record("a", 1))
    assert early.pending == 0
    mirror.fanout.synced("1")
    late = mirror.events()
    mirror.fanout.finish()
    assert await rest(early) == await rest(late) == ["ADDED a", "SYNCED"]


async def test_everybody_gets_every_change_in_order() -> None:
    mirror = Mirror()
    subscriptions = [mirror.events() for _ in range(3)]
    await mirror.fanout.deliver(mirror.apply(record("a", 1), record("b", 2)))
    await mirror.fanout.deliver(mirror.apply(record("a", 3)))
    assert mirror.fanout.pending == (3, 3, 3)
    mirror.fanout.finish()
    for events in subscriptions:
        assert await rest(events) == ["SYNCED", "ADDED a", "ADDED b", "UPDATED a"]


async def test_a_short_delivery_gives_no_turn_and_a_long_one_gives_one_between_slices() -> None:
    """So the cache and every subscriber move together, and a relist of any size holds nobody up."""
    mirror = Mirror()
    events = mirror.events(max_pending=10 * SLICE)
    changes = mirror.apply(*(record(str(n), n + 1) for n in range(3 * SLICE + 1)))
    short = mirror.fanout.deliver(changes[:SLICE])
    with pytest.raises(StopIteration):
        short.send(None)
    assert events.pending == SLICE
    long = asyncio.ensure_future(mirror.fanout.deliver(changes[SLICE:]))
    seen = []
    while not long.done():
        seen.append(events.pending)
        await asyncio.sleep(0)
    assert {after - before for before, after in pairwise(seen)} <= {0, 1, SLICE}
    assert events.pending == len(changes)


async def test_a_subscriber_that_joins_between_two_slices_has_no_gap_and_no_repeat() -> None:
    mirror = Mirror(record("old", 1))
    early = mirror.events(max_pending=10 * SLICE)
    changes = mirror.apply(*(record(str(n), n + 2) for n in range(2 * SLICE)))
    delivery = asyncio.ensure_future(mirror.fanout.deliver(changes))
    await asyncio.sleep(0)
    assert 0 < early.pending < len(changes)
    joined, live_only = mirror.events(), mirror.events(replay=False)
    await delivery
    await mirror.fanout.deliver(mirror.apply(record("old", 9999)))
    mirror.fanout.finish()
    names = [str(n) for n in range(2 * SLICE)]
    assert await rest(joined) == ["ADDED old", *(f"ADDED {n}" for n in names), "SYNCED", "UPDATED old"]
    assert await rest(early) == ["ADDED old", "SYNCED", *(f"ADDED {n}" for n in names), "UPDATED old"]
    assert await rest(live_only) == ["SYNCED", "UPDATED old"]


@pytest.mark.looptime
@pytest.mark.parametrize("under_way", [False, True])
async def test_a_resync_round_in_the_middle_of_a_delivery_shows_nothing_before_its_change(*, under_way: bool) -> None:
    """The cache is ahead of the subscriber then: a Resynced must not show what no event has told yet."""
    names = [str(n) for n in range(2 * SLICE)]
    mirror = Mirror(*(record(name, 1) for name in names))
    events = mirror.events(resync=5, replay=False, max_pending=10 * SLICE)
    shown = dict.fromkeys(names, "1")
    resynced: list[str] = []

    async def consume(count: int) -> None:
        while len(resynced) < count:
            event = await anext(events)
            if isinstance(event, Resynced):
                resynced.append(event.key)
                assert shown[event.key] == event.object.resource_version
            elif isinstance(event, Updated):
                shown[event.key] = event.object.resource_version

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consume(1), 4.9)
    await asyncio.sleep(0.2)
    if under_way:
        await consume(1)
    consumer = asyncio.ensure_future(consume(len(names)))
    await mirror.fanout.deliver(mirror.apply(*(record(name, 2) for name in names)))
    await consumer
    assert resynced == names


async def test_a_dropped_subscription_is_gone() -> None:
    mirror = Mirror(record("a", 1))
    events = mirror.events()
    async for _ in events:
        break
    gone = weakref.ref(events)
    assert len(mirror.fanout) == 1
    del events
    gc.collect()
    assert gone() is None
    assert len(mirror.fanout) == 0
    assert mirror.fanout.pending == ()


async def test_a_closed_subscription_is_forgotten_whoever_still_holds_it() -> None:
    mirror = Mirror(synced=False)
    events = mirror.events()
    await events.aclose()
    assert len(mirror.fanout) == 0
    mirror.fanout.synced("1")
    await mirror.fanout.deliver(mirror.apply(record("a", 1)))
    assert events.pending == 0


async def test_a_consumer_that_waits_is_kept_even_if_nobody_keeps_its_task() -> None:
    """A fire-and-forget task is the usual way to consume; the garbage collector must not end it."""
    mirror = Mirror()
    found: list[str] = []

    async def consume() -> None:
        async for event in mirror.events():
            found.append(told(event))  # noqa: PERF401  # as users write it

    weakly = weakref.ref(asyncio.ensure_future(consume()))
    await turns()
    gc.collect()
    assert weakly() is not None
    await mirror.fanout.deliver(mirror.apply(record("a", 1)))
    mirror.fanout.finish()
    await turns()
    assert found == ["SYNCED", "ADDED a"]
    gc.collect()
    assert weakly() is None


async def test_the_end_reaches_everybody_after_what_waits() -> None:
    mirror = Mirror(record("a", 1))
    ended, failed = mirror.events(), mirror.events()
    mirror.fanout.finish(InformerError("a defect"))
    assert len(mirror.fanout) == 0
    for events in (ended, failed):
        assert [told(await anext(events)) for _ in range(2)] == ["ADDED a", "SYNCED"]
        with pytest.raises(InformerError, match="a defect"):
            await anext(events)


async def test_one_that_lags_is_closed_and_the_others_go_on() -> None:
    mirror = Mirror()
    strict, patient = mirror.events(max_pending=1, overflow="error"), mirror.events()
    await mirror.fanout.deliver(mirror.apply(record("a", 1), record("b", 2)))
    assert strict.is_closed
    assert len(mirror.fanout) == 1
    mirror.fanout.finish()
    assert await rest(patient) == ["SYNCED", "ADDED a", "ADDED b"]


@pytest.mark.looptime
async def test_each_subscriptions_lag_is_told_in_the_order_of_pending() -> None:
    """Seconds for which its oldest event has waited; one that has taken all has none."""
    mirror = Mirror()
    one, two = mirror.events(replay=False), mirror.events(replay=False)
    await anext(one)
    await anext(two)
    await mirror.fanout.deliver(mirror.apply(record("a", 1)))
    await asyncio.sleep(3)
    await mirror.fanout.deliver(mirror.apply(record("b", 2)))
    await asyncio.sleep(4)
    for _ in range(2):
        await anext(two)
    by_subscription = dict(zip(mirror.fanout.subscriptions, mirror.fanout.lag, strict=True))
    assert by_subscription[one] == pytest.approx(7, abs=0.1)
    assert by_subscription[two] == 0.0
    await anext(one)
    assert one.lag == pytest.approx(4, abs=0.1)
    assert max(mirror.fanout.lag) == one.lag
    assert dict(zip(mirror.fanout.subscriptions, mirror.fanout.pending, strict=True)) == {one: 1, two: 0}
