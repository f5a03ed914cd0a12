"""merging.py: the events of several informers over scripted sources, in virtual time."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    Added,
    InformerClosed,
    InformerError,
    InvalidOption,
    NotRunning,
    SubscriptionLagged,
    Synced,
    merge,
)
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from tests.scripted_informer import PODS, Running, Script, line, pod

if TYPE_CHECKING:
    from aioinformer import KubeObject, Merged, Tagged

pytestmark = pytest.mark.looptime


def told(tagged: Tagged[KubeObject]) -> str:
    return "synced" if isinstance(tagged.event, Synced) else tagged.event.key


async def taken(merged: Merged[KubeObject], count: int) -> list[Tagged[KubeObject]]:
    return [await anext(merged) for _ in range(count)]


async def test_events_come_with_their_source_and_take_turns() -> None:
    """A source with much to tell does not keep another waiting, and each one's events stay in order."""
    one, two = Script().snapshot(9, *(pod(f"a{i}", i + 1) for i in range(5))), Script().snapshot(9, pod("b", 1))
    async with Running(one) as busy, Running(two) as quiet:
        await asyncio.gather(busy.wait_for_cache_sync(), quiet.wait_for_cache_sync())
        merged = merge(busy, quiet)
        assert merged.pending == 6
        assert repr(merged) == "<Merged sources=2 pending=6>"
        events = await taken(merged, 8)
        assert [(tagged.source is quiet, told(tagged)) for tagged in events] == [
            (False, "d/a0"), (True, "d/b"), (False, "d/a1"), (True, "synced"), (False, "d/a2"), (False, "d/a3"),
            (False, "d/a4"), (False, "synced"),
        ]  # fmt: skip
        assert "Added d/a0" in repr(events[0])


async def test_what_comes_later_is_waited_for_on_all_at_once() -> None:
    one, two = Script().snapshot(9), Script().snapshot(9)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        async with merge(a, b.events(replay=False)) as merged:
            await taken(merged, 2)
            loop = asyncio.get_running_loop()
            loop.call_later(2, two.send, line("ADDED", pod("later", 10)))
            loop.call_later(2, one.send, line("ADDED", pod("same", 11)))
            loop.call_later(5, one.send, line("ADDED", pod("last", 12)))
            assert sorted(map(told, await taken(merged, 3))) == ["d/last", "d/later", "d/same"]


async def test_nothing_is_left_behind_by_a_break() -> None:
    """No task waits on, and the subscriptions are gone with the merge."""
    async with Running(Script().snapshot(9, pod("a", 1))) as a, Running(Script().snapshot(9)) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        before = asyncio.all_tasks()
        async for tagged in merge(a, b):
            if isinstance(tagged.event, Synced) and tagged.source is a:
                break
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(taken(merge(a, b), 100), timeout=5)
        await asyncio.sleep(0)
        gc.collect()
        assert asyncio.all_tasks() == before
        assert a.subscriptions == b.subscriptions == ()


async def test_leaving_the_block_closes_all_subscriptions() -> None:
    async with Running(Script().snapshot(9, pod("a", 1))) as a, Running(Script().snapshot(9)) as b:
        given = b.events()
        async with merge(a, given) as merged:
            await anext(merged)
        assert (given.is_closed, a.subscriptions, merged.pending) == (True, (), 0)
        with pytest.raises(StopAsyncIteration):
            await anext(merged)


async def test_cancelling_a_pending_anext_loses_nothing() -> None:
    """Whatever turn of the loop it hits."""
    one, two = Script().snapshot(9), Script().snapshot(9)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        merged, seen, version = merge(a, b), [], 10
        await taken(merged, 2)
        for turns in range(12):
            waiting = asyncio.ensure_future(anext(merged))
            for script in (one, two):
                script.send(line("ADDED", pod(f"p{version}", version)))
                version += 1
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                seen.append(told(waiting.result()))
        seen += map(told, await taken(merged, 24 - len(seen)))
        assert sorted(seen) == [f"d/p{version}" for version in range(10, 34)]


async def test_it_goes_on_without_an_informer_that_is_stopped_and_ends_with_the_last() -> None:
    script = Script().snapshot(9)
    async with Running(Script().snapshot(9)) as a, Running(script) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        merged = merge(a, b)
        await taken(merged, 2)
        waiting = asyncio.ensure_future(anext(merged))
        await asyncio.sleep(1)
        await a.aclose()
        script.send(line("ADDED", pod("b", 10)))
        assert told(await waiting) == "d/b"
        await b.aclose()
        assert [tagged async for tagged in merged] == []
        with pytest.raises(InformerClosed):
            merge(a)


async def test_a_failure_of_one_comes_out_once_and_the_others_go_on() -> None:
    one, two = Script().snapshot(9), Script().snapshot(9)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        merged = merge(a.events(max_pending=1, overflow="error"), b)
        await taken(merged, 2)
        one.send(line("ADDED", pod("x", 10)) + line("ADDED", pod("y", 11)))
        await asyncio.sleep(1)
        with pytest.raises(SubscriptionLagged):
            await taken(merged, 2)
        two.send(line("ADDED", pod("b", 10)))
        assert told(await anext(merged)) == "d/b"


async def test_a_defect_comes_out_too() -> None:
    def broken(_: dict[str, Any]) -> dict[str, Any]:
        raise ValueError

    script = Script().snapshot(9)
    async with Running(script, transform=broken, strict=True) as a:
        merged = merge(a)
        await anext(merged)
        script.send(line("ADDED", pod("a", 10)))
        with pytest.raises(InformerError, match="the informer is strict"):
            await anext(merged)


async def test_two_tasks_do_not_share_one() -> None:
    async with Running(Script().snapshot(9)) as a, Running(Script().snapshot(9)) as b:
        merged = merge(a, b)
        await taken(merged, 2)
        waiting = asyncio.ensure_future(anext(merged))
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match="two tasks iterate over one merge"):
            await anext(merged)
        waiting.cancel()


async def test_others_get_a_turn_while_much_waits() -> None:
    script = Script().snapshot(9999, *(pod(f"a{i}", i + 1) for i in range(3000)))
    async with Running(script) as a:
        await a.wait_for_cache_sync()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task, merged, loop = asyncio.ensure_future(other()), merge(a), asyncio.get_running_loop()
        async for tagged in merged:
            assert isinstance(tagged.event, Added | Synced)
            merged._turn_ends = loop.time()  # as if it took its time: the clock here is virtual
            if isinstance(tagged.event, Synced):
                break
        task.cancel()
        assert turns > 1000


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "one at least"),
        (["pods"], "takes informers and subscriptions, not 'pods'"),
        ([1, None], "not 1"),
    ],
)
def test_what_cannot_be_merged_is_refused(sources: list[Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        merge(*sources)


async def test_a_source_is_merged_once() -> None:
    async with Running(Script().snapshot(9)) as a:
        with pytest.raises(InvalidOption, match="each source once"):
            merge(a, a)
        assert a.subscriptions == ()


async def test_an_informer_that_has_not_been_started_says_so() -> None:
    informer: Informer[Any] = Informer(InformerSpec(PODS))
    with pytest.raises(NotRunning):
        await anext(merge(informer))


async def test_a_source_resyncs_while_another_never_rests() -> None:
    """Each on its own period, not when all are idle at once."""
    one, two = Script().snapshot(9), Script().snapshot(9, pod("b", 1))
    async with Running(one) as busy, Running(two) as quiet:
        await asyncio.gather(busy.wait_for_cache_sync(), quiet.wait_for_cache_sync())
        merged = merge(busy, quiet.events(resync=10))
        resynced: list[float] = []
        for version in range(10, 60):
            one.send(line("ADDED", pod(f"a{version}", version)), line("ADDED", pod(f"z{version}", version + 1000)))
            await asyncio.sleep(1)
            while True:  # at least one more event always waits
                tagged = await anext(merged)
                if tagged.event.type == "RESYNCED":
                    resynced.append(asyncio.get_running_loop().time())
                elif not isinstance(tagged.event, Synced) and tagged.event.key == f"d/a{version}":
                    break
        assert len(resynced) == 4
        assert {round(later - sooner) for sooner, later in pairwise(resynced)} == {10}


async def test_what_a_merge_has_taken_from_its_sources_still_waits() -> None:
    """In the sources' own ``pending``, and once in the merge's, until the consumer gets it."""
    one, two = Script().snapshot(9), Script().snapshot(9)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        merged = merge(a, b)
        await taken(merged, 2)
        waiting = asyncio.ensure_future(anext(merged))
        await asyncio.sleep(1)
        one.send(line("ADDED", pod("a", 10)))
        two.send(line("ADDED", pod("b", 10)))
        first = await waiting
        assert (a.status.pending, b.status.pending, merged.pending) in {((0,), (1,), 1), ((1,), (0,), 1)}
        (second,) = await taken(merged, 1)
        assert {told(first), told(second)} == {"d/a", "d/b"}
        assert (a.status.pending, b.status.pending, merged.pending) == ((0,), (0,), 0)


async def test_its_consumer_is_that_of_every_source() -> None:
    """While it waits and while it works; ``settle`` relies on it."""
    one, two = Script().snapshot(9), Script().snapshot(9)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        merged = merge(a, b)
        await taken(merged, 2)
        me = asyncio.current_task()
        assert [s.consumer for informer in (a, b) for s in informer.subscriptions] == [me, me]
        other = asyncio.ensure_future(anext(merged))
        await asyncio.sleep(1)
        one.send(line("ADDED", pod("a", 10)))
        await other
        assert [s.consumer for informer in (a, b) for s in informer.subscriptions] == [other, other]
