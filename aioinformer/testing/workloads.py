"""What the Deployment and ReplicaSet controllers and the kubelet would do next: one step of each, written to a cluster.

Each step is synchronous and small; what it writes gives cause for the next. Rolling updates keep to ``maxSurge`` and
``maxUnavailable``. Left out: pausing, progress deadlines, ``minReadySeconds``, restarts.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from math import ceil, floor
from typing import TYPE_CHECKING

from aioinformer.testing.encoding import JSON, copy, encode, inner
from aioinformer.testing.statuses import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from aioinformer.testing.cluster import Cluster

__all__ = ["Workloads", "controller_of"]

_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_NODES = ("node-1", "node-2", "node-3")
_HISTORY = 10


def controller_of(document: JSON) -> JSON:
    """The owner reference that controls an object; empty if none does."""
    references: list[JSON] = document["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), JSON())


class Workloads:
    """Steps for the objects of a cluster. Names and nodes are drawn from ``random``."""

    def __init__(self, cluster: Cluster, random: Random) -> None:
        self._cluster = cluster
        self._random = random

    def collect(self, namespace: str, uid: str) -> None:
        """Delete the ReplicaSets and Pods that an object which is gone used to control."""
        for resource in ("replicasets", "pods"):
            for orphan in self._owned(resource, namespace, uid):
                self._delete(resource, orphan)

    def step_pod(self, pod: JSON) -> None:
        """Schedule a controlled pod, or once scheduled set it running."""
        if not controller_of(pod) or pod["status"]["phase"] != "Pending":
            return
        if "nodeName" not in pod["spec"]:
            pod["spec"]["nodeName"] = self._random.choice(_NODES)
            self._cluster.update("pods", pod)
            return
        names = [container["name"] for container in pod["spec"].get("containers") or ()]
        ready = [
            {"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ]
        pod["status"] |= {
            "phase": "Running",
            "podIP": f"10.0.{self._random.randrange(256)}.{self._random.randrange(1, 255)}",
            "startTime": pod["metadata"]["creationTimestamp"],
            "conditions": ready,
            "containerStatuses": [{"name": name, "ready": True, "restartCount": 0} for name in names],
        }
        self._cluster.update("pods", pod, subresource="status")

    def step_replica_set(self, replica_set: JSON) -> None:
        """Create or delete pods until there are as many as wanted; report how many there are."""
        pods = self._owned("pods", replica_set["metadata"]["namespace"], replica_set["metadata"]["uid"])
        wanted = replica_set["spec"].get("replicas", 1)
        for _ in range(wanted - len(pods)):
            self._create_pod(replica_set)
        # as the real controller: those that are not ready go first, then the youngest
        for victim in sorted(pods, key=lambda pod: (_is_running(pod), -int(pod["metadata"]["resourceVersion"])))[
            : max(0, len(pods) - wanted)
        ]:
            self._delete("pods", victim)
        pods = self._owned("pods", replica_set["metadata"]["namespace"], replica_set["metadata"]["uid"])
        ready = sum(map(_is_running, pods))
        replica_set["status"] = {
            "observedGeneration": replica_set["metadata"]["generation"],
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        self._cluster.update("replicasets", replica_set, subresource="status")

    def step_deployment(self, deployment: JSON) -> None:
        """Make the ReplicaSet for the present template, move replicas towards it, report."""
        metadata = deployment["metadata"]
        owned = self._owned("replicasets", metadata["namespace"], metadata["uid"])
        digest = _template_hash(deployment)
        new = next((each for each in owned if each["metadata"]["labels"].get(_HASH) == digest), None)
        old = sorted((each for each in owned if each is not new), key=_revision)
        if new is None:
            new = self._create_replica_set(deployment, digest, revision=max(map(_revision, old), default=0) + 1)
        elif old and _revision(new) < _revision(old[-1]):
            new["metadata"]["annotations"][_REVISION] = str(_revision(old[-1]) + 1)
            new = self._cluster.update("replicasets", new)
        for replica_set, replicas in _rollout(deployment, new, old):
            replica_set["spec"]["replicas"] = replicas
            replica_set.update(self._cluster.update("replicasets", replica_set))
        self._forget_old(deployment, old)
        self._report(deployment, new, [new, *old])

    def _report(self, deployment: JSON, new: JSON, replica_sets: Sequence[JSON]) -> None:
        wanted, available = _replicas(deployment), _total(replica_sets, "availableReplicas")
        updated, replicas = _total([new], "replicas"), _total(replica_sets, "replicas")
        if deployment["metadata"].setdefault("annotations", {}).get(_REVISION) != str(_revision(new)):
            deployment["metadata"]["annotations"][_REVISION] = str(_revision(new))
            deployment |= self._cluster.update("deployments", deployment)
        done = updated == replicas == available == wanted
        status: JSON = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": updated,
            "readyReplicas": available,
            "availableReplicas": available,
        }
        if wanted > available:
            status["unavailableReplicas"] = wanted - available
        enough = available >= wanted - _bounds(deployment)[1]
        conditions = [
            ("Available", "True" if enough else "False", f"MinimumReplicas{'Available' if enough else 'Unavailable'}"),
            ("Progressing", "True", "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"),
        ]
        known: list[JSON] = inner(deployment, "status").get("conditions") or []
        status["conditions"] = [self._condition(known, *each) for each in conditions]
        self._cluster.update("deployments", deployment | {"status": status}, subresource="status")

    def _condition(self, known: Sequence[JSON], kind: str, value: str, reason: str) -> JSON:
        before = next((each for each in known if each["type"] == kind), JSON())
        if before.get("status") == value and before.get("reason") == reason:
            return before
        now = self._cluster.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        since = before["lastTransitionTime"] if before.get("status") == value else now
        return {"type": kind, "status": value, "reason": reason, "lastUpdateTime": now, "lastTransitionTime": since}

    def _forget_old(self, deployment: JSON, old: Sequence[JSON]) -> None:
        idle = [each for each in old if not each["spec"].get("replicas") and not _total([each], "replicas")]
        limit = deployment["spec"].get("revisionHistoryLimit", _HISTORY)
        for replica_set in idle[: max(0, len(idle) - limit)]:
            self._delete("replicasets", replica_set)

    def _create_replica_set(self, deployment: JSON, digest: str, *, revision: int) -> JSON:
        spec = copy({"template": deployment["spec"]["template"], "selector": deployment["spec"]["selector"]})
        labels: JSON = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
        labels[_HASH] = digest
        spec["selector"].setdefault("matchLabels", {})[_HASH] = digest
        metadata = {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {_REVISION: str(revision)},
            "ownerReferences": [_reference(deployment)],
        }
        return self._cluster.create("replicasets", {"metadata": metadata, "spec": {"replicas": 0, **spec}})

    def _create_pod(self, replica_set: JSON) -> None:
        template = copy(replica_set["spec"]["template"])
        name = replica_set["metadata"]["name"]
        metadata = {
            **template.get("metadata", {}),
            "name": f"{name}-{''.join(self._random.choices(_NAME_LETTERS, k=5))}",
            "generateName": f"{name}-",
            "namespace": replica_set["metadata"]["namespace"],
            "ownerReferences": [_reference(replica_set)],
        }
        self._cluster.create("pods", {"metadata": metadata, "spec": template.get("spec", {})})

    def _owned(self, resource: str, namespace: str, uid: str) -> list[JSON]:
        return [
            each for each in self._cluster.list(resource, namespace=namespace) if controller_of(each).get("uid") == uid
        ]

    def _delete(self, resource: str, document: JSON) -> None:
        with suppress(NotFoundError):  # someone was faster, to the same end
            self._cluster.delete(resource, document["metadata"]["name"], namespace=document["metadata"]["namespace"])


def _rollout(deployment: JSON, new: JSON, old: Sequence[JSON]) -> list[tuple[JSON, int]]:
    """The next sizes of ReplicaSets, where they change."""
    wanted, (surge, unavailable) = _replicas(deployment), _bounds(deployment)
    current = new["spec"].get("replicas", 0)
    running = [each for each in old if each["spec"].get("replicas")]
    if not running:
        return [(new, wanted)] if current != wanted else []
    if inner(deployment["spec"], "strategy").get("type") == "Recreate":
        return [(each, 0) for each in running]
    total = current + sum(each["spec"]["replicas"] for each in running)
    changes: list[tuple[JSON, int]] = []
    room = min(wanted - current, wanted + surge - total)
    if room > 0 or current > wanted:
        changes.append((new, min(wanted, current + room)))
    spare = _total([new, *old], "availableReplicas") - (wanted - unavailable)
    for each in running:
        # what is not available can go at no cost
        idle = each["spec"]["replicas"] - _total([each], "availableReplicas")
        fewer = min(each["spec"]["replicas"], max(0, spare) + max(0, idle))
        if fewer:
            changes.append((each, each["spec"]["replicas"] - fewer))
            spare -= fewer - max(0, idle)
    return changes


def _bounds(deployment: JSON) -> tuple[int, int]:
    """How many pods there may be too many and too few during an update."""
    rolling: JSON = inner(inner(deployment["spec"], "strategy"), "rollingUpdate")
    wanted = _replicas(deployment)
    surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, whole: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * whole / 100
    return ceil(share) if up else floor(share)


def _replicas(deployment: JSON) -> int:
    replicas: int = deployment["spec"].get("replicas", 1)
    return replicas


def _total(replica_sets: Sequence[JSON], field: str) -> int:
    return sum(inner(each, "status").get(field, 0) for each in replica_sets)


def _revision(replica_set: JSON) -> int:
    return int(inner(replica_set["metadata"], "annotations").get(_REVISION, 0))


def _is_running(pod: JSON) -> bool:
    running: bool = pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    return running


def _template_hash(deployment: JSON) -> str:
    number, digest = zlib.crc32(encode(deployment["spec"]["template"])), ""
    while number:
        number, index = divmod(number, len(_NAME_LETTERS))
        digest += _NAME_LETTERS[index]
    return digest or _NAME_LETTERS[0]


def _reference(owner: JSON) -> JSON:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
