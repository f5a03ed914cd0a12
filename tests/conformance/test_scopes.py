"""Several namespaces as one view, and scopes that change while an informer runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from aioinformer import Added, Deleted, Forbidden, InformerState, SharedInformerFactory, Synced
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.conftest import Embedded, Real

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kubernetes_asyncio.client import ApiClient

PATIENCE = 30.0
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
async def other(cluster: Cluster) -> AsyncGenerator[str]:
    """A second namespace."""
    name = f"{cluster.namespace}-other"
    await cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    await cluster.request("DELETE", f"/api/v1/namespaces/{name}")


async def put(cluster: Cluster, namespace: str, name: str, **labels: str) -> None:
    """A ConfigMap in a namespace of choice."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await cluster.request("POST", path, {"metadata": {"name": name, "labels": labels}})


@asynccontextmanager
async def reader_of(cluster: Cluster, namespace: str, but_not: str) -> AsyncGenerator[ApiClient]:
    """A client that may read ConfigMaps in one namespace and not in another."""
    token = None
    match cluster.backend:
        case Embedded(server=server):
            server.on(CONFIGMAPS).revoke(but_not)
        case Real(plane=plane) if plane is not None:
            token = plane.powerless_token
            await grant(cluster, namespace)
        case _:
            pytest.skip("a cluster named by AIOINFORMER_KUBECONFIG has no user without rights that we know")
    async with cluster.client(token=token) as client:
        yield client


async def grant(cluster: Cluster, namespace: str) -> None:
    """Let the user without rights read ConfigMaps there, and return when that counts."""
    where = f"{RBAC}/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}
    await cluster.request("POST", f"{where}/roles", {"metadata": {"name": "reader"}, "rules": [rule]})
    subject = {"kind": "User", "name": "powerless", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "reader"}, "subjects": [subject], "roleRef": role}
    await cluster.request("POST", f"{where}/rolebindings", binding)
    attributes = {"verb": "watch", "resource": "configmaps", "namespace": namespace}

    async def allowed() -> bool:
        review = {"spec": {"user": "powerless", "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return (await cluster.request("POST", path, review))["status"].get("allowed") is True

    await cluster.until(allowed)


async def test_several_namespaces_are_one_view(cluster: Cluster, client: ApiClient, other: str) -> None:
    """One replay, one Synced, then what changes in either; and no more than these two are watched."""
    await put(cluster, cluster.namespace, "one")
    await put(cluster, other, "two")
    async with SharedInformerFactory(client) as factory, asyncio.timeout(PATIENCE):
        informer = factory.informer("configmaps", namespace=[other, cluster.namespace], label_selector="!kube")
        await factory.wait_for_cache_sync()
        events = informer.events()
        replayed: set[str] = set()
        async for event in events:
            if isinstance(event, Synced):
                break
            replayed.add(event.key)
        assert {f"{cluster.namespace}/one", f"{other}/two"} <= replayed
        await put(cluster, other, "three")
        added = await anext(events)
        assert isinstance(added, Added)
        assert added.key == f"{other}/three"
        await informer.wait_for_version(added.object.resource_version, namespace=other)


async def test_a_namespace_without_the_right_to_it_degrades_itself_alone(cluster: Cluster, other: str) -> None:
    """The other one syncs and stays live; the status says which is denied, in the server's words."""
    await put(cluster, cluster.namespace, "one")
    async with (
        reader_of(cluster, cluster.namespace, but_not=other) as client,
        SharedInformerFactory(client) as factory,
        asyncio.timeout(PATIENCE),
    ):
        informer = factory.informer("configmaps", namespace=[cluster.namespace, other])
        await factory.wait_for_cache_sync()
        status = informer.status
        assert (status.state, status.ready, list(status.degraded)) == (InformerState.DEGRADED, True, [other])
        assert isinstance(status.namespaces[other].last_error, Forbidden)
        assert status.namespaces[cluster.namespace].state is InformerState.LIVE
        await put(cluster, cluster.namespace, "live")
        await informer.wait_for(f"{cluster.namespace}/live")


async def test_a_scope_changes_by_relist_and_difference(
    cluster: Cluster, factory: SharedInformerFactory, other: str
) -> None:
    """Labels, then namespaces: leavers come as Deleted, newcomers as Added, what stays not at all, and the watch goes on."""
    await put(cluster, cluster.namespace, "red", colour="red")
    await put(cluster, cluster.namespace, "blue", colour="blue")
    await put(cluster, other, "red", colour="red")
    async with asyncio.timeout(PATIENCE):
        informer = factory.informer("configmaps", label_selector="colour")
        await informer.wait_for_cache_sync()
        events = informer.events(replay=False)
        assert isinstance(await anext(events), Synced)
        await informer.rescope(label_selector="colour=red")
        gone = await anext(events)
        assert isinstance(gone, Deleted)
        assert (gone.key, gone.final_state_known) == (f"{cluster.namespace}/blue", False)
        await informer.rescope(namespaces=[cluster.namespace, other])
        assert [(type(e), e.key) for e in [await anext(events)] if not isinstance(e, Synced)] == [
            (Added, f"{other}/red")
        ]
        await put(cluster, cluster.namespace, "redder", colour="red")
        assert (await informer.wait_for(f"{cluster.namespace}/redder")).labels == {"colour": "red"}
        await informer.rescope(namespaces=other)
        assert {o.key for o in informer} == {f"{other}/red"}
