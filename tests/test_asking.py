"""asking.py: what makes two who ask share one informer, and what a rescoped one is known as."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    APIResource,
    CacheSyncError,
    GroupVersionResource,
    InformerConflict,
    NotFound,
    SharedInformerFactory,
)
from aioinformer.asking import asked_for
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PATIENCE = 10.0


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer() as server:
        for namespace in ("default", "kube-system"):
            server.create("configmaps", {"metadata": {"name": "x", "namespace": namespace}})
        yield server


@pytest.fixture
async def factory(server: ApiServer) -> AsyncGenerator[SharedInformerFactory]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        yield factory


def test_order_and_repetition_of_namespaces_do_not_matter() -> None:
    factory = SharedInformerFactory()
    both = factory.informer("pods", namespace=["a", "b"])
    same: list[Any] = [["b", "a"], ("a", "b", "a"), {"a", "b"}, frozenset({"b", "a"})]
    assert all(factory.informer("pods", namespace=namespaces) is both for namespaces in same)
    assert factory.informer("pods", namespace=["a"]) is factory.informer("pods", namespace="a")
    assert len(factory.informers) == 2
    assert str(both.status.name) == "pods.v1 in a, b"


def test_several_namespaces_may_be_a_factorys_default() -> None:
    """Cluster-scoped resources do without."""
    factory = SharedInformerFactory(namespace=["b", "a"])
    assert factory.core.v1.pods.namespaces == ("a", "b")
    assert factory.core.v1.nodes.namespaces == ()


def test_defaults_are_overridden_by_none() -> None:
    spec = asked_for("pods", None, {"namespace": None}, {"namespace": ["a", "b"], "resync": 30})
    assert (spec.namespace, spec.resync, spec.namespace_is_default) == (None, 30, False)


async def test_several_namespaces_over_a_server(server: ApiServer, factory: SharedInformerFactory) -> None:
    """One watch each; access to these is all it takes."""
    server.on("configmaps").revoke("kube-public")
    informer = factory.informer("configmaps", namespace=["kube-system", "default", "kube-public"])
    await factory.wait_for_cache_sync(PATIENCE)
    assert {o.key for o in informer} == {"default/x", "kube-system/x"}
    assert list(informer.status.degraded) == ["kube-public"]
    assert server.open_watches("configmaps") == 2
    assert factory.healthy()


async def test_a_rescoped_informer_is_found_by_its_new_scope(factory: SharedInformerFactory) -> None:
    """Whoever asks for the former scope gets another one."""
    informer = factory.informer("configmaps", namespace="default")
    await informer.rescope(namespaces=["default", "kube-system"])
    assert factory.informer("configmaps", namespace=["kube-system", "default"]) is informer
    other = factory.informer("configmaps", namespace="default")
    assert other is not informer
    assert factory.informers == (informer, other)
    await factory.wait_for_cache_sync(PATIENCE)
    assert ({o.key for o in informer}, {o.key for o in other}) == ({"default/x", "kube-system/x"}, {"default/x"})


async def test_a_name_alone_is_of_the_namespace_that_it_is_rescoped_to(factory: SharedInformerFactory) -> None:
    """Also for a writer that was there before."""
    config_maps = factory.informer("configmaps", namespace="default")
    await config_maps.wait_for_cache_sync(timeout=PATIENCE)
    readers = (config_maps, config_maps.lister, config_maps.writing())
    await config_maps.rescope(namespaces="kube-system")
    for reader in readers:
        found = reader.get("x")
        assert found is not None
        assert found.key == "kube-system/x"


async def test_a_scope_that_another_informer_has_is_a_conflict(factory: SharedInformerFactory) -> None:
    """Neither of them changes; when the other one has been closed, its scope is free."""
    one, other = factory.informer("configmaps", namespace="default"), factory.core.v1.configmaps
    with pytest.raises(InformerConflict, match=r"there is an informer on configmaps\.v1 already: ask the factory"):
        await one.rescope(namespaces=None)
    assert one.namespace == "default"
    assert factory.informer("configmaps", namespace="default") is one
    await other.aclose()
    await one.rescope(namespaces=None)
    assert factory.core.v1.configmaps is one


async def test_rescoping_by_labels_over_a_server(server: ApiServer, factory: SharedInformerFactory) -> None:
    server.create("configmaps", {"metadata": {"name": "y", "namespace": "default", "labels": {"app": "y"}}})
    informer = factory.core.v1.configmaps
    await factory.wait_for_cache_sync(PATIENCE)
    await informer.rescope(label_selector={"app": "y"})
    assert {o.key for o in informer} == {"default/y"}
    server.create("configmaps", {"metadata": {"name": "z", "namespace": "default", "labels": {"app": "y"}}})
    server.create("configmaps", {"metadata": {"name": "no", "namespace": "default"}})
    await informer.wait_for("default/z", timeout=PATIENCE)
    await asyncio.gather(informer.rescope(label_selector=None), informer.rescope(namespaces="default"))
    assert {o.key for o in informer} == {"default/no", "default/x", "default/y", "default/z"}


async def test_a_cluster_scoped_resource_has_no_several_namespaces(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Where only the server can tell, its answer is explained."""
    gvr = GroupVersionResource("example.com", "v1", "things")
    server.register(APIResource(gvr, "Thing", namespaced=False))
    informer = factory.informer("things.v1.example.com", namespace=["a", "b"])
    with pytest.raises(CacheSyncError, match=r"things\.v1\.example\.com is cluster-scoped: leave namespace='a' out"):
        await informer.wait_for_cache_sync(PATIENCE)
    assert isinstance(informer.status.last_error, NotFound)
