"""Resources that come and go: what the server serves, kept up to date for as long as somebody wants to know.

CustomResourceDefinitions are watched where that is allowed; any change of theirs is a reason to ask discovery, some
times, as it follows a little later. Where it is not allowed, and for what aggregated servers bring, discovery is asked
now and then.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias
from weakref import WeakSet

from aioinformer.bell import Bell
from aioinformer.errors import InformerError
from aioinformer.resource import APIResource, GroupVersionResource, ResourceName

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from aioinformer.informer import Informer
    from aioinformer.objects import KubeObject
    from aioinformer.subscription import Subscription

__all__ = ["ResourceAppeared", "ResourceChange", "ResourceChanges", "ResourceVanished", "ServedResources"]

logger = logging.getLogger(__name__)

POLL = 10.0
"""Seconds between two looks at discovery, two requests each, while definitions cannot be watched."""
RARE_POLL = 60.0
"""Seconds between two looks while they are watched: what aggregated servers bring has no definition."""
AFTERMATH = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds after a definition changed, and after each look, at which discovery may have followed."""
WAKES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries of who waits for a resource: it may be listed in discovery a little before it can be read."""


@dataclass(frozen=True, slots=True)
class ResourceAppeared:
    """A resource can be listed and watched now. ``initial``: it could when the iteration began."""

    resource: APIResource
    initial: bool = False


@dataclass(frozen=True, slots=True)
class ResourceVanished:
    """A resource is not served any more, or not in this version."""

    resource: APIResource


ResourceChange: TypeAlias = ResourceAppeared | ResourceVanished
Known: TypeAlias = dict[GroupVersionResource, APIResource]


class Asked(Protocol):
    """What is needed of discovery."""

    served: tuple[APIResource, ...]
    doubtful: frozenset[tuple[str, str]]

    async def refresh(self) -> None:
        """Ask the server."""
        ...


class _Parked:
    """Somebody who waits for a resource to come."""

    def __init__(self, name: GroupVersionResource | ResourceName, wake: Callable[[], None]) -> None:
        self._name = name
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None

    def concerns(self, resource: APIResource) -> bool:
        """Whether it is this resource, in whatever version."""
        name = self._name
        if isinstance(name, GroupVersionResource):
            return (name.group, name.resource) == (resource.gvr.group, resource.gvr.resource)
        return resource.answers_to(name._replace(version=None))

    def try_again(self, tries: tuple[float, ...] = WAKES) -> None:
        """Wake it, some times from now on."""
        self.cancel()
        if tries:
            self._timer = asyncio.get_running_loop().call_later(tries[0], self._woken, tries[1:])

    def cancel(self) -> None:
        """It does not wait any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _woken(self, tries: tuple[float, ...]) -> None:
        self.try_again(tries)
        self._wake()


class ServedResources:
    """What the server serves; ``known`` is ``None`` before the first look. ``definitions`` makes a running informer on CRDs."""

    def __init__(self, discovery: Asked, definitions: Callable[[], Informer[KubeObject]]) -> None:
        self.known: Known | None = None
        self.bell = Bell()
        self.is_over = False
        self._discovery = discovery
        self._definitions = definitions
        self._may_watch = True
        self._parked: dict[int, _Parked] = {}
        self._watchers: WeakSet[ResourceChanges] = WeakSet()

    def park(self, resource: GroupVersionResource | ResourceName, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` when the resource has come or gone, some times; calling the result ends that."""
        parked = _Parked(resource, wake)
        self._parked[id(parked)] = parked
        self.bell.ring()

        def unpark() -> None:
            parked.cancel()
            self._parked.pop(id(parked), None)

        return unpark

    def attach(self, watcher: ResourceChanges) -> None:
        """Somebody wants to know, for as long as they are there."""
        self._watchers.add(watcher)
        self.bell.ring()

    def detach(self, watcher: ResourceChanges) -> None:
        """They do not want to know any more."""
        self._watchers.discard(watcher)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._parked or self._watchers)

    async def run(self) -> None:
        """Look, whenever there is reason to and somebody wants to know, for ever."""
        while True:
            await self.bell.until(lambda: self.is_wanted)
            if not self._may_watch:
                await self._poll()
                continue
            definitions = self._definitions()
            try:
                await self._look()
                await definitions.wait_for_cache_sync()
                await self._watch(definitions)
            except InformerError as error:  # refused, or stopped by a defect
                self._may_watch = False
                logger.info("new resources are found by asking discovery every %g s: %s", POLL, error)
            finally:
                await definitions.aclose()

    def finish(self) -> None:
        """The factory has ended."""
        self.is_over = True
        for parked in self._parked.values():
            parked.cancel()
        self.bell.ring()

    async def _poll(self) -> None:
        while self.is_wanted:
            await self._look()
            await asyncio.sleep(POLL)

    async def _watch(self, definitions: Informer[KubeObject]) -> None:
        """Look when a definition has changed, and a few times after; else rarely, or often if the watch is in trouble."""
        async with definitions.events(replay=False) as changes:
            await anext(changes)  # Synced
            delays: tuple[float, ...] = (0.0,)  # something may have changed since the look before
            while self.is_wanted or delays:
                if await _comes(changes, delays[0] if delays else RARE_POLL if definitions.status.ready else POLL):
                    delays = AFTERMATH
                    continue
                delays = delays[1:]
                await self._look()

    async def _look(self) -> None:
        """Ask discovery, and tell of what is different."""
        try:
            await self._discovery.refresh()
        except InformerError as error:
            logger.debug("what is served stays unknown for now: %s", error)
            return
        before, doubtful = self.known or {}, self._discovery.doubtful
        now = {resource.gvr: resource for resource in self._discovery.served}
        kept = {gvr: r for gvr, r in before.items() if gvr not in now and (gvr.group, gvr.version) in doubtful}
        news = self.known is None or before.keys() != (now | kept).keys()
        self.known = now | kept
        changed = [r for r in (*before.values(), *self.known.values()) if (r.gvr in before) != (r.gvr in self.known)]
        for parked in list(self._parked.values()):
            if any(map(parked.concerns, changed)):
                parked.try_again()
        if news:
            self.bell.ring()


class ResourceChanges:
    """Made by ``factory.watch_resources()``: what is served, then what comes and goes; ends with the factory.

    One that is slower than the changes gets what has become of them. Cancelling a pending step loses nothing.
    """

    def __init__(self, of: ServedResources) -> None:
        self._of = of
        self._told: Known = {}
        self._seen: Known | None = None
        self._is_initial = True
        self._due: list[ResourceChange] = []
        self._is_closed = False
        of.attach(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResourceChange:
        while not self._due:
            await self._of.bell.until(lambda: self._is_over or self._of.known is not self._seen)
            if self._is_over:
                raise StopAsyncIteration
            self._compare(self._of.known or {})
        return self._due.pop()

    async def aclose(self) -> None:
        """End the iteration; whoever waits in it gets its end."""
        self._is_closed = True
        self._due.clear()
        self._of.detach(self)
        self._of.bell.ring()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<ResourceChanges {'closed' if self._is_over else 'open'} told={len(self._told)}>"

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self._of.is_over

    def _compare(self, known: Known) -> None:
        gone: list[ResourceChange] = [
            ResourceVanished(resource) for gvr, resource in self._told.items() if gvr not in known
        ]
        come: list[ResourceChange] = [
            ResourceAppeared(resource, self._is_initial) for gvr, resource in known.items() if gvr not in self._told
        ]
        self._due = [*gone, *come][::-1]
        self._told, self._seen, self._is_initial = known, known, False


async def _comes(changes: Subscription[KubeObject], seconds: float) -> bool:
    """Whether something comes within so many seconds; all that has come is taken."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await anext(changes)
            changes.take(1000)
            return True
    return False
