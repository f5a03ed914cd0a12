"""A cache with subscriptions on it, fed by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from aioinformer.batches import Change, Delta, Deltas
from aioinformer.objects import Record, Stored, key_of
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription

if TYPE_CHECKING:
    from aioinformer.events import Event

Events: TypeAlias = Subscription[Stored]


def record(name: str, version: int = 1, namespace: str = "n", uid: str = "u1", **labels: str) -> Record:
    return Record(key_of(namespace, name), uid, str(version), labels, b"{}")


class Cache:
    """A store whose changes go to the subscriptions made from it."""

    def __init__(self, *records: Record) -> None:
        self.store = Store()
        self.subscriptions: list[Events] = []
        self.put(*records)

    def events(
        self, *, namespace: Any = None, selector: str = "", where: Any = None, started: bool = True, **terms: Any
    ) -> Events:
        scope = Scope(namespace, LabelSelector.parse(selector), where)
        subscription = Subscription(self.store, lambda r: r, Terms(scope, **terms))
        if started:
            subscription.start(self.store.resource_version)
        self.subscriptions.append(subscription)
        return subscription

    def put(self, *records: Record, deleted: bool = False) -> list[Change]:
        version = records[-1].resource_version if records else ""
        changes = self.store.apply(Deltas([Delta(deleted, r) for r in records], version))
        for subscription in self.subscriptions:
            subscription.offer(changes)
        return changes

    def delete(self, *records: Record) -> None:
        self.put(*records, deleted=True)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def taken(events: Events) -> list[Event[Stored]]:
    """What can be had without waiting."""
    found: list[Event[Stored]] = []
    while True:
        pull = asyncio.ensure_future(anext(events))
        await turns()
        if not pull.done():
            pull.cancel()
            await asyncio.wait([pull])
            return found
        found.append(await pull)


async def consumed(events: Events) -> list[Event[Stored]]:
    return [event async for event in events]
