"""A subscriber that keeps what it was told, and objects to whatever it should not have been told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioinformer import Added, Deleted, KubeObject, Resynced, SubscriptionLagged, Synced, Updated

if TYPE_CHECKING:
    from aioinformer import Event, Informer
    from aioinformer.scope import Overflow

__all__ = ["Follower", "Terms"]


@dataclass(frozen=True)
class Terms:
    """How somebody subscribes; ``pace`` is how many seconds it takes over each event."""

    namespace: str | None = None
    label_selector: str = ""
    replay: bool = True
    resync: float | None = None
    max_pending: int = 1024
    overflow: Overflow = "coalesce"
    pace: float = 0.0


class Follower:
    """Follows one informer. ``shown`` is what its events add up to.

    ``goes_back``: the server itself may have shown older versions again, so versions need not grow.
    """

    def __init__(self, informer: Informer[KubeObject], terms: Terms) -> None:
        self.informer = informer
        self.terms = terms
        self.shown: dict[str, KubeObject] = {} if terms.replay else self.cached()
        self.goes_back = False
        self._synced = False
        self._reached: dict[str, int] = {}
        self._events = informer.events(
            namespace=terms.namespace,
            label_selector=terms.label_selector,
            replay=terms.replay,
            resync=terms.resync,
            max_pending=terms.max_pending,
            overflow=terms.overflow,
        )
        self._task = asyncio.create_task(self._follow(), name="follower")

    def cached(self) -> dict[str, KubeObject]:
        """The cache, as far as this follower wants it."""
        return {each.key: each for each in self.informer.list(self.terms.namespace, self.terms.label_selector)}

    async def interrupt(self) -> None:
        """Cancel the task that iterates, wherever it is, and have another one go on."""
        await self._cancelled()
        self._task = asyncio.create_task(self._follow(), name="follower")

    async def leave(self) -> None:
        """Unsubscribe."""
        await self._events.aclose()
        await self._cancelled()

    def check(self) -> None:
        """When nothing more is under way: what it was told adds up to the cache."""
        if self._task.done() and not self._task.cancelled():
            self._task.result()
        if self._events.is_closed:
            assert self.informer.is_stopped or self.terms.overflow == "error"
        else:
            assert self._synced
            assert self.shown == self.cached()

    async def _cancelled(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _follow(self) -> None:
        try:
            async for event in self._events:
                self._see(event)
                if self.terms.pace:
                    await asyncio.sleep(self.terms.pace)
        except SubscriptionLagged:
            assert self.terms.overflow == "error"

    def _see(self, event: Event[KubeObject]) -> None:
        match event:
            case Synced():
                assert not self._synced
                self._synced = True
            case Added(object=new, initial=initial, key=key):
                assert initial is not self._synced
                assert key not in self.shown
                self._show(key, new)
            case Updated(object=new, old=old, key=key):
                assert self.shown[key] == old
                assert new.uid == old.uid
                self._show(key, new)
            case Deleted(object=gone, key=key):
                shown = self.shown.pop(key)
                assert gone.uid == shown.uid
                assert self.goes_back or int(gone.resource_version) >= int(shown.resource_version)
            case Resynced(object=present, key=key):
                assert self.shown[key] == present

    def _show(self, key: str, new: KubeObject) -> None:
        assert new.key == key
        version = int(new.resource_version)
        assert self.goes_back or int(self.informer.resource_version) >= version  # the cache is ahead of every event
        assert self.goes_back or version > self._reached.get(new.uid, 0)
        self._reached[new.uid] = version
        self.shown[key] = new
