"""The engine of one informer: what runs between a collection on a server and the cache of it.

Two coroutines with a bounded queue between them: ``Reflector.run`` fills it, ``Applier.run`` empties it into the store.
A third audits now and then where that is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Protocol

import anyio

from aioinformer.applier import Applier
from aioinformer.audit import Auditor
from aioinformer.batches import Deltas
from aioinformer.bell import Bell
from aioinformer.errors import InformerClosed, InformerError, NotRunning, ObjectRejected
from aioinformer.fanout import Fanout
from aioinformer.listwatch import ListWatch
from aioinformer.reflector import Reflector, Source
from aioinformer.status import InformerState, InformerStatus, Monitor
from aioinformer.store import Store
from aioinformer.warm import ACCEPTED, origin_of, restore, save

if TYPE_CHECKING:
    from os import PathLike

    from anyio.abc import TaskGroup

    from aioinformer.audit import AuditReport
    from aioinformer.batches import Batch
    from aioinformer.journal import Journal
    from aioinformer.options import InformerSpec, View
    from aioinformer.snapshot_file import Origin
    from aioinformer.warm import WarmStart

__all__ = ["AuditableSource", "Mirror"]

logger = logging.getLogger(__name__)

QUEUE_SIZE = 16
"""Batches between network and cache."""


class AuditableSource(Source, Protocol):
    """A collection that can also be asked for the metadata of its objects alone."""

    @property
    def server(self) -> str:
        """Which API server it is on."""
        ...

    def metadata_only(self) -> Source:
        """The same collection, without the bodies."""
        ...


class Mirror:
    """Keeps ``store`` like a source, and tells ``fanout`` and ``bell`` of it; from ``start`` until ``aclose``."""

    def __init__(self, spec: InformerSpec, view: View) -> None:
        self.spec = spec
        self.store = Store(spec.index_functions(view), spec.admission(view), strict=spec.strict, storage=spec.storage)
        self.fanout = Fanout()
        self.bell = Bell()
        self.stopped = False
        self.failure: InformerError | None = None
        self.last_audit: AuditReport | None = None
        self.warm_start: WarmStart | None = None
        self._origin: Origin | None = None
        self._applier = Applier(self.store, self.fanout, self.bell.ring)
        self._machine = ListWatch(random.Random(), initial_list=spec.initial_list, page_size=spec.page_size)  # noqa: S311  # jitter
        self._monitor: Monitor | None = None
        self._reflector: Reflector | None = None
        self._auditor: Auditor | None = None
        self._audits: set[anyio.CancelScope] = set()
        self._scope: anyio.CancelScope | None = None
        self._done = asyncio.Event()

    @property
    def synced(self) -> bool:
        """Whether the initial state is in the cache."""
        return self._applier.snapshots > 0

    @property
    def snapshots(self) -> int:
        """How many snapshots have become the cache."""
        return self._applier.snapshots

    @property
    def journal(self) -> Journal:
        """What lately became of the objects that arrived."""
        return self._applier.journal

    @property
    def state(self) -> InformerState:
        """Where it stands, as of now."""
        if self.stopped:
            return InformerState.STOPPED
        return InformerState.IDLE if self._monitor is None else self._monitor.state(synced=self.synced)

    @property
    def stale_at(self) -> float | None:
        """When, by the loop's clock, the state turns to ``STALE`` if nothing is heard; ``None`` when it would not."""
        return self._monitor.stale_at(synced=self.synced) if self._monitor and not self.stopped else None

    @property
    def blocked_by(self) -> InformerError | None:
        """The refusal that only a person can mend, if there is one."""
        return self._monitor.blocked_by if self._monitor else None

    @property
    def status(self) -> InformerStatus:
        """How it is doing, as of now."""
        monitor = self._monitor
        return InformerStatus(
            name=str(self.spec),
            state=self.state,
            synced=self.synced,
            resource_version=self.store.resource_version,
            objects=len(self.store),
            quarantined=len(self.store.quarantine),
            last_error=self.failure or (monitor.last_error if monitor else None),
            last_error_at=monitor.last_error_at if monitor else None,
            attempts=monitor.attempts if monitor else 0,
            next_retry=monitor.next_retry if monitor else None,
            age=monitor.age if monitor else None,
            restarts=max(0, self.snapshots - 1),
            pending=self.fanout.pending,
            last_audit=self.last_audit,
            storage=self.store.storage,
            failure=self.failure,
            warm_start=self.warm_start,
            lag=self.fanout.lag,
        )

    def start(self, tasks: TaskGroup, source: AuditableSource) -> None:
        """Follow the source from now on, in this task group; once."""
        clock = asyncio.get_running_loop().time
        queue: asyncio.Queue[Batch] = asyncio.Queue(QUEUE_SIZE)
        self._scope = anyio.CancelScope()
        self._monitor = Monitor(str(self.spec), self._machine, clock, self.bell.ring)
        self._reflector = Reflector(
            source, self._machine, queue, self._monitor,
            clock=clock, keep_managed_fields=self.spec.keep_managed_fields,
        )  # fmt: skip
        self._origin = origin_of(self.spec, source.server)
        self._auditor = Auditor(self, source.metadata_only(), self.spec.page_size)
        self.fanout.run()
        tasks.start_soon(self._run, self._scope, self._reflector, queue, name=str(self.spec))

    def relist(self) -> None:
        """Fetch a new snapshot: at once, or after the wait that is on."""
        if self._reflector is not None:
            self._reflector.relist()

    async def audit(self, *, repair: bool = True) -> AuditReport:
        """Compare with the source; see ``Informer.audit``."""
        self.check_running()
        with anyio.CancelScope() as scope:
            self._audits.add(scope)
            try:
                return await self._audit(repair=repair)
            finally:
                self._audits.discard(scope)
        raise self.closed_error()

    async def _audit(self, *, repair: bool) -> AuditReport:
        await self.bell.until(lambda: self.stopped or self.synced)
        self.check_alive()
        assert self._auditor is not None  # noqa: S101  # running
        report = await self._auditor.audit(repair=repair)
        self.last_audit = report
        if not report.clean:
            logger.warning("%s: the audit found the cache wrong: %s", self.spec, report)
        return report

    async def save(self, path: str | PathLike[str]) -> None:
        """Write the cache to a file; see ``Informer.snapshot_to``."""
        self.spec.check_savable("snapshot_to")
        self.check_running()
        if self._origin is None or not self.synced:
            raise InformerError(
                f"{self.spec} has nothing to save before its first sync: await wait_for_cache_sync() first"
            )
        await save(path, self.store, self._origin)

    async def aclose(self) -> None:
        """Stop, and return when everything has ended."""
        self.stopped = True
        if self._scope is not None:
            self._scope.cancel()
            await self._done.wait()
        self.finish()

    def finish(self) -> None:
        """It has stopped: tell everybody who waits."""
        self.stopped = True
        for audit in self._audits:
            audit.cancel()
        self.fanout.finish(self.failure)
        self.bell.ring()

    def check_running(self) -> None:
        """Raise ``NotRunning`` when it has not been started."""
        if self._monitor is None and not self.stopped:
            raise NotRunning(f"{self.spec} has not been started: enter its factory with 'async with' first")

    def check_alive(self) -> None:
        """Raise what stopped it, if it has stopped."""
        if self.stopped:
            raise self.closed_error()

    def closed_error(self) -> InformerError:
        """What tells a caller that it has stopped."""
        return self.failure or InformerClosed(
            f"{self.spec} has been stopped; while its factory runs, ask that for it again"
        )

    async def _run(self, scope: anyio.CancelScope, reflector: Reflector, queue: asyncio.Queue[Batch]) -> None:
        try:
            with scope:
                await self._restore()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(reflector.run)
                    tasks.start_soon(self._applier.run, queue)
                    tasks.start_soon(self._accept_restored, queue)
                    if self.spec.audit is not None:
                        tasks.start_soon(self._audit_now_and_then, self.spec.audit)
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends this informer alone
            self.failure = self._defect(getattr(error, "exceptions", (error,))[0])  # a task group wraps it
        finally:
            self.finish()
            self._done.set()

    async def _restore(self) -> None:
        """Start from the file, if there is one that can be used."""
        if self.spec.restore_from is None or self._origin is None:
            return
        warm = await restore(self.spec.restore_from, self.store, self._origin)
        if not warm.refused:
            self._applier.restored_version = warm.resource_version
        if warm.resumes:
            self._machine.resume(warm.resource_version)
        self.warm_start = warm

    async def _accept_restored(self, queue: asyncio.Queue[Batch]) -> None:
        """A watch from the restored version that stays open has been accepted, even if there is nothing new to tell."""
        while self._applier.restored_version is not None:
            await self.bell.until(self._is_watching)
            await asyncio.sleep(ACCEPTED)
            if self._is_watching() and queue.empty():
                await queue.put(Deltas([], ""))
                return

    def _is_watching(self) -> bool:
        return self._monitor is not None and self._monitor.watches

    async def _audit_now_and_then(self, period: float) -> None:
        while True:
            await asyncio.sleep(period * random.uniform(0.75, 1.25))  # noqa: S311  # many informers, one server
            try:
                await self.audit()
            except InformerError as error:
                logger.debug("%s: no audit this time: %s", self.spec, error)

    def _defect(self, cause: Exception) -> InformerError:
        if isinstance(cause, ObjectRejected):
            logger.error("%s: stopped: %s", self.spec, cause)
            return cause
        logger.error("%s: stopped by a defect", self.spec, exc_info=cause)
        failure = InformerError(f"{self.spec} was stopped by a defect: {type(cause).__name__}: {cause}")
        failure.__cause__ = cause
        return failure
