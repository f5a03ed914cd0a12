"""Deployments come to life round by round. Time is virtual, names are repeatable."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing import Cluster, DeploymentSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioinformer.testing.mvcc import Change

pytestmark = pytest.mark.looptime

JSON = dict[str, Any]


def deployment(replicas: int = 4, image: str = "app:1", **strategy: object) -> JSON:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec | ({"strategy": strategy} if strategy else {})}


def running(cluster: Cluster) -> list[JSON]:
    return [each for each in cluster.list("pods") if each["status"]["phase"] == "Running"]


def images(cluster: Cluster) -> set[str]:
    return {each["spec"]["containers"][0]["image"] for each in cluster.list("pods")}


@contextmanager
def extremes(cluster: Cluster) -> Iterator[JSON]:
    """The least pods running and the most there were, while the block runs."""
    found = {"running": len(running(cluster)), "total": len(cluster.list("pods"))}

    def look(_: Change) -> None:
        found["running"] = min(found["running"], len(running(cluster)))
        found["total"] = max(found["total"], len(cluster.list("pods")))

    stop = cluster.subscribe(look)
    yield found
    stop()


async def test_a_deployment_gets_a_replica_set_and_running_pods_and_says_so() -> None:
    cluster = Cluster(random=Random(1))
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment())
        await simulator.settled()
        (replica_set,) = cluster.list("replicasets")
        (owner,) = replica_set["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("Deployment", "web", True)
        digest = replica_set["metadata"]["labels"]["pod-template-hash"]
        assert replica_set["metadata"]["name"] == f"web-{digest}"
        for each in running(cluster):
            assert each["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
            assert each["metadata"]["ownerReferences"][0]["uid"] == replica_set["metadata"]["uid"]
            assert each["spec"]["nodeName"]
        status = cluster.get("deployments", "web")["status"]
        assert {
            field: status[field]
            for field in ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        } == {
            "observedGeneration": 1,
            "replicas": 4,
            "updatedReplicas": 4,
            "readyReplicas": 4,
            "availableReplicas": 4,
        }
        assert {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]} == {
            "Available": ("True", "MinimumReplicasAvailable"),
            "Progressing": ("True", "NewReplicaSetAvailable"),
        }


async def test_pods_go_through_pending() -> None:
    cluster = Cluster()
    phases: list[str] = []
    cluster.subscribe(
        lambda change: (
            phases.append(change.after.document()["status"]["phase"])
            if change.after and change.resource.resource == "pods"
            else None
        )
    )
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(1))
        await simulator.settled()
    assert phases == ["Pending", "Pending", "Running"]


async def test_rounds_are_a_step_apart() -> None:
    cluster, loop = Cluster(), asyncio.get_running_loop()
    times: list[float] = []
    async with DeploymentSimulator(cluster, step=10) as simulator:
        cluster.subscribe(lambda _: times.append(loop.time()))
        cluster.create("deployments", deployment(1))
        await simulator.settled()
    steps = sorted({round(time - times[0]) for time in times})
    assert steps == [0, 10, 20, 30, 40, 50]


async def test_names_are_repeatable() -> None:
    async def names() -> list[str]:
        cluster = Cluster()
        async with DeploymentSimulator(cluster, random=Random(3)) as simulator:
            cluster.create("deployments", deployment())
            await simulator.settled()
        return [each["metadata"]["name"] for each in cluster.list("pods")]

    assert await names() == await names()


async def test_a_new_template_is_rolled_out_within_bounds() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(4))
        await simulator.settled()
        with extremes(cluster) as found:
            cluster.update("deployments", deployment(4, "app:2"))
            await simulator.settled()
    assert found == {"running": 3, "total": 5}
    assert images(cluster) == {"app:2"}
    assert sorted(each["spec"]["replicas"] for each in cluster.list("replicasets")) == [0, 4]
    assert cluster.get("deployments", "web")["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "2"}


async def test_going_back_reuses_the_old_replica_set() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        for image in ("app:1", "app:2", "app:1"):
            current = cluster.list("deployments")
            (cluster.update if current else cluster.create)("deployments", deployment(2, image))
            await simulator.settled()
    assert len(cluster.list("replicasets")) == 2
    assert images(cluster) == {"app:1"}


async def test_recreate_stops_all_before_it_starts_any() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(3, type="Recreate"))
        await simulator.settled()
        with extremes(cluster) as found:
            cluster.update("deployments", deployment(3, "app:2", type="Recreate"))
            await simulator.settled()
    assert found == {"running": 0, "total": 3}
    assert images(cluster) == {"app:2"}


@pytest.mark.parametrize("replicas", [0, 1, 7])
async def test_scaling(replicas: int) -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(3))
        await simulator.settled()
        cluster.patch("deployments", "web", {"spec": {"replicas": replicas}})
        await simulator.settled()
    assert len(running(cluster)) == replicas
    assert cluster.get("deployments", "web")["status"]["availableReplicas"] == replicas


async def test_a_deleted_pod_is_replaced() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(2))
        await simulator.settled()
        victim = cluster.list("pods")[0]["metadata"]["name"]
        cluster.delete("pods", victim)
        await simulator.settled()
    assert victim not in [each["metadata"]["name"] for each in running(cluster)]
    assert len(running(cluster)) == 2


async def test_what_a_deleted_deployment_owned_goes_too() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("pods", {"metadata": {"name": "bystander"}})
        cluster.create("deployments", deployment(2))
        await simulator.settled()
        cluster.delete("deployments", "web")
        await simulator.settled()
    assert cluster.list("replicasets") == []
    assert [each["metadata"]["name"] for each in cluster.list("pods")] == ["bystander"]


async def test_deployments_that_were_there_before_are_taken_up() -> None:
    cluster = Cluster()
    cluster.create("deployments", deployment(1))
    async with DeploymentSimulator(cluster) as simulator:
        await simulator.settled()
    assert len(running(cluster)) == 1


async def test_old_replica_sets_are_forgotten_past_the_history_limit() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster) as simulator:
        cluster.create("deployments", deployment(1))
        for number in range(4):
            given = deployment(1, f"app:{number}")
            given["spec"]["revisionHistoryLimit"] = 1
            cluster.update("deployments", given)
            await simulator.settled()
    assert len(cluster.list("replicasets")) == 2


async def test_a_malformed_deployment_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    with caplog.at_level(logging.WARNING):
        async with DeploymentSimulator(cluster) as simulator:
            cluster.create("deployments", {"metadata": {"name": "bad"}, "spec": {}})
            cluster.create("deployments", deployment(1))
            await simulator.settled()
    assert "cannot simulate deployments default/bad" in caplog.text
    assert len(running(cluster)) == 1


async def test_leaving_stops_it_at_once() -> None:
    cluster = Cluster()
    async with DeploymentSimulator(cluster, step=1000):
        cluster.create("deployments", deployment(1))
    assert cluster.list("replicasets") == []
    cluster.create("pods", {"metadata": {"name": "later"}})
