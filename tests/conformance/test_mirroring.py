"""The cache is what the server has: through list, watch, cuts, compaction and concurrent writes."""

from __future__ import annotations

import asyncio
import random
from math import inf
from typing import TYPE_CHECKING

import msgspec
import pytest

from aioinformer import Added, Deleted, SharedInformerFactory, Synced, Updated
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.conftest import Embedded
from tests.conformance.mirrors import PATIENCE, assert_mirrors, touch

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

    from aioinformer import InformerOptions
    from aioinformer.listwatch import InitialList
    from tests.conformance.middleman import Kind, Middleman


@pytest.mark.parametrize("initial_list", ["stream", "consistent", "cached"])
async def test_list_then_watch_has_no_gap_under_concurrent_writes(
    cluster: Cluster, client: ApiClient, initial_list: InitialList
) -> None:
    """Whatever is written while an informer starts is in its cache at the end, once, and replayed in order."""
    dice = random.Random(7)
    names = [f"c{i}" for i in range(12)]
    started = asyncio.Event()

    async def write() -> None:
        alive: set[str] = set()
        for step in range(150):
            name = dice.choice(names)
            if name not in alive:
                await cluster.create(CONFIGMAPS, name, data={"step": str(step)})
                alive.add(name)
            elif dice.random() < 0.3:
                await cluster.delete(CONFIGMAPS, name)
                alive.remove(name)
            else:
                await cluster.patch(CONFIGMAPS, name, data={"step": str(step)})
            if step == 20:
                started.set()

    writer = asyncio.create_task(write())
    await started.wait()
    async with SharedInformerFactory(client, namespace=cluster.namespace, initial_list=initial_list) as factory:
        informer = factory.core.v1.configmaps
        events = informer.events()
        await factory.wait_for_cache_sync(timeout=PATIENCE)
        await writer
        await assert_mirrors(informer, cluster)
        state: dict[str, str] = {}
        while events.pending:
            match await anext(events):
                case Added(object=new):
                    assert new.key not in state
                    state[new.key] = new.resource_version
                case Updated(old=old, object=new):
                    assert state[new.key] == old.resource_version
                    assert int(new.resource_version) > int(old.resource_version)
                    state[new.key] = new.resource_version
                case Deleted(object=gone):
                    del state[gone.key]
                case _:
                    pass
        assert state == {o.key: o.resource_version for o in informer}


async def test_every_event_type_reaches_the_subscriber(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """ADDED, MODIFIED and DELETED come as Added, Updated and Deleted, after the replay and Synced."""
    await cluster.create(CONFIGMAPS, "before", data={"a": "1"})
    events = factory.core.v1.configmaps.events()
    async with asyncio.timeout(PATIENCE):
        initial = await anext(events)
        assert isinstance(initial, Added)
        assert (initial.key, initial.initial) == (f"{cluster.namespace}/before", True)
        assert isinstance(await anext(events), Synced)
        await cluster.create(CONFIGMAPS, "live", data={"a": "1"})
        added = await anext(events)
        assert isinstance(added, Added)
        assert not added.initial
        await cluster.patch(CONFIGMAPS, "live", data={"a": "2"})
        updated = await anext(events)
        assert isinstance(updated, Updated)
        assert (updated.old["data"], updated.object["data"]) == ({"a": "1"}, {"a": "2"})
        await cluster.delete(CONFIGMAPS, "live")
        deleted = await anext(events)
        assert isinstance(deleted, Deleted)
        assert (deleted.key, deleted.final_state_known) == (f"{cluster.namespace}/live", True)
        assert deleted.object["data"] == {"a": "2"}


async def test_a_cut_connection_resumes_without_a_relist(cluster: Cluster) -> None:
    """After the connection breaks, the watch resumes from the last version: what happened meanwhile comes as events."""
    await cluster.create(CONFIGMAPS, "stays")
    await cluster.create(CONFIGMAPS, "goes")
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.core.v1.configmaps
            await informer.wait_for_cache_sync(PATIENCE)
            events = informer.events(replay=False)
            wire.refusing = True
            wire.cut()
            await cluster.delete(CONFIGMAPS, "goes")
            await cluster.create(CONFIGMAPS, "comes")
            wire.refusing = False
            async with asyncio.timeout(PATIENCE):
                assert isinstance(await anext(events), Synced)
                deleted, added = await anext(events), await anext(events)
            assert isinstance(deleted, Deleted)
            assert deleted.final_state_known
            assert isinstance(added, Added)
            assert informer.status.restarts == 0
            await assert_mirrors(informer, cluster)


async def test_compacted_history_costs_a_relist_that_finds_the_deletes(cluster: Cluster) -> None:
    """When the version is gone, a new snapshot is compared with the cache: only what differs comes as events."""
    await cluster.create(CONFIGMAPS, "unchanged")
    await cluster.create(CONFIGMAPS, "goes", data={"last": "known"})
    await cluster.create(CONFIGMAPS, "changes", data={"a": "1"})
    await cluster.create(CONFIGMAPS, "reborn", data={"life": "1"})
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.core.v1.configmaps
            await informer.wait_for_cache_sync(PATIENCE)
            events = informer.events(replay=False)
            assert isinstance(await anext(events), Synced)
            wire.refusing = True
            wire.cut()
            await cluster.delete(CONFIGMAPS, "goes")
            await cluster.delete(CONFIGMAPS, "reborn")
            await cluster.create(CONFIGMAPS, "reborn", data={"life": "2"})
            await cluster.patch(CONFIGMAPS, "changes", data={"a": "2"})
            await cluster.backend.expire_history()
            wire.refusing = False
            async with asyncio.timeout(PATIENCE):
                seen = [await anext(events) for _ in range(4)]
            deletes = {e.key.rpartition("/")[2]: e for e in seen if isinstance(e, Deleted)}
            assert set(deletes) == {"goes", "reborn"}
            assert not any(e.final_state_known for e in deletes.values())
            assert deletes["goes"].object["data"] == {"last": "known"}
            (update,) = [e for e in seen if isinstance(e, Updated)]
            assert update.object["data"] == {"a": "2"}
            (add,) = [e for e in seen if isinstance(e, Added)]
            assert add.object["data"] == {"life": "2"}
            assert informer.status.restarts >= 1
            await assert_mirrors(informer, cluster)


@pytest.mark.parametrize("count", [0, 499, 500, 501, 1001])
async def test_pages_of_any_number_of_objects(cluster: Cluster, count: int) -> None:
    """Paged lists hold every object once at and around the page size, and an empty list syncs."""
    await cluster.create_many(CONFIGMAPS, [f"c{i:04}" for i in range(count)])
    options: InformerOptions = {"initial_list": "consistent", "namespace": cluster.namespace}
    async with cluster.client() as client, SharedInformerFactory(client) as factory:
        informer = factory.informer("configmaps", **options)
        await informer.wait_for_cache_sync(PATIENCE)
        assert len([o for o in informer if o.name.startswith("c")]) == count
        await assert_mirrors(informer, cluster)


async def test_a_large_object_comes_through_whole(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """An object near etcd's limit arrives by watch and by list, byte for byte."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    await cluster.create(CONFIGMAPS, "large", data={"blob": "é\u2028" * 60_000})
    large = await informer.wait_for(f"{cluster.namespace}/large", PATIENCE)
    assert large["data"]["blob"] == "é\u2028" * 60_000
    assert msgspec.json.decode(large.to_json()) == large.to_dict()
    await assert_mirrors(informer, cluster)


async def test_a_bookmark_moves_the_version_of_a_quiet_informer(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Without an event of its own an informer gets on: bookmarks carry it past what was written elsewhere."""
    kinds: tuple[Kind, ...] = ("stream", "watch")
    for kind in kinds:  # kube-apiserver sends one a minute, and two seconds before the end of a watch
        middleman.rewrite(kind, {"timeoutSeconds": "4"}, times=inf)
    informer = through.informer("leases", label_selector="nothing=matches")
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    written = await touch(cluster)
    if isinstance(cluster.backend, Embedded):
        cluster.backend.server.send_bookmarks()
    await informer.wait_for_version(written, timeout=2 * PATIENCE)
    assert isinstance(await anext(events), Synced)
    assert (events.pending, len(informer), informer.status.restarts) == (0, 0, 0)
