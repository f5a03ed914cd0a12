from __future__ import annotations

import pytest

from aioinformer.errors import SubscriptionLagged
from aioinformer.events import Added, Synced, Updated
from tests.subscribed import Cache, record, taken


class TestOverflow:
    async def test_a_slow_consumer_gets_merged_events_and_the_bound_holds(self) -> None:
        cache = Cache()
        events = cache.events(max_pending=2)
        for version in range(1, 100):
            cache.put(record("a", version), record("b", version))
        assert events.pending <= 2 + 2 * 2
        assert events.merged == 2 * 99 - 4
        assert (await taken(events))[1:] == [
            Added(record("a", 1), key="n/a"),
            Added(record("b", 1), key="n/b"),
            Updated(record("a", 99), old=record("a", 1), key="n/a"),
            Updated(record("b", 99), old=record("b", 1), key="n/b"),
        ]
        assert events.pending == 0

    async def test_error_mode_gives_what_waited_and_then_raises(self) -> None:
        cache = Cache()
        events = cache.events(max_pending=2, overflow="error")
        cache.put(record("a"), record("b"))
        assert not events.is_closed
        cache.put(record("c"))
        cache.put(record("d"))
        assert events.is_closed
        found = [await anext(events) for _ in range(3)]
        assert [getattr(event, "key", "synced") for event in found] == ["synced", "n/a", "n/b"]
        for _ in range(2):
            with pytest.raises(SubscriptionLagged, match="more than 2 events"):
                await anext(events)

    async def test_a_replay_does_not_count_as_lagging(self) -> None:
        events = Cache(*(record(str(n)) for n in range(10))).events(max_pending=1, overflow="error")
        assert len(await taken(events)) == 11


async def test_lag_is_the_age_of_the_oldest_event_that_waits() -> None:
    """The replay's, then that of what waits in order, then that of what was merged."""
    now = [0.0]
    cache = Cache(record("a"))
    events = cache.events(started=False, max_pending=2)
    events.now = lambda: now[0]
    events.start("1")
    now[0] = 5.0
    assert (events.lag, events.pending) == (5.0, 1)
    assert [type(await anext(events)) for _ in range(2)] == [Added, Synced]
    assert (events.lag, events.pending) == (0.0, 0)
    for version in range(2, 7):
        cache.put(record("a", version))
        now[0] += 1.0
    assert (events.lag, events.pending, events.merged) == (5.0, 3, 2)
    lags = []
    for _ in range(3):
        await anext(events)
        lags.append(events.lag)
    assert lags == [4.0, 3.0, 0.0]
