"""subscription.py: predicates and namespaces of a subscriber's own."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from aioinformer.errors import InformerError
from aioinformer.events import Added, Deleted, Resynced, Synced, Updated
from tests.subscribed import Cache, consumed, record, taken

if TYPE_CHECKING:
    from aioinformer.objects import Stored


def web(r: Stored) -> bool:
    """Whether it is labelled as such; raises for one that is labelled ``app=odd``."""
    if r.labels.get("app") == "odd":
        raise ZeroDivisionError
    return r.labels.get("app") == "web"


async def test_a_predicate_filters_replay_changes_and_resyncs() -> None:
    out, entered, changed, left = (record("a", n, app=app) for n, app in enumerate(["x", "web", "web", "y"], 1))
    cache = Cache(out, record("b", app="web"))
    events = cache.events(where=web)
    for version in (entered, changed, left):
        cache.put(version)
    cache.delete(record("a", 5, app="web"))
    assert await taken(events) == [
        Added(record("b", app="web"), initial=True, key="n/b"),
        Synced("1"),
        Added(entered, key="n/a"),
        Updated(changed, old=entered, key="n/a"),
        Deleted(changed, final_state_known=True, key="n/a"),
    ]


async def test_what_changes_during_the_replay_is_replayed_as_it_was_and_leaves_then() -> None:
    """Or not at all, if it did not match: then it enters."""
    leaves, enters = record("a", app="web"), record("b", app="x")
    cache = Cache(leaves, enters)
    events = cache.events(where=web)
    cache.put(record("a", 2, app="x"), record("b", 3, app="web"))
    assert await taken(events) == [
        Added(leaves, initial=True, key="n/a"),
        Synced("1"),
        Deleted(leaves, final_state_known=True, key="n/a"),
        Added(record("b", 3, app="web"), key="n/b"),
    ]


@pytest.mark.looptime
async def test_a_resync_keeps_to_the_predicate() -> None:
    cache = Cache(record("a", app="web"), record("b", app="x"))
    events = cache.events(where=web, resync=10)
    assert [type(await anext(events)) for _ in range(4)] == [Added, Synced, Resynced, Resynced]


async def test_a_predicate_that_raises_for_a_change_ends_its_subscription_after_what_waited() -> None:
    """Its consumer gets the exception; the others do not notice."""
    cache = Cache()
    events, other = cache.events(where=web), cache.events()
    cache.put(record("a", app="web"), record("b", app="odd"), record("c", app="web"))
    with pytest.raises(ZeroDivisionError):
        [await anext(events) for _ in range(3)]
    assert events.is_closed
    assert len(await taken(other)) == 4


@pytest.mark.parametrize("in_batches", [True, False])
async def test_a_predicate_that_raises_in_the_replay_ends_its_subscription(*, in_batches: bool) -> None:
    """Nothing that comes after would make sense without it."""
    cache = Cache(record("a", app="web"), record("b", app="odd"), record("c", app="web"))
    events = cache.events(where=web)
    cache.put(record("d", app="web"))
    steps = events.batches() if in_batches else events
    first = await anext(steps)
    a = Added(record("a", app="web"), initial=True, key="n/a")
    assert first == ([a] if in_batches else a)
    with pytest.raises(ZeroDivisionError):
        await anext(steps)
    assert (events.is_closed, events.pending, events.is_replaying) == (True, 0, False)


async def test_an_informers_failure_is_told_through_a_predicate_too() -> None:
    events = Cache(record("a", app="x")).events(where=web)
    events.finish(InformerError("a defect"))
    with pytest.raises(InformerError, match="a defect"):
        await consumed(events)


async def test_dropping_one_with_a_predicate_frees_it() -> None:
    cache = Cache(record("a", app="web"))
    async for _ in cache.events(where=web):
        break
    gone = weakref.ref(cache.subscriptions.pop())
    gc.collect()
    assert gone() is None


async def test_several_namespaces_are_replayed_one_after_the_other_and_followed_together() -> None:
    cache = Cache(record("a"), record("b", namespace="m"), record("c", namespace="o"))
    events = cache.events(namespace=["m", "n"])
    cache.put(record("d", 2, "o"), record("e", 3, "n"), record("f", 4, "m"))
    assert [getattr(event, "key", "synced") for event in await taken(events)] == [
        "m/b", "n/a", "synced", "n/e", "m/f",
    ]  # fmt: skip


@pytest.mark.looptime
async def test_a_resync_covers_several_namespaces() -> None:
    cache = Cache(record("a"), record("b", namespace="m"), record("c", namespace="o"))
    events = cache.events(namespace=("m", "n"), replay=False, resync=10)
    seen = [await anext(events) for _ in range(3)]
    assert [event.key for event in seen if isinstance(event, Resynced)] == ["m/b", "n/a"]
