"""What dask-gateway's controller needs of its informers and its queue, met by the example."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import SharedInformerFactory
from aioinformer.resource import APIResource, GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aioinformer import KubeObject
    from aioinformer.testing import ApiServer

PATIENCE = 10.0
CLUSTERS = APIResource(
    GroupVersionResource("gateway.dask.org", "v1alpha1", "daskclusters"), "DaskCluster", namespaced=True
)


class Gateway:
    """Records the turns it is asked for; ``again`` and ``raises`` say how the next ones end."""

    def __init__(self) -> None:
        self.turns: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()
        self.proceed = asyncio.Event()
        self.proceed.set()
        self.raises = 0
        self.active = 0
        self.most_active = 0

    async def reconcile(self, caches: Any, cluster: KubeObject) -> bool:
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        self.turns.put_nowait((cluster.key, [pod.name for pod in caches.pods.by_index("cluster", cluster.key)]))
        try:
            await self.proceed.wait()
            if self.raises:
                self.raises -= 1
                raise OSError("not this time")
        finally:
            self.active -= 1
        return False

    async def until(self, key: str, *pods: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.turns.get() != (key, list(pods)):
                pass


@asynccontextmanager
async def running(module: Any, server: ApiServer, gateway: Gateway) -> AsyncIterator[Any]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        caches = module.Caches.of(factory)
        await factory.wait_for_cache_sync(timeout=PATIENCE)
        controller = module.Controller(caches, gateway.reconcile)
        task = asyncio.create_task(controller.run())
        try:
            yield controller
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
def module(load_example: Callable[[str], Any], server: ApiServer) -> Any:
    server.register(CLUSTERS)
    return load_example("dask_gateway_controller")


def create_pod(server: ApiServer, name: str, cluster: str = "one") -> None:
    server.create("pods", {"metadata": {"name": name, "labels": {"gateway.dask.org/cluster": cluster}}})


async def test_a_cluster_is_reconciled_when_it_or_one_of_its_pods_changes(server: ApiServer, module: Any) -> None:
    server.create("daskclusters", {"metadata": {"name": "one"}})
    gateway = Gateway()
    async with running(module, server, gateway):
        await gateway.until("default/one")
        create_pod(server, "scheduler")
        await gateway.until("default/one", "scheduler")
        server.delete("pods", "scheduler")
        await gateway.until("default/one")


async def test_what_changes_during_a_turn_is_one_more_turn_and_never_two_at_once(
    server: ApiServer, module: Any
) -> None:
    server.create("daskclusters", {"metadata": {"name": "one"}})
    gateway = Gateway()
    gateway.proceed.clear()
    async with running(module, server, gateway) as controller:
        await gateway.until("default/one")
        for number in range(5):
            create_pod(server, f"worker-{number}")
        await controller._caches.pods.wait_for("default/worker-4", PATIENCE)
        gateway.proceed.set()
        await gateway.until("default/one", *(f"worker-{number}" for number in range(5)))
    assert gateway.turns.empty()
    assert gateway.most_active == 1


async def test_a_turn_that_fails_is_repeated_though_nothing_changes(
    server: ApiServer, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.0001)
    server.create("daskclusters", {"metadata": {"name": "one"}})
    gateway = Gateway()
    gateway.raises = 2
    async with running(module, server, gateway):
        for _ in range(3):
            await gateway.until("default/one")


async def test_a_cluster_that_goes_takes_its_task_along_and_one_that_comes_back_gets_another(
    server: ApiServer, module: Any
) -> None:
    server.create("daskclusters", {"metadata": {"name": "one"}})
    gateway = Gateway()
    async with running(module, server, gateway) as controller:
        await gateway.until("default/one")
        with server.refuse():
            server.delete("daskclusters", "one")
            server.compact()
        server.create("daskclusters", {"metadata": {"name": "two"}})
        await gateway.until("default/two")
        assert list(controller._changed) == ["default/two"]
        server.create("daskclusters", {"metadata": {"name": "one"}})
        await gateway.until("default/one")


async def test_pods_of_no_known_cluster_are_nobodys(server: ApiServer, module: Any) -> None:
    create_pod(server, "stray", "other")
    server.create("daskclusters", {"metadata": {"name": "one"}})
    gateway = Gateway()
    async with running(module, server, gateway) as controller:
        await gateway.until("default/one")
        assert list(controller._changed) == ["default/one"]
