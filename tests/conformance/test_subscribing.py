"""What subscribers and indexes make of the stream: no gap, no repeat, and nobody at the mercy of another."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

from aioinformer import Added, Decision, Deleted, Event, Failure, SubscriptionLagged, Synced, Updated
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import Middleman, ends_snapshot, error
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject, SharedInformerFactory, Subscription

LARGE = 100_000
"""Bytes of an object: 30 of them are a page of three megabytes."""


async def synced(factory: SharedInformerFactory, **options: Any) -> Informer[KubeObject]:
    informer = factory.informer("configmaps", **options)
    await informer.wait_for_cache_sync(PATIENCE)
    return informer


async def told(events: Subscription[KubeObject], count: int) -> list[Event[KubeObject]]:
    """The next events of a subscription."""
    async with asyncio.timeout(PATIENCE):
        return [await anext(events) for _ in range(count)]


def brief(event: Event[KubeObject]) -> tuple[type[Any], str]:
    return type(event), "" if isinstance(event, Synced) else event.object.name


async def test_a_subscriber_that_joins_in_the_middle_of_a_relist_has_no_gap_and_no_repeat(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Replay of the old state, Synced, and then what the new snapshot changed."""
    await cluster.create_many(CONFIGMAPS, ["goes", "stays"])
    informer = await synced(through, namespace=cluster.namespace)
    watch = await middleman.watch()
    middleman.keeps = lambda line: not middleman.kept and ends_snapshot(line)
    await watch.send(error(410, "Expired"))
    await middleman.changed.until(lambda: bool(middleman.kept))
    late = informer.events()
    assert sorted(map(brief, await told(late, 2))) == [(Added, "goes"), (Added, "stays")]
    assert isinstance(await anext(late), Synced)
    middleman.keeps = lambda _: True
    await cluster.delete(CONFIGMAPS, "goes")
    middleman.keeps = ends_snapshot
    await (await middleman.watch()).send(error(410, "Expired"))
    middleman.keeps = lambda _: False
    await assert_mirrors(informer, cluster)
    assert [brief(each) for each in await told(late, 2)] == [(Deleted, "goes"), (Added, "zz-last")]
    assert late.pending == 0


async def test_the_old_state_of_each_change_is_the_one_that_was_told_last(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """The chain from old to new is unbroken, for one who reads at once and for one who is merged."""
    last = await cluster.create(CONFIGMAPS, "counts", data={"n": "0"})
    informer = await synced(factory)
    quick, slow = informer.events(), informer.events(max_pending=2)
    for n in range(1, 31):
        last = await cluster.patch(CONFIGMAPS, "counts", data={"n": str(n)})
    await informer.wait_for_version(last["metadata"]["resourceVersion"], PATIENCE)
    for events, updates, waiting in ((quick, 30, 32), (slow, None, 4)):
        assert events.pending <= waiting
        state = ""
        seen = 0
        while events.pending:
            match await anext(events):
                case Added(object=new):
                    state = new.resource_version
                case Updated(old=old, object=new):
                    assert old.resource_version == state
                    state = new.resource_version
                    seen += 1
                case _:
                    pass
        assert state == last["metadata"]["resourceVersion"]
        assert seen == updates or updates is None


async def test_how_much_waits_and_for_how_long_shows(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """In the subscription and in the informer's status; what has been taken waits no more."""
    informer = await synced(factory, label_selector="mine")
    events = informer.events()
    assert isinstance(await anext(events), Synced)
    assert (events.pending, events.lag) == (0, 0.0)
    created = await cluster.create(CONFIGMAPS, "first", labels={"mine": ""})
    await informer.wait_for_version(created["metadata"]["resourceVersion"], PATIENCE)
    begun = asyncio.get_running_loop().time()
    created = await cluster.create(CONFIGMAPS, "second", labels={"mine": ""})
    await informer.wait_for_version(created["metadata"]["resourceVersion"], PATIENCE)
    assert (events.pending, informer.status.pending) == (2, (2,))
    assert events.lag >= 0.95 * (asyncio.get_running_loop().time() - begun)
    assert informer.status.lag[0] > 0
    async for batch in events.batches():
        assert [brief(each) for each in batch] == [(Added, "first"), (Added, "second")]
        break
    assert (events.pending, events.lag, informer.status.pending) == (0, 0.0, (0,))


async def test_a_subscriber_that_stops_early_leaves_nothing_behind(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Breaking out of the loop and dropping the subscription frees it and what waited in it."""
    await cluster.create_many(CONFIGMAPS, ["a", "b", "c"])
    informer = await synced(factory)
    events = informer.events()
    async for _ in events:
        break
    assert len(informer.status.pending) == 1
    gone = ref(events)
    del events
    gc.collect()
    assert gone() is None
    assert not informer.status.pending


async def test_an_exception_in_one_consumer_touches_no_other(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """The one ends with its own error; the other hears of everything, and the informer goes on."""
    informer = await synced(factory)

    async def fails() -> None:
        async for event in informer.events():
            if isinstance(event, Added):
                raise ZeroDivisionError(event.object.name)

    failing = asyncio.create_task(fails())
    events = informer.events()
    await cluster.create_many(CONFIGMAPS, ["a", "b"])
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(failing, PATIENCE)
    assert [type(each) for each in await told(events, 3)] == [Synced, Added, Added]
    await assert_mirrors(informer, cluster)


async def test_an_index_function_that_raises_sets_that_object_aside(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Its neighbours are indexed, its next version is tried again, and an entry goes with its last object."""
    heard: list[Failure] = []
    informer = await synced(factory, indexers={"team": lambda o: o["data"]["team"]}, on_error=heard.append)
    nameless = await cluster.create(CONFIGMAPS, "nameless")
    await cluster.create(CONFIGMAPS, "ours", data={"team": "us"})
    await informer.wait_for(f"{cluster.namespace}/ours", PATIENCE)
    assert list(informer.quarantine) == [f"{cluster.namespace}/nameless"]
    (failure,) = heard
    assert (failure.decision, failure.key, failure.resource_version) == (
        Decision.SET_ASIDE,
        f"{cluster.namespace}/nameless",
        nameless["metadata"]["resourceVersion"],
    )
    assert informer.index_values("team") == ["us"]
    await cluster.patch(CONFIGMAPS, "nameless", data={"team": "them"})
    await informer.wait_for(f"{cluster.namespace}/nameless", PATIENCE)
    assert not informer.quarantine
    assert sorted(informer.index_values("team")) == ["them", "us"]


async def test_an_object_that_is_left_of_a_page_does_not_keep_the_page(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Objects hold their own bytes: when the others are deleted, their memory is free."""
    listed = [f"c{n:02}" for n in range(30)]
    await cluster.create_many(CONFIGMAPS, listed, data={"blob": "x" * LARGE})
    tracemalloc.start()
    try:
        informer = await synced(factory, initial_list="consistent", storage="plain")
        assert held() > 30 * LARGE
        for name in listed[1:]:
            await cluster.delete(CONFIGMAPS, name)
        await assert_mirrors(informer, cluster)
        assert held() < 3 * LARGE
    finally:
        tracemalloc.stop()


def held() -> int:
    """Bytes that the library holds, the embedded server excluded."""
    gc.collect()
    ours = [
        tracemalloc.Filter(True, "*/aioinformer/*"),
        tracemalloc.Filter(False, "*/aioinformer/testing/*"),
    ]  # its own signature
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(ours).traces)


async def test_a_predicate_of_ones_own_filters_where_the_server_cannot(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """By any field: entering is an addition and leaving a removal, and the cache goes on holding everything."""
    await cluster.create(CONFIGMAPS, "in", data={"tier": "gold"})
    await cluster.create(CONFIGMAPS, "out", data={"tier": "tin"})
    informer = factory.core.v1.configmaps
    events = informer.events(where=lambda config: (config.get("data") or {}).get("tier") == "gold")
    async with asyncio.timeout(PATIENCE):
        assert [type(await anext(events)) for _ in range(2)] == [Added, Synced]
        await cluster.patch(CONFIGMAPS, "out", data={"tier": "gold"})
        await cluster.patch(CONFIGMAPS, "in", data={"tier": "tin"})
        entered, left = await anext(events), await anext(events)
    assert isinstance(entered, Added)
    assert isinstance(left, Deleted)
    assert [event.key for event in (entered, left)] == [f"{cluster.namespace}/out", f"{cluster.namespace}/in"]
    assert left.object["data"] == {"tier": "gold"}
    assert f"{cluster.namespace}/in" in informer
    assert informer.explain(f"{cluster.namespace}/in").subscriptions == ("its where= says no",)


async def test_batches_and_a_bound_that_is_an_error(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """What waits comes in one go; who must see every change gets what waited, and then the error."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    many, strict = informer.events(), informer.events(max_pending=2, overflow="error")
    names = [f"n{number}" for number in range(4)]
    await cluster.create_many(CONFIGMAPS, names)
    for name in names:
        await informer.wait_for(f"{cluster.namespace}/{name}", PATIENCE)
    async with asyncio.timeout(PATIENCE):
        first, *added = await anext(many.batches())
        assert isinstance(first, Synced)
        assert sorted(event.key for event in added if isinstance(event, Added)) == [
            f"{cluster.namespace}/{name}" for name in names
        ]
        assert [type(await anext(strict)) for _ in range(3)] == [Synced, Added, Added]
        with pytest.raises(SubscriptionLagged, match="more than 2 events waited"):
            await anext(strict)
    assert informer.subscriptions == (many,)
