"""What the server refuses comes out as a typed error that says what to do, and never as a hang."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import (
    BadRequest,
    CacheSyncError,
    CacheSyncTimeout,
    Forbidden,
    InformerState,
    NetworkError,
    NotFound,
    SharedInformerFactory,
    Unauthorized,
    UnknownResource,
)
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.conftest import Embedded, Real

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

PATIENCE = 30.0


async def test_forbidden_fails_the_sync_at_once(cluster: Cluster) -> None:
    """403: CacheSyncError names the informer and carries the server's words; the informer goes on trying."""
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
        with pytest.raises(CacheSyncError, match=r"cannot (list|watch) resource|forbidden") as failure:
            await informer.wait_for_cache_sync(PATIENCE)
        (error,) = failure.value.errors.values()
        assert isinstance(error, Forbidden)
        assert informer.status.state is InformerState.DENIED
        assert informer.status.next_retry


async def test_bad_credentials_fail_the_sync_at_once(cluster: Cluster) -> None:
    """401 is told at once, not retried in silence."""
    async with cluster.client(token="wrong") as client, SharedInformerFactory(client) as factory:
        with pytest.raises(CacheSyncError) as failure:
            await factory.informer("secrets", namespace=cluster.namespace).wait_for_cache_sync(PATIENCE)
        assert isinstance(failure.value.__cause__, Unauthorized)


@pytest.mark.parametrize(
    ("resource", "error"), [("gizmos.v1.example.com", NotFound), ("gizmos.example.com", UnknownResource)]
)
async def test_a_resource_that_is_not_served(
    factory: SharedInformerFactory, resource: str, error: type[Exception]
) -> None:
    """404, or a name that discovery does not know: the factory's wait says which informer and why."""
    factory.informer(resource)
    with pytest.raises(CacheSyncError, match=resource) as failure:
        await factory.wait_for_cache_sync(PATIENCE)
    assert isinstance(failure.value.errors.popitem()[1], error)


async def test_a_misspelt_name_gets_a_suggestion(factory: SharedInformerFactory) -> None:
    """A name close to a served one is answered with that one."""
    factory.informer("deploymens")
    with pytest.raises(CacheSyncError, match="did you mean deployments"):
        await factory.wait_for_cache_sync(PATIENCE)


async def test_an_unsupported_field_selector_is_told(factory: SharedInformerFactory) -> None:
    """400: the server's own explanation reaches the caller."""
    factory.informer("configmaps", field_selector="data.nonsense=1")
    with pytest.raises(CacheSyncError, match=r"not supported|not a known field selector") as failure:
        await factory.wait_for_cache_sync(PATIENCE)
    assert isinstance(failure.value.__cause__, BadRequest)


async def test_an_unreachable_server_times_out_with_the_reason(cluster: Cluster) -> None:
    """Refused connections are retried; the time-out says so, and the sync succeeds once the server is there."""
    async with cluster.wire() as wire, cluster.client(wire=wire) as client:
        wire.refusing = True
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            informer = factory.core.v1.configmaps
            with pytest.raises(CacheSyncTimeout, match="no answer from") as failure:
                await factory.wait_for_cache_sync(0.5)
            assert isinstance(failure.value, TimeoutError)
            assert isinstance(failure.value.errors.popitem()[1], NetworkError)
            wire.refusing = False
            await informer.wait_for_cache_sync(PATIENCE)


async def test_leaving_the_factory_ends_every_watch(cluster: Cluster, client: ApiClient) -> None:
    """After async with, the server has no watch of ours left, and waiting consumers are released."""
    before = await cluster.backend.open_watches(cluster, CONFIGMAPS)
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        informer = factory.core.v1.configmaps
        await informer.wait_for_cache_sync(PATIENCE)
        events = informer.events(replay=False)
        consumer = asyncio.create_task(_count(events))
    assert await asyncio.wait_for(consumer, PATIENCE) == 1

    async def is_gone() -> bool:
        return await cluster.backend.open_watches(cluster, CONFIGMAPS) == before

    await cluster.until(is_gone)


async def _count(events: object) -> int:
    return len([event async for event in events])  # type: ignore[attr-defined]
