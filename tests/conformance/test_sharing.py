"""One watch per resource for any number of consumers, and any number of informers per client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aioinformer import Added, Resynced, SharedInformerFactory, Synced
from tests.conformance.cluster import CONFIGMAPS, Cluster

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

    from aioinformer import KubeObject, Subscription

PATIENCE = 30.0


async def keys_until_synced(events: Subscription[KubeObject]) -> list[str]:
    """What a subscription replays."""
    keys: list[str] = []
    async for event in events:
        if isinstance(event, Synced):
            break
        assert isinstance(event, Added)
        keys.append(event.object.name)
    return keys


async def test_two_consumers_share_one_watch(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """However many subscribe, by whatever name they ask, the server has one watch more than before."""
    await cluster.create(CONFIGMAPS, "one")
    before = await cluster.backend.open_watches(cluster, CONFIGMAPS)
    first = factory.core.v1.configmaps
    assert factory.informer("cm") is first
    assert factory.informer("configmaps.v1") is first
    await factory.wait_for_cache_sync(PATIENCE)
    early, late = first.events(), first.events()
    async with asyncio.timeout(PATIENCE):
        assert await keys_until_synced(early) == ["one"]
        await cluster.create(CONFIGMAPS, "two")
        added = await anext(early)
        assert isinstance(added, Added)
        assert await keys_until_synced(late) == ["one"]
        again = await anext(late)
        assert isinstance(again, Added)
        assert (added.key, again.key) == (f"{cluster.namespace}/two",) * 2
        assert added.object is not again.object
    assert await cluster.backend.open_watches(cluster, CONFIGMAPS) == before + 1


async def test_a_closed_informer_is_made_anew_while_others_go_on(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Closing ends one watch and its subscriptions; asking again gives a fresh informer that syncs."""
    await cluster.create(CONFIGMAPS, "one")
    old, other = factory.core.v1.configmaps, factory.core.v1.services
    await factory.wait_for_cache_sync(PATIENCE)
    events = old.events(replay=False)
    await old.aclose()
    assert [type(event) async for event in events] == [Synced]
    fresh = factory.core.v1.configmaps
    assert fresh is not old
    await fresh.wait_for_cache_sync(PATIENCE)
    assert [o.name for o in fresh] == ["one"]
    assert other.status.state == "live"


async def test_a_lease_ends_its_watch_with_the_last_user(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """Two who use it share one watch; when both have left the server has none of it."""
    await cluster.create(CONFIGMAPS, "one")
    before = await cluster.backend.open_watches(cluster, CONFIGMAPS)
    async with factory.lease("configmaps", linger=0) as leased:
        async with factory.lease("configmaps", linger=0) as same:
            assert same is leased
            await leased.wait_for_cache_sync(PATIENCE)
        assert [o.name for o in leased] == ["one"]
        assert await cluster.backend.open_watches(cluster, CONFIGMAPS) == before + 1
    await cluster.until(lambda: _watches_are(cluster, before))
    assert leased.is_stopped


async def test_three_hundred_informers_on_one_client(cluster: Cluster, client: ApiClient) -> None:
    """No watch queues behind a connection limit: all sync, and all hear of a change."""
    before = await cluster.backend.open_watches(cluster, CONFIGMAPS)
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        informers = [factory.informer("configmaps", label_selector=f"n notin (x{i})") for i in range(300)]
        await factory.wait_for_cache_sync(PATIENCE)
        await cluster.create(CONFIGMAPS, "seen-by-all", labels={"n": "y"})
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(i.wait_for(f"{cluster.namespace}/seen-by-all") for i in informers))
        assert await cluster.backend.open_watches(cluster, CONFIGMAPS) == before + 300
    await cluster.until(lambda: _watches_are(cluster, before))


async def _watches_are(cluster: Cluster, count: int) -> bool:
    return await cluster.backend.open_watches(cluster, CONFIGMAPS) == count


async def test_each_subscription_resyncs_on_its_own_period(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """Resynced comes for every object, again and again, to those who asked; the others hear nothing."""
    await cluster.create_many(CONFIGMAPS, ["a", "b"])
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    resynced, quiet = informer.events(replay=False, resync=0.05), informer.events(replay=False)
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await anext(resynced), Synced)
        rounds = [await anext(resynced) for _ in range(6)]
    assert all(isinstance(event, Resynced) for event in rounds)
    assert [event.object.name for event in rounds if isinstance(event, Resynced)] == ["a", "b"] * 3
    assert isinstance(await anext(quiet), Synced)
    assert quiet.pending == 0
