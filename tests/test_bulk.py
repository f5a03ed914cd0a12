"""bulk.py: the same events, many at a time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from aioinformer.bulk import BATCH, SOME
from aioinformer.errors import InformerError, SubscriptionLagged
from aioinformer.events import Added, Resynced, Synced, Updated
from tests.subscribed import Cache, record, turns

if TYPE_CHECKING:
    from aioinformer.objects import Stored


@pytest.mark.looptime
async def test_there_are_as_many_as_wait_up_to_the_bound() -> None:
    """None is lost between two batches, none comes twice."""
    cache = Cache()
    batches = cache.events().batches()
    cache.put(*(record(f"p{n}", n) for n in range(1, BATCH + 11)))
    first, second = await anext(batches), await anext(batches)
    assert (len(first), len(second)) == (BATCH, 11)
    assert first[0] == Synced("")
    assert [event.key for event in [*first, *second] if isinstance(event, Added)] == [
        f"n/p{n}" for n in range(1, BATCH + 11)
    ]


async def test_a_batch_may_hold_the_end_of_the_replay_synced_and_what_is_live() -> None:
    a, changed = record("a"), record("a", 2)
    cache = Cache(a)
    batches = cache.events().batches()
    cache.put(changed)
    assert await anext(batches) == [
        Added(a, initial=True, key="n/a"),
        Synced("1"),
        Updated(changed, old=a, key="n/a"),
    ]


async def test_it_waits_for_one_event_and_not_for_a_full_batch() -> None:
    cache = Cache()
    batches = cache.events().batches()
    assert repr(batches) == "<Batches of <Subscription open pending=0 merged=0>>"
    assert await anext(batches) == [Synced("")]
    waiting = asyncio.ensure_future(anext(batches))
    await turns()
    assert not waiting.done()
    cache.put(record("a"))
    assert await waiting == [Added(record("a"), key="n/a")]


async def test_cancelling_a_pending_one_loses_nothing() -> None:
    cache = Cache()
    batches = cache.events().batches()
    await anext(batches)
    waiting = asyncio.ensure_future(anext(batches))
    await turns()
    cache.put(record("a"), record("b"))
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert [event.key for event in await anext(batches) if isinstance(event, Added)] == ["n/a", "n/b"]


async def test_what_waited_comes_before_the_end() -> None:
    cache = Cache(record("a"))
    events = cache.events()
    events.finish()
    assert [len(batch) async for batch in events.batches()] == [2]


async def test_what_waited_comes_before_the_failure() -> None:
    cache = Cache(record("a"))
    events = cache.events()
    events.finish(InformerError("a defect"))
    batches = events.batches()
    assert len(await anext(batches)) == 2
    with pytest.raises(InformerError, match="a defect"):
        await anext(batches)


async def test_one_that_lags_gets_what_waited_and_then_the_error() -> None:
    cache = Cache()
    batches = (events := cache.events(max_pending=2, overflow="error")).batches()
    cache.put(record("a"), record("b"))
    cache.put(record("c"))
    assert [getattr(event, "key", "synced") for event in await anext(batches)] == ["synced", "n/a", "n/b"]
    with pytest.raises(SubscriptionLagged):
        await anext(batches)
    assert events.is_closed


async def test_closing_ends_one_that_is_waited_for() -> None:
    events = Cache().events()
    batches = events.batches()
    await anext(batches)
    waiting = asyncio.ensure_future(anext(batches, None))
    await turns()
    await events.aclose()
    assert await waiting is None
    assert not events.waiting_room


@pytest.mark.looptime
async def test_a_resync_comes_in_batches_too() -> None:
    cache = Cache(record("a"), record("b"))
    batches = cache.events(replay=False, resync=10).batches()
    assert await anext(batches) == [Synced("1")]
    assert await anext(batches) == [Resynced(record("a"), key="n/a"), Resynced(record("b"), key="n/b")]


async def test_dropping_them_frees_the_subscription() -> None:
    """They hold it, and nobody holds them."""
    cache = Cache(record("a"))
    batches = cache.events().batches()
    gone = weakref.ref(cache.subscriptions.pop())
    async for _ in batches:
        break
    del batches
    gc.collect()
    assert gone() is None


async def test_a_batch_ends_with_its_turn_when_objects_take_long_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's model takes most of a millisecond: 256 of them would hold the loop for a fifth of a second."""
    monkeypatch.setattr("aioinformer.subscription.TURN", 0.0)
    batches = Cache(*(record(f"p{n}") for n in range(100))).events().batches()
    assert [len(await anext(batches)) for _ in range(3)] == [1 + SOME] * 3


async def test_other_tasks_get_their_turns_though_everything_is_there() -> None:
    """A consumer that never waits does not hold the loop for the whole of its backlog."""
    cache = Cache(*(record(f"p{n}") for n in range(20 * BATCH)))
    batches = cache.events().batches()
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    task = asyncio.ensure_future(other())
    while not any(isinstance(event, Synced) for event in await anext(batches)):
        pass
    task.cancel()
    assert others > 0


async def test_a_model_that_raises_in_the_middle_of_a_batch_loses_no_other_event() -> None:
    """What came before it comes first, then what it raised, as its consumer's own exception; then what comes after."""
    cache = Cache()
    events = cache.events()

    def only_good(record: Stored) -> Stored:
        if record.name.startswith("bad"):
            raise ValueError(record.name)
        return record

    events._view = only_good
    batches = events.batches()
    cache.put(*(record(name) for name in ("a", "b", "bad1", "bad2", "c")))
    told: list[str] = []
    for _ in range(4):
        try:
            told += [event.type if isinstance(event, Synced) else event.key for event in await anext(batches)]
        except ValueError as error:
            told.append(str(error))
    assert told == ["SYNCED", "n/a", "n/b", "bad1", "bad2", "n/c"]
    assert events.pending == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "bad", "c"], ["n/a", "bad", "n/c"]),
        (["bad", "a", "c"], ["bad", "n/a", "n/c"]),
        (["a", "bad1", "bad2"], ["n/a", "bad1", "bad2"]),
    ],
)
async def test_nor_does_one_that_raises_for_the_first_or_second_object(names: list[str], expected: list[str]) -> None:
    cache = Cache()
    events = cache.events(replay=False)
    batches = events.batches()
    assert await anext(batches) == [Synced("")]

    def only_good(record: Stored) -> Stored:
        if record.name.startswith("bad"):
            raise ValueError(record.name)
        return record

    events._view = only_good
    cache.put(*map(record, names))
    told: list[str] = []
    while len(told) < len(expected):
        try:
            told += [event.key for event in await anext(batches) if isinstance(event, Added)]
        except ValueError as error:
            told.append(str(error))
    assert told == expected
    assert events.pending == 0


async def test_what_was_raised_comes_out_also_of_a_plain_iteration() -> None:
    """Whoever goes on by single events instead."""
    cache = Cache()
    events = cache.events(replay=False)
    await anext(events)
    events._view = lambda record: {"a": record}[record.name]
    cache.put(record("a"), record("bad"), record("a", 2))
    assert len(events.take(5)) == 1
    with pytest.raises(KeyError, match="bad"):
        await anext(events)
    assert (await anext(events)).type == "UPDATED"


@pytest.mark.looptime
async def test_resync_is_not_put_off_by_taking() -> None:
    """``take`` begins a round that is due, as ``anext`` does."""
    cache = Cache(record("a"))
    events = cache.events(resync=10)
    events.now = asyncio.get_running_loop().time
    assert [event.type for event in events.take(9)] == ["ADDED", "SYNCED"]
    await asyncio.sleep(9)
    assert events.take(9) == []
    await asyncio.sleep(2)
    assert [event.type for event in events.take(9)] == ["RESYNCED"]
    await events.aclose()
    await asyncio.sleep(20)
    assert events.take(9) == []
