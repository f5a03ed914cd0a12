"""Single steps of the simulated controllers; `test_simulator` has them work together."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from aioinformer.testing import Cluster
from aioinformer.testing.workloads import Workloads, controller_of

JSON = dict[str, Any]


def deployment(replicas: int, **rolling: object) -> JSON:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}
    spec = {"replicas": replicas, "template": template, "selector": {}, "strategy": {"rollingUpdate": rolling}}
    return {"metadata": {"name": "web"}, "spec": spec}


def step(cluster: Cluster, workloads: Workloads, resource: str) -> None:
    does = {
        "deployments": workloads.step_deployment,
        "replicasets": workloads.step_replica_set,
        "pods": workloads.step_pod,
    }
    for document in cluster.list(resource):
        does[resource](document)


def test_the_controller_is_the_owner_that_says_so() -> None:
    owners = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert controller_of({"metadata": {"ownerReferences": owners}})["uid"] == "b"
    assert controller_of({"metadata": {}}) == {}


def test_a_pod_nobody_controls_is_left_alone() -> None:
    cluster = Cluster()
    created = cluster.create("pods", {"metadata": {"name": "x"}, "spec": {}})
    step(cluster, Workloads(cluster, Random(1)), "pods")
    assert cluster.get("pods", "x") == created


def test_a_step_without_anything_to_do_writes_nothing() -> None:
    cluster = Cluster()
    workloads = Workloads(cluster, Random(1))
    cluster.create("deployments", deployment(2))
    for _ in range(8):
        for resource in ("pods", "replicasets", "deployments"):
            step(cluster, workloads, resource)
    version = cluster.resource_version
    for resource in ("pods", "replicasets", "deployments"):
        step(cluster, workloads, resource)
    assert cluster.resource_version == version


@pytest.mark.parametrize(
    ("rolling", "sizes"),
    [
        ({"maxSurge": 2, "maxUnavailable": 0}, [2, 10]),
        ({"maxSurge": 0, "maxUnavailable": 3}, [0, 7]),
        ({"maxSurge": "25%", "maxUnavailable": "25%"}, [3, 8]),
        ({"maxSurge": 0, "maxUnavailable": 0}, [0, 9]),
    ],
)
def test_the_first_step_of_a_rollout_keeps_to_the_bounds(rolling: JSON, sizes: list[int]) -> None:
    cluster = Cluster()
    workloads = Workloads(cluster, Random(1))
    cluster.create("deployments", deployment(10, **rolling))
    for _ in range(8):
        for resource in ("pods", "replicasets", "deployments"):
            step(cluster, workloads, resource)
    cluster.patch("deployments", "web", {"spec": {"template": {"spec": {"containers": [{"name": "d"}]}}}})
    step(cluster, workloads, "deployments")
    assert sorted(each["spec"]["replicas"] for each in cluster.list("replicasets")) == sizes


def test_scaling_down_spares_what_runs() -> None:
    cluster = Cluster()
    workloads = Workloads(cluster, Random(1))
    cluster.create("deployments", deployment(1))
    for _ in range(8):
        for resource in ("pods", "replicasets", "deployments"):
            step(cluster, workloads, resource)
    (runs,) = (each["metadata"]["name"] for each in cluster.list("pods"))
    for replicas in (3, 1):
        cluster.patch("deployments", "web", {"spec": {"replicas": replicas}})
        step(cluster, workloads, "deployments")
        step(cluster, workloads, "replicasets")
    assert [each["metadata"]["name"] for each in cluster.list("pods")] == [runs]
