"""factory.py: the health of all informers, and what ends one of them, over the embedded API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import CacheSyncError, InformerClosed, InvalidOption, ObjectRejected, SharedInformerFactory
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kubernetes_asyncio.client import ApiClient

PATIENCE = 10.0


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def client(server: ApiServer) -> AsyncGenerator[ApiClient]:
    async with server.api_client() as client:
        yield client


async def test_a_factory_is_healthy_when_all_its_informers_are(server: ApiServer, client: ApiClient) -> None:
    """Idle, syncing, live, denied, ended: each is said, and a defect besides, though the others go on."""
    factory = SharedInformerFactory(client)
    pods = factory.core.v1.pods
    assert str(factory.healthy()) == "the factory is idle"
    async with factory:
        assert "pods.v1 is syncing" in str(factory.healthy())
        await factory.wait_for_cache_sync(PATIENCE)
        assert factory.healthy(max_staleness=90)
        server.on("secrets").revoke()
        secrets = factory.core.v1.secrets
        with pytest.raises(CacheSyncError):
            await secrets.wait_for_cache_sync(PATIENCE)
        assert set(factory.healthy().problems) == {"secrets.v1"}
        await secrets.aclose()
        assert factory.healthy()
        with pytest.raises(InvalidOption, match="max_staleness"):
            factory.healthy(max_staleness=0)
        assert pods.status.ready
    assert str(factory.healthy()) == "the factory is ended"


async def test_a_strict_informer_that_stops_is_told_and_the_others_go_on(server: ApiServer, client: ApiClient) -> None:
    """It stays among the informers, as a defect that only a restart mends."""
    server.create("pods", {"metadata": {"name": "bad", "namespace": "default"}})
    async with SharedInformerFactory(client) as factory:
        namespaces = factory.core.v1.namespaces
        pods = factory.informer("pods", strict=True, indexers={"node": lambda pod: pod["no such field"]})
        with pytest.raises(ObjectRejected, match="default/bad of version"):
            await pods.wait_for_cache_sync(PATIENCE)
        await namespaces.wait_for_cache_sync(PATIENCE)
        health = factory.healthy()
        assert (set(health.problems), set(health.defects)) == ({"pods.v1"}, {"pods.v1"})
        assert namespaces.status.ready


async def test_an_audit_ends_with_its_factory(server: ApiServer, client: ApiClient) -> None:
    """Leaving while the server is silent takes no time."""
    async with SharedInformerFactory(client) as factory:
        pods = factory.core.v1.pods
        await pods.wait_for_cache_sync(PATIENCE)
        server.on("pods").stall(new_requests=True)
        audit = asyncio.create_task(pods.audit())
        await server.wait_for_requests(1, "pods", verb="list")
        leaving = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - leaving < 1
    with pytest.raises(InformerClosed):
        await audit


async def test_the_status_of_a_factory_is_that_of_its_informers(server: ApiServer, client: ApiClient) -> None:
    """A snapshot, which stays as it was taken."""
    server.create("pods", {"metadata": {"name": "a", "namespace": "default"}})
    factory = SharedInformerFactory(client)
    pods, nodes = factory.core.v1.pods, factory.core.v1.nodes
    idle = factory.status
    assert (idle.state, idle.objects, idle.ready) == ("idle", 0, False)
    async with factory:
        await factory.wait_for_cache_sync(PATIENCE)
        running = factory.status
        assert [status.name for status in running.informers] == [pods.status.name, nodes.status.name]
        assert (running.state, running.objects, running.ready) == ("running", 1, True)
        assert running.explain().splitlines()[:2] == [
            "the factory is running, 2 informers, 1 objects",
            "pods.v1 is live, 1 objects",
        ]
    assert (factory.status.state, running.ready, idle.informers[0].synced) == ("ended", True, False)


async def test_caches_are_read_together_at_a_version(server: ApiServer, client: ApiClient) -> None:
    """Informers of this factory only, and one at least."""
    async with SharedInformerFactory(client) as factory, SharedInformerFactory(client) as other:
        pods, secrets = factory.core.v1.pods, factory.core.v1.secrets
        await factory.wait_for_cache_sync(PATIENCE)
        server.create("pods", {"metadata": {"name": "a", "namespace": "default"}})
        made = server.create("secrets", {"metadata": {"name": "b", "namespace": "default"}})
        server.on("pods").send_bookmarks()
        await factory.consistent(pods, secrets, at_least=made["metadata"]["resourceVersion"], timeout=PATIENCE)
        assert ("default/a" in pods, "default/b" in secrets) == (True, True)
        with pytest.raises(InvalidOption, match=r"of this factory, not <Informer nodes\.v1"):
            await factory.consistent(pods, other.core.v1.nodes, at_least="1")
        with pytest.raises(InvalidOption, match="of this factory, not none"):
            await factory.consistent(at_least="1")
