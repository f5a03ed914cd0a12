"""Waits on what a server does: conditions that compose, and what is there already beside what one has just written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import WaitTimeout
from aioinformer.conditions import deleted, exists, rolled_out, satisfies
from tests.conformance.cluster import CONFIGMAPS, Cluster

if TYPE_CHECKING:
    from aioinformer import KubeObject, SharedInformerFactory

PATIENCE = 30.0


def is_green(configmap: KubeObject) -> bool:
    return bool((configmap.get("data") or {}).get("color") == "green")


async def test_conditions_compose(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """All parts hold at one moment, and the time-out names the part that does not."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    old, new = f"{cluster.namespace}/old", f"{cluster.namespace}/new"
    await cluster.create(CONFIGMAPS, "old")
    await informer.wait_for(exists(old) & ~exists(new), PATIENCE)
    both = asyncio.create_task(informer.wait_for(satisfies(new, is_green) & deleted(old), PATIENCE))
    either = asyncio.create_task(informer.wait_for(exists(new) | deleted(old), PATIENCE))
    await asyncio.sleep(0)
    await cluster.create(CONFIGMAPS, "new", data={"color": "red"})
    assert set(await either) == {old, new}
    with pytest.raises(WaitTimeout, match=rf"satisfies\('{new}'.*deleted\('{old}'\)"):
        await informer.wait_for(satisfies(new, is_green) & deleted(old), timeout=0)
    await cluster.delete(CONFIGMAPS, "old")
    await cluster.patch(CONFIGMAPS, "new", data={"color": "green"})
    assert set(await both) == {new}


async def test_after_a_write_of_ones_own_its_version_comes_first(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """What is there already counts: so a rollout that was written just now is waited for from its version on."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    deployments = factory.apps.v1.deployments
    await deployments.wait_for_cache_sync(PATIENCE)
    await cluster.create("deployments", "web", spec=spec)
    key = f"{cluster.namespace}/web"
    await deployments.wait_for(exists(key), PATIENCE)
    written = await cluster.patch("deployments", "web", spec={"replicas": 1})
    await deployments.wait_for_version(written["metadata"]["resourceVersion"], PATIENCE)
    with pytest.raises(WaitTimeout, match="rolled_out"):  # nobody makes the pod ready
        await deployments.wait_for(rolled_out(key), timeout=0)
