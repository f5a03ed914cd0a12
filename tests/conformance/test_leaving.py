"""Leaving the factory in real time, from a real server: what `tests/catalogue/test_leaving.py` shows on a virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from aioinformer import Added, InformerClosed, SharedInformerFactory, Synced
from tests.conformance.cluster import CONFIGMAPS, Cluster, Wire
from tests.conformance.mirrors import PATIENCE, assert_mirrors


async def arrange(moment: str, wire: Wire, factory: SharedInformerFactory) -> None:
    """Bring the factory's informer into this situation."""
    informer = factory.core.v1.configmaps
    if moment == "an answer":
        wire.stall()
        while not wire.accepted:  # noqa: ASYNC110  # a socket's doing: nothing rings
            await asyncio.sleep(0)
        return
    await informer.wait_for_cache_sync(PATIENCE)
    if moment == "a stalled watch":
        wire.stall()
    elif moment == "the backoff":
        wire.refusing = True
        wire.cut()
        while not informer.status.attempts:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)


@pytest.mark.parametrize("moment", ["an answer", "events", "a stalled watch", "the backoff"])
async def test_leaving_takes_no_time_while_it_waits_for(cluster: Cluster, moment: str) -> None:
    """Well under a second, whatever it was waiting for; waiters and consumers are released, and no task is left."""
    loop = asyncio.get_running_loop()
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        before = asyncio.all_tasks()
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            await arrange(moment, wire, factory)
            (informer,) = factory.informers
            waiting = asyncio.create_task(informer.wait_for(f"{cluster.namespace}/never"))
            await asyncio.sleep(0)
            leaving = loop.time()
        assert loop.time() - leaving < 1.0
        with pytest.raises(InformerClosed):
            await waiting
        assert {task for task in asyncio.all_tasks() - before if "factory" in task.get_name()} == set()


async def test_a_factory_on_the_same_client_starts_afresh(cluster: Cluster) -> None:
    """After one factory has ended another takes over, and sees what happened between the two."""
    async with cluster.client() as client:
        await cluster.create(CONFIGMAPS, "before")
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            await factory.core.v1.configmaps.wait_for_cache_sync(PATIENCE)
        await cluster.delete(CONFIGMAPS, "before")
        await cluster.create(CONFIGMAPS, "between")
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.core.v1.configmaps
            events = informer.events()
            async with asyncio.timeout(PATIENCE):
                added, synced = await anext(events), await anext(events)
            assert isinstance(added, Added)
            assert added.object.name == "between"
            assert isinstance(synced, Synced)
            await assert_mirrors(informer, cluster)
