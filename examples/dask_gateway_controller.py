"""The informers, the queue and the loop of a controller such as dask-gateway's, without a queue.

dask-gateway 2026.3 follows its clusters, their pods and endpoints, puts the cluster's key on a work queue of its own
whenever one of them changes, and reconciles from there: each key once at a time, however often it was put, and again
after a growing delay when that failed. Here every cluster has one task that does just that, for as long as the cluster exists.

    python dask_gateway_controller.py
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aioinformer import Informer, InformerOptions, KubeObject, SharedInformerFactory, Synced

logger = logging.getLogger(__name__)
CLUSTER = "gateway.dask.org/cluster"
FIRST_DELAY, LONGEST_DELAY, PARALLELISM = 0.1, 300.0, 20

Reconcile = Callable[["Caches", KubeObject], Awaitable[bool]]
"""Make the cluster what it should be. Whether to look at it again before anything changes."""


@dataclass(frozen=True)
class Caches:
    """What reconciling reads: ``caches.pods.by_index("cluster", key)`` are the pods of a cluster, from memory."""

    clusters: Informer[KubeObject]
    pods: Informer[KubeObject]
    endpoints: Informer[KubeObject]

    @classmethod
    def of(cls, factory: SharedInformerFactory) -> "Caches":
        """All three, sharing their watches with whoever else asks the factory for them."""
        owned: InformerOptions = {"label_selector": CLUSTER, "indexers": {"cluster": cluster_of}}
        return cls(
            factory.informer("daskclusters.v1alpha1.gateway.dask.org"),
            factory.informer("pods", **owned),
            factory.informer("endpoints", **owned),
        )


def cluster_of(owned: KubeObject) -> str:
    """The key of the cluster that a pod or endpoints belongs to."""
    return f"{owned.namespace}/{owned.labels[CLUSTER]}"


class Controller:
    """Calls ``reconcile`` for each cluster when it, or anything that belongs to it, has changed."""

    def __init__(self, caches: Caches, reconcile: Reconcile) -> None:
        self._caches = caches
        self._reconcile = reconcile
        self._changed: dict[str, asyncio.Event] = {}
        self._slots = asyncio.Semaphore(PARALLELISM)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(self._caches.pods, cluster_of, tasks))
            tasks.create_task(self._follow(self._caches.endpoints, cluster_of, tasks))
            tasks.create_task(self._follow(self._caches.clusters, lambda cluster: cluster.key, tasks))

    async def _follow(
        self, informer: Informer[KubeObject], key_of: Callable[[KubeObject], str], tasks: asyncio.TaskGroup
    ) -> None:
        async for event in informer.events():
            if isinstance(event, Synced):
                continue
            key = key_of(event.object)
            if key not in self._changed:
                if key not in self._caches.clusters:  # it is not known yet, or gone: its own event is what counts
                    continue
                self._changed[key] = asyncio.Event()
                tasks.create_task(self._keep(key))
            self._changed[key].set()

    async def _keep(self, key: str) -> None:
        failures = 0
        while (cluster := self._caches.clusters.get(key)) is not None:
            self._changed[key].clear()  # what changes from here on is another turn
            async with self._slots:
                again = await self._turn(cluster)
            failures = failures + 1 if again else 0
            delay = min(FIRST_DELAY * 2**failures, LONGEST_DELAY) * random.uniform(0.5, 1) if again else None  # noqa: S311
            try:
                await asyncio.wait_for(self._changed[key].wait(), delay)
            except TimeoutError:
                continue
        del self._changed[key]

    async def _turn(self, cluster: KubeObject) -> bool:
        try:
            return await self._reconcile(self._caches, cluster)
        except Exception:
            logger.exception("could not reconcile %s", cluster.key)
            return True


async def print_pods(caches: Caches, cluster: KubeObject) -> bool:
    """A stand-in for what a gateway does."""
    print(cluster.key, [pod.name for pod in caches.pods.by_index("cluster", cluster.key)])
    return False


async def main() -> None:
    """Print each cluster's pods whenever they change."""
    async with SharedInformerFactory() as factory:
        caches = Caches.of(factory)
        await factory.wait_for_cache_sync(timeout=30)
        await Controller(caches, print_pods).run()


if __name__ == "__main__":
    asyncio.run(main())
