"""Who is told of changes. Subscriptions are held weakly: one that nobody iterates any more is simply gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import ref

from aioinformer.turns import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from weakref import ReferenceType

    from aioinformer.batches import Change
    from aioinformer.subscription import Subscription

__all__ = ["Fanout"]

SLICE = 500
"""Changes handed to every subscriber before the loop gets a turn."""
MANY = 16
"""Subscriptions that may have gone before they are looked for."""


class Fanout:
    """The subscriptions of one informer, and whose turn it is among the tasks of it that have much to do."""

    def __init__(self) -> None:
        self.lane = Lane()
        """Where the informer's tasks and consumers wait for their turn."""
        self._subscriptions: list[ReferenceType[Subscription[Any]]] = []
        """Each once; it is replaced, never changed, when some have gone."""
        self._enough = 0
        self._waiting: set[Subscription[Any]] = set()
        self._synced_version: str | None = None
        self._now: Callable[[], float] | None = None
        self._running = False

    def __len__(self) -> int:
        return len(self._open())

    @property
    def subscriptions(self) -> tuple[Subscription[Any], ...]:
        """Those that are open."""
        return tuple(self._open())

    @property
    def pending(self) -> tuple[int, ...]:
        """Events waiting, per subscription."""
        return tuple(subscription.pending for subscription in self._open())

    @property
    def lag(self) -> tuple[float, ...]:
        """Seconds for which the oldest one has waited, per subscription."""
        return tuple(subscription.lag for subscription in self._open())

    @property
    def is_synced(self) -> bool:
        """Whether the cache is in sync, so that subscribers are to be told of changes."""
        return self._synced_version is not None

    def attach(self, subscription: Subscription[Any], resource_version: str) -> None:
        """A new subscriber: it starts now if the cache is in sync, else when it is."""
        if len(self._subscriptions) > self._enough:  # some may have gone, and nothing may have happened since
            self._enough = MANY + 2 * len(self._open())
        self._subscriptions = [*self._subscriptions, ref(subscription)]
        subscription.waiting_room = self._waiting
        subscription.lane = self.lane
        subscription.is_running = self._running
        subscription.now = self._now or subscription.now
        if self._synced_version is not None:
            subscription.start(resource_version)

    def run(self) -> None:
        """The informer has been started: waiting makes sense from now on."""
        self._running = True
        self._now = asyncio.get_running_loop().time
        for subscription in self._open():
            subscription.now = self._now
            subscription.is_running = True

    def synced(self, resource_version: str) -> None:
        """The cache is in sync for the first time: every subscriber replays it."""
        self._synced_version = resource_version
        for subscription in self._open():
            subscription.start(resource_version)

    def offer(self, changes: Sequence[Change]) -> None:
        """Hand a few changes to everybody at once."""
        if not changes:
            return
        now = None if self._now is None else self._now()
        for reference in self._subscriptions:
            subscription = reference()
            if subscription is not None:
                subscription.offer(changes, now)

    async def deliver(self, changes: Sequence[Change]) -> None:
        """Hand changes to everybody who was there when the cache made them.

        One who joins between two slices has them in its replay already, so it is not given the rest.
        """
        if len(changes) <= SLICE:
            self.offer(changes)
            return
        subscriptions = self._open()
        for subscription in subscriptions:
            subscription.catching_up = True
        for start in range(0, len(changes), SLICE):
            await self.lane.turn()
            for subscription in subscriptions:
                subscription.offer(changes[start : start + SLICE])
        for subscription in subscriptions:
            subscription.caught_up()

    def finish(self, failure: Exception | None = None) -> None:
        """The informer has stopped: every subscription ends, with this error if there is one."""
        for subscription in self._open():
            subscription.finish(failure)
        self._subscriptions = []

    def _open(self) -> list[Subscription[Any]]:
        """Those still open; the others are forgotten, whoever else may hold them."""
        present = [(reference, reference()) for reference in self._subscriptions]
        open_ = [(reference, it) for reference, it in present if it is not None and not it.is_closed]
        if len(open_) < len(present):
            self._subscriptions = [reference for reference, _ in open_]
        return [it for _, it in open_]
