"""A reflector such as JupyterHub's spawner builds for itself, on an informer.

kubespawner 7.1 keeps pods and events as raw camelCase dicts by ``namespace/name``, awaits their first load, and polls
them until a pod is running or gone. Its ``ResourceReflector`` lists all over again every 10 to 30 seconds, decodes
everything it gets, and gives up for good after half a minute without a server.

    python kubespawner_reflector.py jhub
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aioinformer import Informer, KubeObject, SharedInformerFactory
from aioinformer.conditions import deleted

Resource = dict[str, Any]
USERS = "component=singleuser-server"


class Resources(Mapping[str, Resource]):
    """The resources by ``namespace/name``. Each look-up decodes one, as a dict of the caller's own."""

    def __init__(self, informer: Informer[KubeObject]) -> None:
        self._informer = informer

    def __getitem__(self, key: str) -> Resource:
        resource = self._informer.get(key)
        if resource is None:
            raise KeyError(key)
        return resource.to_dict()

    def __contains__(self, key: object) -> bool:
        return key in self._informer

    def __iter__(self) -> Iterator[str]:
        return (resource.key for resource in self._informer)

    def __len__(self) -> int:
        return len(self._informer)


class ResourceReflector:
    """One kind of resource of a hub. Made as often as anyone likes: the factory shares the watch and the memory."""

    def __init__(self, factory: SharedInformerFactory, kind: str, namespace: str | None, labels: str = "") -> None:
        self._informer = factory.informer(kind, namespace=namespace, label_selector=labels)
        self.resources = Resources(self._informer)

    async def first_load(self, timeout: float) -> None:  # noqa: ASYNC109  # the error says why
        """Return once everything is there; ``CacheSyncError`` or ``CacheSyncTimeout`` says why it is not."""
        await self._informer.wait_for_cache_sync(timeout)

    async def wait_until(self, key: str, is_so: Callable[[Resource], bool], timeout: float) -> Resource:  # noqa: ASYNC109
        """The resource of this key, as soon as it is so: no polling. ``WaitTimeout``, a ``TimeoutError``, if it never is."""
        found = await self._informer.wait_for(lambda it: it.key == key and is_so(it.to_dict()), timeout)
        return found.to_dict()

    async def wait_until_gone(self, key: str, timeout: float) -> None:  # noqa: ASYNC109
        """Return once there is none of this key. A delete that nobody saw, while the server was away, counts."""
        await self._informer.wait_for(deleted(key), timeout)


async def main(namespace: str) -> None:
    """Print the phase of each user's server, and then of each that starts."""
    async with SharedInformerFactory() as factory:
        pods = ResourceReflector(factory, "pods", namespace, USERS)
        await pods.first_load(timeout=30)
        for key, pod in pods.resources.items():
            print(key, pod["status"].get("phase"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
