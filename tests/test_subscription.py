from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.batches import Change
from aioinformer.errors import InformerError
from aioinformer.events import Added, Deleted, Resynced, Synced, Updated
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.subscription import SKIPPED, Subscription
from tests.subscribed import Cache, consumed, record, taken, turns

if TYPE_CHECKING:
    from aioinformer.events import Event
    from aioinformer.objects import Stored
    from tests.subscribed import Events


class TestOrder:
    async def test_what_is_there_then_synced_then_live_changes(self) -> None:
        a, b, changed = record("a"), record("b", 2), record("a", 3)
        cache = Cache(a, b)
        events = cache.events()
        cache.put(changed)
        cache.delete(record("b", 4))
        assert await taken(events) == [
            Added(a, initial=True, key="n/a"),
            Added(b, initial=True, key="n/b"),
            Synced("2"),
            Updated(changed, old=a, key="n/a"),
            Deleted(record("b", 4), final_state_known=True, key="n/b"),
        ]

    async def test_a_change_during_the_replay_comes_after_it_with_the_replayed_object_as_old(self) -> None:
        a, changed, new = record("a"), record("a", 2), record("b", 3)
        cache = Cache(a)
        events = cache.events()
        assert await anext(events) == Added(a, initial=True, key="n/a")
        cache.put(changed, new)
        assert await taken(events) == [Synced("1"), Updated(changed, old=a, key="n/a"), Added(new, key="n/b")]

    async def test_before_the_cache_is_in_sync_it_waits(self) -> None:
        cache = Cache()
        events = cache.events(started=False)
        assert await taken(events) == []
        cache.put()
        events.start("5")
        assert await taken(events) == [Synced("5")]

    async def test_without_replay_it_begins_with_synced(self) -> None:
        a, changed = record("a"), record("a", 2)
        cache = Cache(a)
        events = cache.events(replay=False)
        cache.put(changed)
        assert await taken(events) == [Synced("1"), Updated(changed, old=a, key="n/a")]

    async def test_a_missed_removal_shows_the_last_known_state_and_says_that_it_is_not_final(self) -> None:
        a = record("a")
        events = Cache(a).events(replay=False)
        events.offer([Change("n/a", a, None)])
        assert (await taken(events))[1:] == [Deleted(a, final_state_known=False, key="n/a")]

    async def test_events_hold_what_the_view_makes_of_records(self) -> None:
        cache = Cache(record("a"))
        names = Subscription(cache.store, lambda r: r.name, Terms(Scope(None, LabelSelector())))
        names.start("1")
        assert await anext(names) == Added("a", initial=True, key="n/a")


class TestScope:
    async def test_a_namespace(self) -> None:
        cache = Cache(record("a"), record("b", namespace="m"))
        events = cache.events(namespace="m")
        cache.put(record("a", 2), record("c", 3, "m"))
        assert [getattr(event, "key", "synced") for event in await taken(events)] == ["m/b", "synced", "m/c"]

    async def test_beginning_and_ceasing_to_match_a_selector_are_an_addition_and_a_removal(self) -> None:
        out, entered, changed, left = (record("a", n, app=app) for n, app in enumerate(["x", "web", "web", "y"], 1))
        cache = Cache(out)
        events = cache.events(selector="app=web")
        cache.put(entered)
        cache.put(changed)
        cache.put(left)
        cache.delete(record("a", 5, app="web"))
        assert await taken(events) == [
            Synced("1"),
            Added(entered, key="n/a"),
            Updated(changed, old=entered, key="n/a"),
            Deleted(changed, final_state_known=True, key="n/a"),
        ]

    async def test_a_replay_and_a_resync_keep_to_the_scope(self) -> None:
        cache = Cache(record("a", app="web"), record("b", app="db"))
        events = cache.events(selector="app=web", resync=1)
        assert [getattr(event, "key", "synced") for event in await taken(events)] == ["n/a", "synced"]


class TestResync:
    @pytest.mark.looptime
    async def test_rounds_come_by_period_and_two_periods_are_independent(self) -> None:
        cache = Cache(record("a"), record("b"))
        seen: list[tuple[int, str]] = []
        loop = asyncio.get_running_loop()
        begin = loop.time()

        async def consume(name: str, events: Events) -> None:
            async for event in events:
                match event:
                    case Resynced():
                        seen.append((round(loop.time() - begin), name))

        consumers = [
            asyncio.create_task(consume(name, cache.events(resync=period)))
            for name, period in (("two", 2), ("three", 3), ("never", None))
        ]
        await asyncio.sleep(6.5)
        for consumer in consumers:
            consumer.cancel()
        rounds = [(2, "two"), (3, "three"), (4, "two"), (6, "three"), (6, "two")]
        assert sorted(seen) == [each for each in rounds for _ in range(2)]

    @pytest.mark.looptime
    async def test_a_round_shows_the_latest_of_what_is_there_and_never_overtakes_a_change(self) -> None:
        cache = Cache(record("a"), record("b"))
        events = cache.events(resync=5)
        await taken(events)
        await asyncio.sleep(5)
        pull = asyncio.ensure_future(anext(events))
        assert await pull == Resynced(record("a"), key="n/a")
        changed = record("b", 2)
        cache.put(changed)
        cache.delete(record("a", 3))
        assert await taken(events) == [
            Updated(changed, old=record("b"), key="n/b"),
            Deleted(record("a", 3), final_state_known=True, key="n/a"),
            Resynced(changed, key="n/b"),
        ]

    @pytest.mark.looptime
    async def test_a_round_waits_while_the_cache_is_ahead_of_what_was_offered(self) -> None:
        events = Cache(record("a")).events(resync=5)
        await taken(events)
        events.catching_up = True
        await asyncio.sleep(6)
        assert await taken(events) == []
        events.caught_up()
        assert await taken(events) == [Resynced(record("a"), key="n/a")]

    @pytest.mark.looptime
    async def test_an_empty_cache_or_scope_makes_no_round_and_no_busy_loop(self) -> None:
        cache = Cache(record("a"))
        for events in (
            Cache().events(resync=1),
            cache.events(resync=1, selector="app"),
            Cache().events(started=False, resync=1),
        ):
            await taken(events)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(100):
                    await anext(events)

    @pytest.mark.looptime
    async def test_a_consumer_that_takes_longer_than_the_period_gets_one_round_at_a_time(self) -> None:
        events = Cache(record("a")).events(resync=1)
        await taken(events)
        await asyncio.sleep(10)
        assert [type(event) for event in await taken(events)] == [Resynced]


class TestEnds:
    async def test_when_the_informer_stops_what_waits_is_yielded_and_then_the_iteration_ends(self) -> None:
        events = Cache(record("a")).events()
        events.finish()
        assert [type(event) async for event in events] == [Added, Synced]

    async def test_a_defect_of_the_informer_reaches_the_consumer_after_what_waits(self) -> None:
        events = Cache(record("a")).events()
        events.finish(InformerError("a defect"))
        assert [type(await anext(events)) for _ in range(2)] == [Added, Synced]
        with pytest.raises(InformerError, match="a defect"):
            await anext(events)

    async def test_closing_drops_what_waits_and_what_comes(self) -> None:
        cache = Cache(record("a"))
        async with cache.events() as events:
            cache.put(record("b"))
        cache.put(record("c"))
        assert events.pending == 0
        assert [event async for event in events] == []
        assert "closed" in repr(events)

    async def test_closing_before_the_first_sync_closes_for_good(self) -> None:
        events = Cache(record("a")).events(started=False)
        await events.aclose()
        events.start("1")
        assert events.pending == 0
        assert [event async for event in events] == []

    async def test_a_consumer_that_waits_is_woken_by_closing_and_by_the_informers_end(self) -> None:
        closed, ended = Cache().events(), Cache().events()
        pulls = [asyncio.ensure_future(consumed(events)) for events in (closed, ended)]
        await turns()
        await closed.aclose()
        ended.finish()
        assert await asyncio.gather(*pulls) == [[Synced("")], [Synced("")]]

    async def test_repr_shows_the_state_and_no_objects(self) -> None:
        assert repr(Cache(record("secret")).events()) == "<Subscription open pending=1 merged=0>"


class TestConsumers:
    async def test_cancelling_a_pending_anext_loses_nothing(self) -> None:
        cache = Cache()
        events = cache.events()
        await taken(events)
        for version in range(1, 5):
            pull = asyncio.ensure_future(anext(events))
            await turns()
            cache.put(record("a", version))  # wakes it, and then, before its turn:
            pull.cancel()
            await asyncio.wait([pull])
            assert pull.cancelled()
            assert [event.type for event in await taken(events)] == ["ADDED" if version == 1 else "UPDATED"]

    async def test_two_tasks_that_iterate_are_told_to_take_one_each(self) -> None:
        events = Cache().events()
        await taken(events)
        first = asyncio.ensure_future(anext(events))
        await turns()
        with pytest.raises(RuntimeError, match=r"give each its own informer\.events"):
            await anext(events)
        events.offer([Change("n/a", None, record("a"))])
        assert await first == Added(record("a"), key="n/a")

    async def test_the_consumer_is_whichever_task_took_last(self) -> None:
        """One may take over from another while events wait."""
        events = Cache(record("a"), record("b")).events()

        async def take() -> None:
            await anext(events)

        for _ in range(2):
            task = asyncio.create_task(take())
            await task
            assert events.consumer is task

    async def test_a_consumer_that_never_waits_gives_others_a_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("aioinformer.subscription.TURN", 0.0)
        events = Cache(*(record(str(n)) for n in range(9))).events()
        events.finish()
        order: list[object] = []

        async def consume() -> None:
            order.extend([event.type async for event in events])

        async def other() -> None:
            for _ in range(10):
                order.append("other")
                await asyncio.sleep(0)

        await asyncio.gather(consume(), other())
        assert order[:10] == ["other"] * 10

    @pytest.mark.looptime
    @pytest.mark.parametrize("replay", [True, False])
    async def test_passing_over_what_is_out_of_scope_gives_others_a_turn(self, *, replay: bool) -> None:
        """A selector that matches little of a large cache must not hold the loop, in a replay or a resync round."""
        cache = Cache(*(record(str(n)) for n in range(4 * SKIPPED)), record("z", app="web"))
        events = cache.events(selector="app", replay=replay, resync=5)
        if not replay:
            await taken(events)
            await asyncio.sleep(5)
        pull = asyncio.ensure_future(anext(events))
        given = 0
        while not pull.done():
            given += 1
            await asyncio.sleep(0)
        assert given >= 4
        assert isinstance(await pull, Added if replay else Resynced)

    async def test_a_consumer_that_fails_touches_no_other(self) -> None:
        cache = Cache(record("a"))

        async def fail(events: Events) -> None:
            async for event in events:
                raise LookupError(event.type)

        failing = asyncio.ensure_future(fail(cache.events()))
        sound = cache.events()
        await asyncio.wait([failing])
        cache.put(record("b", 2))
        assert [event.type for event in await taken(sound)] == ["ADDED", "SYNCED", "ADDED"]
        with pytest.raises(LookupError):
            await failing

    async def test_dropping_the_last_reference_frees_everything(self) -> None:
        cache = Cache(record("a"))
        events = cache.events()
        cache.subscriptions.clear()
        async for _ in events:
            break
        gone = weakref.ref(events)
        del events
        gc.collect()
        assert gone() is None


steps = st.lists(
    st.one_of(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from("xy")), st.none()), max_size=50
)


@given(steps, st.integers(1, 4), st.sampled_from(["", "app=x"]), st.booleans())
def test_replaying_any_subscription_gives_the_cache(
    actions: list[tuple[str, bool, str] | None],
    max_pending: int,
    selector: str,
    replay: bool,  # noqa: FBT001
) -> None:
    """Whatever changes, and whenever it is taken: the consumer's state ends up as the cache, and ``old`` is what it saw."""

    async def scenario() -> None:
        cache = Cache(record("a", app="x"), record("b", app="y"))
        shown: dict[str, Stored] = {} if replay else {r.key: r for r in cache.store.records() if r in scope}
        events = cache.events(selector=selector, max_pending=max_pending, replay=replay)

        def see(event: Event[Stored]) -> None:
            match event:
                case Added(object=new, key=key):
                    assert key not in shown
                    shown[key] = new
                case Updated(object=new, old=old, key=key):
                    assert shown[key] is old
                    shown[key] = new
                case Deleted(object=last, key=key):
                    assert shown.pop(key).uid == last.uid

        for version, action in enumerate(actions, start=2):
            if action is None:
                if events.pending:
                    see(await anext(events))
                continue
            name, deleted, app = action
            uid = f"u{version // 10}"  # re-created now and then without a removal
            cache.put(record(name, version, uid=uid, app=app), deleted=deleted)
        for event in await taken(events):
            see(event)
        assert shown == {r.key: r for r in cache.store.records() if r in scope}

    scope = Scope(None, LabelSelector.parse(selector))
    asyncio.run(scenario())
