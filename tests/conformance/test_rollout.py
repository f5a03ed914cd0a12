"""The program that had to work first: Deployments that a controller manager is rolling out, followed by the example."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import Added, SharedInformerFactory, conditions
from aioinformer.testing import DeploymentSimulator
from tests.conformance.conftest import Embedded, Real

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer import Informer, KubeObject, Subscription
    from tests.conformance.cluster import Cluster

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "deployments.py"
PATIENCE = 60.0


def deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    return {"spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}}


@asynccontextmanager
async def controllers(cluster: Cluster) -> AsyncGenerator[None]:
    """Somebody who rolls Deployments out: the real plane has its controller manager already."""
    if isinstance(cluster.backend, Embedded):
        async with DeploymentSimulator(cluster.backend.server):
            yield
    else:
        plane = cluster.backend.plane if isinstance(cluster.backend, Real) else None
        if plane is not None and plane.binaries.kube_controller_manager is None:
            pytest.skip("these binaries have no kube-controller-manager: unset KUBEBUILDER_ASSETS, make control-plane")
        yield


async def test_pods_of_a_deployment_arrive_as_the_controllers_make_them(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Deployments, ReplicaSets and Pods are followed together, owner by owner, through a scale-up."""
    async with controllers(cluster), asyncio.timeout(PATIENCE):
        pods = factory.informer("pods", indexers={"owner": _owner_uids})
        replica_sets, deployments = factory.apps.v1.replicasets, factory.apps.v1.deployments
        await factory.wait_for_cache_sync(PATIENCE)
        events = pods.events()
        await cluster.create("deployments", "web", **deployment(2))
        await _pods_seen(events, 2)
        (replica_set,) = replica_sets
        assert len(pods.by_index("owner", replica_set.uid)) == 2
        await cluster.patch("deployments", "web", spec={"replicas": 3})
        await _pods_seen(events, 1)
        assert len(pods.by_index("owner", replica_set.uid)) == 3
        await deployments.wait_for(lambda d: bool(d.status.get("replicas") == 3))


READY = {"conditions": [{"type": "Ready", "status": "True"}]}


async def test_a_rollout_is_waited_for_by_its_conditions(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """rolled_out, condition and deleted hold when the controllers have done their work, and not before."""
    async with controllers(cluster), asyncio.timeout(PATIENCE):
        deployments, pods = factory.apps.v1.deployments, factory.core.v1.pods
        await factory.wait_for_cache_sync(PATIENCE)
        key = f"{cluster.namespace}/web"
        waiting = asyncio.create_task(
            deployments.wait_for(conditions.rolled_out(key) & conditions.condition(key, "Available"))
        )
        await cluster.create("deployments", "web", **deployment(2))
        if not isinstance(cluster.backend, Embedded):
            await _made_ready(cluster, pods, 2)
        web = (await waiting)[key]
        assert (web.status["availableReplicas"], web.metadata.generation) == (2, web.status["observedGeneration"])
        gone = asyncio.create_task(deployments.wait_for(conditions.deleted(key)))
        await asyncio.sleep(0)
        await cluster.delete("deployments", "web")
        await cluster.create("deployments", "web", **deployment(0))
        assert key not in await gone or (await gone)[key].uid != web.uid
        await deployments.wait_for(conditions.rolled_out(key) & ~conditions.condition(key, "Progressing", "False"))


async def _made_ready(cluster: Cluster, pods: Informer[KubeObject], count: int) -> None:
    """The real plane has no kubelet, so somebody else has to say that pods are ready."""
    for _ in range(count):
        pod = await pods.wait_for(lambda pod: "conditions" not in pod.status)
        await cluster.request("PATCH", f"{cluster.path('pods')}/{pod.name}/status", {"status": READY})
        await pods.wait_for(conditions.condition(pod.key, "Ready"))


def _owner_uids(pod: KubeObject) -> list[str]:
    return [owner.uid for owner in pod.metadata.owner_references]


async def _pods_seen(events: Subscription[KubeObject], count: int) -> None:
    while count:
        count -= isinstance(await anext(events), Added)


async def test_the_example_follows_a_rollout(cluster: Cluster) -> None:
    """examples/deployments.py, unchanged and in a process of its own, prints what happens to a Deployment."""
    environment = os.environ | {"KUBECONFIG": str(cluster.backend.kubeconfig), "PYTHONUNBUFFERED": "1"}
    async with controllers(cluster), asyncio.timeout(PATIENCE):
        await cluster.create("deployments", "before", **deployment(1))
        example = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert example.stdout is not None
            await _printed(example.stdout, f"add {cluster.namespace}/before")
            await cluster.create("deployments", "web", **deployment(2))
            await _printed(example.stdout, f"add {cluster.namespace}/web")
            await _printed(example.stdout, "update ")
            await cluster.delete("deployments", "web")
            await _printed(example.stdout, f"delete {cluster.namespace}/web")
        finally:
            example.terminate()
            await example.communicate()


async def _printed(output: asyncio.StreamReader, start: str) -> None:
    while True:
        line = (await output.readline()).decode()
        assert line, f"the example ended before it printed {start!r}"
        if line.startswith(start):
            return
