"""`DeploymentSimulator`: Deployments that come to life, on a cluster that has no controllers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple, Self

from aioinformer.testing.statuses import GroupResource, NotFoundError
from aioinformer.testing.workloads import Workloads, controller_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from aioinformer.testing.cluster import Cluster
    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.mvcc import Change

__all__ = ["DeploymentSimulator"]

_logger = logging.getLogger(__name__)

_PODS, _REPLICA_SETS, _DEPLOYMENTS = "pods", "replicasets", "deployments"
# pods first: what their state means for their owners is then reported in the same round
_ORDER = (_PODS, _REPLICA_SETS, _DEPLOYMENTS)
_SIMULATED = {
    GroupResource("", _PODS): _PODS,
    GroupResource("apps", _REPLICA_SETS): _REPLICA_SETS,
    GroupResource("apps", _DEPLOYMENTS): _DEPLOYMENTS,
}
_RESOURCE_OF = {"Deployment": _DEPLOYMENTS, "ReplicaSet": _REPLICA_SETS}


class _Due(NamedTuple):
    resource: str
    namespace: str
    name: str


class DeploymentSimulator:
    """Runs Deployments for as long as ``async with`` lasts.

    A Deployment gets a ReplicaSet for its template, that gets Pods, those are scheduled and start to run, and all of them report
    their status; changed templates are rolled out, replicas scaled, and what is left without its owner is deleted.

    Work is done in rounds, ``step`` seconds after a change gave cause for one: each round takes every object one step further.
    Generated names come from ``random``, by default the cluster's. It follows the cluster's own change feed and uses no informer.
    """

    def __init__(self, cluster: Cluster, *, step: float = 0.1, random: Random | None = None) -> None:
        self._cluster = cluster
        self._step = step
        self._workloads = Workloads(cluster, random or cluster.random)
        self._due: dict[_Due, None] = {}
        self._gone: dict[tuple[str, str], None] = {}
        self._work = asyncio.Event()
        self._rest = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._unsubscribe: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._rest.set()
        for resource in _ORDER:
            for document in self._cluster.list(resource):
                self._mark(resource, document)
        self._unsubscribe = self._cluster.subscribe(self._changed)
        await self._tasks.__aenter__()
        self._driver = self._tasks.create_task(self._drive())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._unsubscribe()
        self._driver.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def settled(self) -> None:
        """Return as soon as there is nothing left to do. Cancelling is harmless."""
        await self._rest.wait()

    def _changed(self, change: Change) -> None:
        resource = _SIMULATED.get(change.resource)
        if resource is None:
            return
        if change.after is None:
            self._gone[change.object.namespace, change.object.uid] = None
        self._mark(resource, change.object.document())

    def _mark(self, resource: str, document: JSON) -> None:
        namespace = document["metadata"]["namespace"]
        self._due[_Due(resource, namespace, document["metadata"]["name"])] = None
        owner = controller_of(document)
        if owner.get("kind") in _RESOURCE_OF:
            self._due[_Due(_RESOURCE_OF[owner["kind"]], namespace, owner["name"])] = None
        self._work.set()
        self._rest.clear()

    async def _drive(self) -> None:
        while True:
            await self._work.wait()
            await asyncio.sleep(self._step)
            self._round()
            if not self._due:
                self._work.clear()
                self._rest.set()

    def _round(self) -> None:
        gone, self._gone = self._gone, {}
        due, self._due = self._due, {}
        for namespace, uid in gone:
            self._workloads.collect(namespace, uid)
        steps = {
            _PODS: self._workloads.step_pod,
            _REPLICA_SETS: self._workloads.step_replica_set,
            _DEPLOYMENTS: self._workloads.step_deployment,
        }
        for resource in _ORDER:
            for each in due:
                if each.resource == resource:
                    self._take_step(steps[resource], each)

    def _take_step(self, step: Callable[[JSON], None], due: _Due) -> None:
        """Do one step for an object that is still there and is meant to stay."""
        try:
            document = self._cluster.get(due.resource, due.name, namespace=due.namespace)
        except NotFoundError:
            return
        if "deletionTimestamp" in document["metadata"]:
            return
        try:
            step(document)
        except (AttributeError, KeyError, TypeError, ValueError):
            # the server checks no schemas: a real one would not have taken this object
            _logger.warning("cannot simulate %s %s/%s: its spec is malformed", *due, exc_info=True)
