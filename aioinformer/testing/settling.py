"""`settle`: wait until nothing more will happen by itself between an `ApiServer` and some informers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from aioinformer.factory import SharedInformerFactory
from aioinformer.status import InformerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aioinformer.informer import Informer
    from aioinformer.resource import GroupVersionResource
    from aioinformer.subscription import Subscription
    from aioinformer.testing.catalog import Served
    from aioinformer.testing.server import ApiServer

    Settling: TypeAlias = Informer[Any] | SharedInformerFactory

__all__ = ["NotSettled", "settle"]

SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.5
PATIENCE = 0.1
"""How much of the time waited so far the next pause lasts."""
LOOKS = 2
"""What is about to end may look settled; after a pause, in which whatever is runnable has run, it does not."""


class NotSettled(TimeoutError):
    """Something was still going on when the time was up; says which informer lags, and why."""


async def settle(server: ApiServer, *informers: Settling, timeout: float = 60.0) -> None:  # noqa: ASYNC109  # the error says why
    """Return when nothing more will happen by itself.

    That is when every informer is live and has applied the server's last change that concerns it, and when every
    subscription that a task iterates has given what waited. A factory stands for all its informers. Faults have to be healed
    first: while the server refuses or lags, an informer is not settled. Subscriptions that nobody has waited on, or that the
    calling task itself reads, are not waited for; what comes with time alone (resync, bookmarks) neither.

    Works on any loop. On a `VirtualTimeLoop` a backoff costs no time; ``timeout`` is in the loop's seconds.

    Raises:
        NotSettled: not within ``timeout`` seconds.
        ValueError: no informer was named.
    """
    if not informers:
        raise ValueError("name the informers, or the factory, that have to settle")
    loop = asyncio.get_running_loop()
    begun, looks = loop.time(), 0
    while True:
        obstacles = [why for informer in _each(informers) for why in _obstacles(server, informer)]
        looks = 0 if obstacles else looks + 1
        if looks == LOOKS:
            return
        waited = loop.time() - begun
        if waited >= timeout:
            raise NotSettled(f"not settled after {timeout:g} s: {' | '.join(obstacles) or 'it only just is'}")
        await asyncio.sleep(min(max(SHORTEST_PAUSE, waited * PATIENCE), LONGEST_PAUSE))


def _each(informers: Iterable[Settling]) -> Iterator[Informer[Any]]:
    for each in informers:
        yield from each.informers if isinstance(each, SharedInformerFactory) else (each,)


def _obstacles(server: ApiServer, informer: Informer[Any]) -> Iterator[str]:
    """What keeps an informer from being settled, in words."""
    if informer.status.state is not InformerState.LIVE:
        yield informer.explain_sync()
        return
    try:
        served = server.catalog.find(_name(informer))
    except LookupError as error:
        yield str(error)
        return
    for namespace, reached in _scopes(served, informer):
        where = f" in {namespace}" if len(informer.namespaces) > 1 else ""
        if not _is_watched(server, served, informer, namespace):
            yield f"{informer.status.name}: its watch{where} has been ended"
        elif (version := _version_missed(server, served, informer, namespace, reached)) is not None:
            yield f"{informer.explain_sync()}; it is at version {reached}{where}, the server's last change for it is {version}"
    for subscription in informer.subscriptions:
        if (subscription.pending or subscription.is_replaying) and _is_iterated(subscription):
            yield f"{informer.status.name}: {subscription.pending} events wait for {_consumer_name(subscription)}"


def _name(informer: Informer[Any]) -> GroupVersionResource | str:
    resource = informer.resource
    return str(resource) if isinstance(resource, tuple) else resource


def _scopes(served: Served, informer: Informer[Any]) -> Iterator[tuple[str | None, str]]:
    """What is watched by itself, and the version that has been reached there: a namespace, one of several, or all at once."""
    if len(informer.namespaces) > 1 and served.namespaced:
        yield from ((name, each.resource_version) for name, each in informer.status.namespaces.items())
    else:
        yield (informer.namespace if served.namespaced else None), informer.resource_version


def _is_watched(server: ApiServer, served: Served, informer: Informer[Any], namespace: str | None) -> bool:
    """Whether the server has a watch open for these objects: a client learns of an end a little later."""
    wanted = (namespace, str(informer.label_selector), informer.field_selector or "")
    return any(
        wanted == (watch.namespace, watch.query.get("labelSelector", ""), watch.query.get("fieldSelector", ""))
        for watch in server.watches(served.gvr)
    )


def _version_missed(
    server: ApiServer, served: Served, informer: Informer[Any], namespace: str | None, reached: str
) -> int | None:
    """The version of the last change that concerns an informer, if its cache is not there yet."""
    resource, version = served.group_resource, int(reached)
    if version < server.store.oldest(resource):  # what it may have missed is forgotten: only a bookmark can tell
        server.on(served.gvr).send_bookmarks()
        return server.store.revision
    selection = server.selection(served, str(informer.label_selector), informer.field_selector or "")
    log = server.store.collection(resource).log(namespace)
    for change in reversed(log.after(version)):
        if any(state is not None and selection.matches(state) for state in (change.before, change.after)):
            return change.revision
    return None


def _is_iterated(subscription: Subscription[Any]) -> bool:
    """Whether somebody will take what waits: a task that is still there, and not the one that asks."""
    consumer = subscription.consumer
    return consumer is not None and not consumer.done() and consumer is not asyncio.current_task()


def _consumer_name(subscription: Subscription[Any]) -> str:
    consumer = subscription.consumer
    return "nobody" if consumer is None else f"task {consumer.get_name()!r}"
