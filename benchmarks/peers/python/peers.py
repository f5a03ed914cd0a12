"""Other Python clients on a server that benchmarks/ started: ``peers.py CLIENT MEASURE URL NUMBER`` prints one JSON line.

``events`` is the time from the first event that the caller sees to the last, each read for its key and labels, except
where ``CLIENTS`` says otherwise. It runs in an environment of its own, which ``make bench-peers`` makes.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import threading
import time
import urllib.request
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "2000000"


class Count:
    """Counts events and keeps the time between the first and the last."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.seen = 0
        self.started = (0.0, 0.0)
        self.line: dict[str, Any] = {}
        self.done = threading.Event()

    def one(self) -> bool:
        """Note an event; whether it was the last."""
        if not self.seen:
            self.started = time.process_time(), time.perf_counter()
        self.seen += 1
        if self.seen == self.expected:
            cpu, wall = self.started
            self.line = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "count": self.expected}
            self.done.set()
        return self.seen >= self.expected


def of_model(pod: Any) -> object:
    """Key and labels of an object with attributes."""
    return pod.metadata.namespace, pod.metadata.name, pod.metadata.labels


def of_dict(pod: Any) -> object:
    """Key and labels of a dict."""
    return pod["metadata"]["namespace"], pod["metadata"]["name"], pod["metadata"]["labels"]


async def kubernetes_asyncio(url: str, count: Count) -> None:
    """Its Watch, which makes a model of each object."""
    from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api
    from kubernetes_asyncio.watch import Watch

    async with ApiClient(Configuration(host=url)) as client, Watch() as watch:
        async for event in watch.stream(CoreV1Api(client).list_pod_for_all_namespaces, resource_version=VERSION):
            of_model(event["object"])
            if count.one():
                return


def kubernetes(url: str, count: Count) -> None:
    """The official client's Watch, which makes a model of each object."""
    from kubernetes.client import ApiClient, Configuration, CoreV1Api
    from kubernetes.watch import Watch

    configuration = Configuration()
    configuration.host = url
    call = CoreV1Api(ApiClient(configuration)).list_pod_for_all_namespaces
    for event in Watch().stream(call, resource_version=VERSION):
        of_model(event["object"])
        if count.one():
            return


def kubernetes_informer(url: str, count: Count) -> None:
    """The official client's informer: its thread keeps a cache of models and calls the handler."""
    from kubernetes.client import ApiClient, Configuration, CoreV1Api
    from kubernetes.informer import SharedInformer

    configuration = Configuration()
    configuration.host = url
    informer = SharedInformer(CoreV1Api(ApiClient(configuration)).list_pod_for_all_namespaces)

    def handle(pod: Any) -> None:
        of_model(pod)
        count.one()

    informer.add_event_handler("MODIFIED", handle)
    informer.start()
    count.done.wait()


async def kr8s(url: str, count: Count) -> None:
    """Its watch, which makes an object around a dict."""
    import kr8s as module
    import kr8s.asyncio

    api = await module.asyncio.api(url=url)
    async for _, pod in api.async_watch("pods", namespace=module.ALL, since=VERSION):
        of_dict(pod.raw)
        if count.one():
            return


async def lightkube(url: str, count: Count) -> None:
    """Its watch, which makes a dataclass of each object, lazily."""
    from lightkube import AsyncClient
    from lightkube.config.kubeconfig import SingleConfig
    from lightkube.config.models import Cluster, Context, User
    from lightkube.resources.core_v1 import Pod

    context = Context(cluster="replay", user="nobody")
    config = SingleConfig(context_name="replay", context=context, cluster=Cluster(server=url), user=User())
    client = AsyncClient(config=config)
    async for _, pod in client.watch(Pod, namespace="*", resource_version=VERSION):
        of_model(pod)
        if count.one():
            return


async def kopf(url: str, count: Count) -> None:
    """An operator with one ``on.event`` handler; kopf merges events of one object, so each pod is modified once."""
    import kopf as module

    registry = module.OperatorRegistry()
    listed = Count(count.expected)

    @module.on.login(registry=registry)
    def login(**_: Any) -> Any:
        return module.ConnectionInfo(server=url)

    @module.on.event("pods", registry=registry)
    async def handle(type: str | None, body: Any, **_: Any) -> None:  # noqa: A002  # kopf's name
        of_dict(body)
        if type is None and listed.one():
            asyncio.get_running_loop().call_later(1, modify)
        if type is not None and count.one():
            stop.set()

    def modify() -> None:
        urllib.request.urlopen(f"{url}/replay/modify?events={count.expected}").close()  # noqa: S310  # on 127.0.0.1

    stop = asyncio.Event()
    await module.operator(registry=registry, standalone=True, clusterwide=True, stop_flag=stop)


CLIENTS: dict[str, tuple[Callable[[str, Count], Any], str]] = {
    "kubernetes_asyncio": (kubernetes_asyncio, "kubernetes_asyncio"),
    "kubernetes": (kubernetes, "kubernetes"),
    "kubernetes-informer": (kubernetes_informer, "kubernetes"),
    "kr8s": (kr8s, "kr8s"),
    "lightkube": (lightkube, "lightkube"),
    "kopf": (kopf, "kopf"),
}


def main(name: str, measure: str, url: str, number: str) -> None:
    """Run it and print the line."""
    if measure != "events":
        raise SystemExit(f"no measure {measure}")
    client, package = CLIENTS[name]
    count = Count(int(number))
    if asyncio.iscoroutinefunction(client):
        asyncio.run(client(url, count))
    else:
        client(url, count)
    print(json.dumps({**count.line, "versions": {"python": platform.python_version(), package: version(package)}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
