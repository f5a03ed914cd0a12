"""How fast watch events reach somebody: events per second, from the server's bytes to the reader's hands.

All read the same bytes. aioinformer's rates include what the others leave to their users: a cache, kept, and each
event's old object. Nothing is merged: the subscriptions are given room for every event.
"""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api
from kubernetes_asyncio.watch import Watch

from aioinformer import SharedInformerFactory, Updated
from benchmarks.bare import WATCH, aiohttp_span, socket_span, transport_span
from benchmarks.result import Span, compared
from benchmarks.servers import Recording, pin, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.result import Result

OURS = "aioinformer, key and labels"


class Metadata(msgspec.Struct):
    """Three of the six fields."""

    name: str
    namespace: str
    labels: dict[str, str] = {}


class Spec(msgspec.Struct):
    """The fourth."""

    nodeName: str = ""  # noqa: N815  # the wire's spelling


class Status(msgspec.Struct):
    """The last two."""

    phase: str = ""
    podIP: str = ""  # noqa: N815  # the wire's spelling


class Six(msgspec.Struct):
    """A pod as a service might want it."""

    metadata: Metadata
    spec: Spec
    status: Status


def key_and_labels(pod: Any) -> object:
    """What most handlers look at first."""
    return pod.key, pod.labels


def whole(pod: Any) -> object:
    """Everything, as a dict."""
    return pod.to_dict()


def fields(pod: Any) -> object:
    """Two of a Struct's six fields, all of them built already."""
    return pod.metadata.name, pod.status.phase


async def ours(read: Callable[[Any], object], url: str, events: int, **options: Any) -> Span:
    """The time from the first event that the subscriber sees to the last."""
    async with (
        ApiClient(Configuration(host=url)) as client,
        SharedInformerFactory(client, initial_list="consistent") as factory,
        factory.informer("pods", **options).events(replay=False, max_pending=events) as subscription,
    ):
        started, seen = Span.now(), 0
        async for event in subscription:
            if isinstance(event, Updated):
                started = started if seen else Span.now()
                read(event.object)
                seen += 1
                if seen == events:
                    break
        return started.elapsed()


async def theirs(read: Callable[[Any], object], url: str, events: int, *, typed: bool) -> Span:
    """The same by kubernetes_asyncio's Watch. It skips its models only if the function's docstring names none."""
    async with ApiClient(Configuration(host=url)) as client, Watch() as watch:
        call = CoreV1Api(client).list_pod_for_all_namespaces
        started, seen = Span.now(), 0
        async for event in watch.stream(call if typed else partial(call), resource_version="2000000"):
            started = started if seen else Span.now()
            read(event["object"])
            seen += 1
            if seen == events:
                break
        return started.elapsed()


def of_model(pod: Any) -> object:
    """Key and labels of a kubernetes_asyncio model."""
    return pod.metadata.namespace, pod.metadata.name, pod.metadata.labels


def of_dict(pod: Any) -> object:
    """Key and labels of a dict."""
    return pod["metadata"]["namespace"], pod["metadata"]["name"], pod["metadata"]["labels"]


async def bare(url: str, events: int) -> Span:
    """The same bytes, read by aiohttp and counted."""
    return await aiohttp_span(url + WATCH, events)


async def own(url: str, events: int) -> Span:
    """The same by our transport."""
    return await transport_span(url + WATCH, events)


async def socket(url: str, events: int) -> Span:
    """The same bytes, received and counted: on the wall clock, what the server can do at most."""
    return await asyncio.to_thread(socket_span, url + WATCH, events)


def measure(*, pods: int = 1000, events: int = 8000, slow_events: int = 300, rounds: int = 3) -> list[Result]:
    """All variants in turn, round by round; the slow ones see fewer of the events."""
    variants: dict[str, tuple[Callable[[str, int], Coroutine[Any, Any, Span]], int]] = {
        OURS: (partial(ours, key_and_labels), events),
        "aioinformer, to_dict()": (partial(ours, whole), events),
        "aioinformer, model= a Struct of six fields": (partial(ours, fields, model=Six), events),
        "kubernetes_asyncio Watch, raw dicts": (partial(theirs, of_dict, typed=False), 4 * slow_events),
        "kubernetes_asyncio Watch, typed": (partial(theirs, of_model, typed=True), slow_events),
        "bare aiohttp read": (bare, events),
        "aioinformer's own read": (own, events),
        "bare socket read": (socket, events),
    }
    samples = defaultdict[str, list[tuple[int, Span]]](list)
    with replay(Recording(pods, events)) as url:
        for _ in range(rounds):
            for name, (run, count) in variants.items():
                gc.collect()
                samples[name].append((count, asyncio.run(run(url, count))))
    return compared("watch events", "events/s", samples, baseline=OURS)


if __name__ == "__main__":
    pin(0)
    for result in measure():
        result.emit()
