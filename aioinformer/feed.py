"""What keeps one part of a cache like one collection on a server: a reflector, what it decides by, and who watches it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

import anyio

from aioinformer.audit import Auditor
from aioinformer.listwatch import ListWatch
from aioinformer.reflector import Outlet, Reflector, Source
from aioinformer.staging import within
from aioinformer.status import InformerState, Monitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.applier import Part
    from aioinformer.audit import AuditReport
    from aioinformer.bell import Bell
    from aioinformer.errors import InformerError
    from aioinformer.failures import Reporter
    from aioinformer.options import InformerSpec
    from aioinformer.resource import GroupVersionResource, ResourceName
    from aioinformer.selectors import LabelSelector
    from aioinformer.store import Store
    from aioinformer.turns import Lane

__all__ = ["AuditableSource", "Feed", "Presence"]


class AuditableSource(Source, Protocol):
    """A collection that can also be asked for in other ways."""

    @property
    def server(self) -> str:
        """Which API server it is on."""
        ...

    def metadata_only(self) -> Source:
        """The same collection, without the bodies."""
        ...

    def scoped(self, namespace: str | None, label_selector: LabelSelector) -> AuditableSource:
        """The same resource in another scope; ``None`` is all namespaces."""
        ...


class Presence(Protocol):
    """Who knows when a resource comes."""

    def park(self, resource: GroupVersionResource | ResourceName, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` whenever there is reason to think that the resource has come or gone; calling the result ends that."""
        ...


class Feed:
    """Follows one collection, from ``start`` until ``close``; ``changed`` is called when its state may be another one."""

    def __init__(  # noqa: PLR0913  # its collaborators, by keyword
        self,
        spec: InformerSpec,
        part: Part,
        *,
        store: Store,
        bell: Bell,
        lane: Lane,
        changed: Callable[[], None],
        reporter: Reporter,
    ) -> None:
        self.spec = spec
        self.part = part
        self.store = store
        self.bell = bell
        self.lane = lane
        self.monitor: Monitor | None = None
        self._tell = changed
        self._reporter = reporter
        self._generation = 0
        self._machine = ListWatch(random.Random(), initial_list=spec.initial_list, page_size=spec.page_size)  # noqa: S311  # jitter
        self._reflector: Reflector | None = None
        self._auditor: Auditor | None = None
        self._presence: Presence | None = None
        self._unpark: Callable[[], None] | None = None
        self._scope: anyio.CancelScope | None = None

    @property
    def synced(self) -> bool:
        """Whether a whole snapshot of it is in the cache, or was."""
        return self.part.snapshots > 0

    @property
    def snapshots(self) -> int:
        """How many snapshots of it have become the cache."""
        return self.part.snapshots

    @property
    def resource_version(self) -> str:
        """The version that the cache has reached of it."""
        return self.store.versions.get(self.part.name, "")

    @property
    def watches(self) -> bool:
        """Whether a watch that follows the cache is open."""
        return self.monitor is not None and self.monitor.watches

    def resume(self, resource_version: str) -> None:
        """Begin with a watch from a version of an earlier life. Before it runs."""
        self._machine.resume(resource_version)

    @property
    def state(self) -> InformerState:
        """Where it stands, as of now."""
        return InformerState.IDLE if self.monitor is None else self.monitor.state(synced=self.synced)

    @property
    def stale_at(self) -> float | None:
        """When, by the loop's clock, the state turns to ``STALE`` if nothing is heard; ``None`` when it would not."""
        return None if self.monitor is None else self.monitor.stale_at(synced=self.synced)

    @property
    def blocked_by(self) -> InformerError | None:
        """The refusal that only a person can mend, if there is one."""
        return None if self.monitor is None else self.monitor.blocked_by

    def keys(self) -> list[str]:
        """The keys of what is cached of it."""
        return self.store.keys(self.part.extent)

    def covers(self, key: str) -> bool:
        """Whether an object of this key is its affair."""
        return within(key, self.part.extent)

    def start(self, source: AuditableSource, outlet: Outlet, presence: Presence | None) -> None:
        """Get ready to ``run``; once. What it brings goes to ``outlet``."""
        clock = asyncio.get_running_loop().time
        self._presence = presence
        self._scope = anyio.CancelScope()
        self.monitor = Monitor(
            str(self.spec), self._machine, clock, self._changed, self._reporter, self.spec.one_namespace
        )
        self._reflector = Reflector(
            source, self._machine, outlet, self.monitor,
            clock=clock, keep_managed_fields=self.spec.keep_managed_fields, lane=self.lane,
            dense=lambda: self.store.wants_dense,
        )  # fmt: skip
        self._auditor = Auditor(self, source.metadata_only(), self.spec.page_size)

    async def run(self) -> None:
        """Follow the source until it is closed. A defect passes through."""
        assert self._reflector is not None and self._scope is not None  # noqa: S101, PT018  # started
        try:
            with self._scope:
                await self._reflector.run()
        finally:
            self._unparked()

    def close(self) -> None:
        """Stop; what it had handed on may still be under way."""
        if self._scope is not None:
            self._scope.cancel()

    def relist(self) -> None:
        """Fetch a new snapshot: at once, or after the wait that is on."""
        if self._reflector is not None:
            self._reflector.relist()

    @property
    def is_current(self) -> bool:
        """Whether what is in the cache comes from the source that it was told to follow last."""
        return self.part.generation >= self._generation

    def follow(self, spec: InformerSpec, source: AuditableSource) -> None:
        """Fetch a new snapshot from another source.

        A wait after a failure goes on, but not one that only a person could have ended: what was refused may be granted now.
        """
        assert self._reflector is not None and self.monitor is not None  # noqa: S101, PT018  # started
        self.spec = spec
        self.monitor.name = str(spec)
        self._auditor = Auditor(self, source.metadata_only(), spec.page_size)
        self._generation = self._reflector.relist(source)
        if self.blocked_by is not None:
            self.monitor.blocked_by = None
            self._reflector.hurry()

    async def audit(self, *, repair: bool) -> AuditReport:
        """Compare what is cached of it with the source; see ``Informer.audit``."""
        while True:
            await self.bell.until(lambda: self.is_current or self.blocked_by is not None)
            assert self._auditor is not None  # noqa: S101  # started
            auditor = self._auditor
            report = await auditor.audit(repair=repair)
            if auditor is self._auditor:  # else it has compared one scope with another
                return report

    def _changed(self) -> None:
        """The state may be another one: while the resource is missing, whoever knows is to say when it comes.

        Built-in resources do not come and go but with their server.
        """
        if self.state is not InformerState.MISSING:
            self._unparked()
        elif self._unpark is None and self._presence and self._reflector and not self.spec.builtin:
            self._unpark = self._presence.park(self.spec.resource, self._reflector.hurry)
        self._tell()

    def _unparked(self) -> None:
        if self._unpark is not None:
            self._unpark()
            self._unpark = None
