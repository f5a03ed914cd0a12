"""Health: what a reconnect leaves alone, and what it does not, over real connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from aioinformer import CacheSyncError, InformerState, SharedInformerFactory
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.conftest import Embedded, Real
from tests.conformance.mirrors import PATIENCE, touch

if TYPE_CHECKING:
    from aioinformer.health import FactoryHealth


async def _observe(factory: SharedInformerFactory, seen: list[FactoryHealth]) -> None:
    """Look at every turn of the loop."""
    while True:
        health = factory.healthy()
        if not health:
            seen.append(health)
        await asyncio.sleep(0)


@pytest.mark.parametrize("happening", ["cut", "expired history"])
async def test_a_reconnect_is_healthy_in_every_turn_of_the_loop(cluster: Cluster, happening: str) -> None:
    """Connections that break, and a relist because history is forgotten."""
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.informer("configmaps")
            await factory.wait_for_cache_sync(PATIENCE)
            unfit: list[FactoryHealth] = []
            observer = asyncio.create_task(_observe(factory, unfit))
            if happening == "cut":
                for _ in range(3):
                    wire.cut()
                    await informer.wait_for_version(await touch(cluster), timeout=PATIENCE)
            else:
                await cluster.backend.expire_history()
                await informer.wait_for_version(await touch(cluster), timeout=PATIENCE)
            observer.cancel()
            with suppress(asyncio.CancelledError):
                await observer
            assert unfit == []
            assert informer.status.state is InformerState.LIVE


async def test_states_follow_a_reconnect(cluster: Cluster) -> None:
    """Live, resuming, live, and stopped at the end."""
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.informer("configmaps")
            await factory.wait_for_cache_sync(PATIENCE)
            states = informer.states()
            assert await anext(states) == "live"
            wire.cut()
            async with asyncio.timeout(PATIENCE):
                assert await anext(states) == "resuming"
                await informer.wait_for_version(await touch(cluster))
                assert await anext(states) == "live"
        assert [str(state) async for state in states] == ["stopped"]


async def test_no_access_is_not_healthy_and_says_so(cluster: Cluster) -> None:
    """403 in the server's words."""
    token = None
    match cluster.backend:
        case Embedded(server=server):
            server.on("secrets").revoke()
        case Real(plane=plane) if plane is not None:
            token = plane.powerless_token
        case _:
            pytest.skip("a cluster named by AIOINFORMER_KUBECONFIG has no user without rights that we know")
    async with cluster.client(token=token) as client, SharedInformerFactory(client) as factory:
        informer = factory.informer("secrets", namespace=cluster.namespace)
        with pytest.raises(CacheSyncError):
            await informer.wait_for_cache_sync(PATIENCE)
        health = factory.healthy()
        assert not health
        assert "is denied" in str(health)
        assert not health.defects


async def test_an_informer_that_was_closed_is_nobodys_problem(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """Health is about those that are wanted."""
    first, second = factory.informer(CONFIGMAPS), factory.informer("serviceaccounts")
    await factory.wait_for_cache_sync(PATIENCE)
    assert factory.healthy(max_staleness=90)
    await first.aclose()
    assert factory.healthy()
    assert second.status.ready
