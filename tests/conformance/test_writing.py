"""Reading one's own writes, whatever the server takes to bring them back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_asyncio.client import CoreV1Api, V1ConfigMap, V1ObjectMeta

from aioinformer import Deleted, SharedInformerFactory, Updated, indexers
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.mirrors import PATIENCE

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient


async def test_a_writer_never_reads_what_is_older_than_its_own_write(
    cluster: Cluster, client: ApiClient, factory: SharedInformerFactory
) -> None:
    """Creates, updates and deletes by the client's models, each read back at once; others see them when they are settled."""
    core = CoreV1Api(client)
    informer = factory.informer("configmaps", indexers={"app": indexers.label("app")}, label_selector="app")
    await informer.wait_for_cache_sync(PATIENCE)
    mine = informer.writing()
    labels = {"app": "web"}
    for i in range(20):
        metadata = V1ObjectMeta(name=f"c{i}", labels=labels)
        mine.wrote(await core.create_namespaced_config_map(cluster.namespace, V1ConfigMap(metadata=metadata)))
        assert len(mine.by_index("app", "web")) == i + 1
    for i in range(20):
        patched = await core.patch_namespaced_config_map(f"c{i}", cluster.namespace, {"data": {"i": str(i)}})
        mine.wrote(patched)
        found = mine.get(f"c{i}", cluster.namespace)
        assert found is not None
        assert found["data"] == {"i": str(i)}
    for i in range(20):
        await core.delete_namespaced_config_map(f"c{i}", cluster.namespace)
        mine.deleted(f"{cluster.namespace}/c{i}")
        assert len(mine.list(label_selector=labels)) == 19 - i
    await mine.settled(PATIENCE)
    assert (len(informer), mine.pending) == (0, ())


async def test_what_is_laid_over_is_what_the_watch_brings(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """The API's answer as a dict, taken in, is the very object that comes by the watch; its event is known as an echo."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    await anext(events)
    async with informer.writing(timeout=PATIENCE) as mine:
        mine.wrote(await cluster.create(CONFIGMAPS, "a", labels={"app": "web"}, data={"x": "1"}))
        shown = mine.wrote(await cluster.patch(CONFIGMAPS, "a", data={"x": "2"}))
        assert shown is not None
    assert informer.get("a") == shown
    async with asyncio.timeout(PATIENCE):
        told = [await anext(events), await anext(events)]
        assert [mine.is_echo(event) for event in told] == [True, True]
        await cluster.patch(CONFIGMAPS, "a", data={"x": "3"})
        others = await anext(events)
        assert isinstance(others, Updated)
        assert not mine.is_echo(others)


async def test_a_deletion_that_waits_for_a_finalizer_comes_back_from_the_api(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """The object is seen terminating until it has gone."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    mine, events = informer.writing(), informer.events(replay=False)
    body: dict[str, Any] = {"metadata": {"name": "a", "finalizers": ["example.com/wait"]}}
    mine.wrote(await cluster.request("POST", cluster.path(CONFIGMAPS), body))
    terminating = mine.wrote(await cluster.delete(CONFIGMAPS, "a"))
    assert terminating is not None
    assert terminating.metadata.deletion_timestamp is not None
    await cluster.patch(CONFIGMAPS, "a", metadata={"finalizers": None})
    async with asyncio.timeout(PATIENCE):
        while not isinstance(await anext(events), Deleted):
            pass
    assert mine.get("a") is None


@pytest.mark.parametrize("leaves", [True, False])
async def test_what_leaves_the_selector_is_not_read_back(
    cluster: Cluster, factory: SharedInformerFactory, *, leaves: bool
) -> None:
    """A writer sees of its write what the informer will see of it."""
    informer = factory.informer("configmaps", label_selector="app=web")
    await cluster.create(CONFIGMAPS, "a", labels={"app": "web"})
    await informer.wait_for_cache_sync(PATIENCE)
    async with informer.writing(timeout=PATIENCE) as mine:
        shown = mine.wrote(
            await cluster.patch(CONFIGMAPS, "a", metadata={"labels": {"app": "db" if leaves else "web", "x": "y"}})
        )
        assert (shown is None, len(mine)) == (leaves, 0 if leaves else 1)
    assert len(informer) == len(mine)
