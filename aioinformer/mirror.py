"""The engine of one informer: what runs between collections on a server and the cache of them.

Each collection has a ``Feed``, which fills a bounded queue; ``Applier.run`` empties it into the store. There is one
collection, or one for each of several namespaces. A further task audits now and then where that is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from aioinformer.applier import Applier, Inlet, Part
from aioinformer.audit import merged
from aioinformer.batches import Deltas
from aioinformer.bell import Bell
from aioinformer.errors import InformerClosed, InformerError, NotRunning, ObjectRejected
from aioinformer.failures import Decision, Reporter
from aioinformer.fanout import Fanout
from aioinformer.feed import Feed
from aioinformer.options import check_path
from aioinformer.overview import newest_failure, overall, overall_age, overall_stale_at, per_namespace
from aioinformer.status import InformerState, InformerStatus
from aioinformer.store import Store
from aioinformer.warm import ACCEPTED, RESCOPED, WarmStart, origin_of, restore, save

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from anyio.abc import TaskGroup

    from aioinformer.applier import Queue
    from aioinformer.audit import AuditReport
    from aioinformer.feed import AuditableSource, Presence
    from aioinformer.journal import Journal
    from aioinformer.options import InformerSpec
    from aioinformer.shapes import View

__all__ = ["Mirror"]

logger = logging.getLogger(__name__)

QUEUE_SIZE = 16
"""Batches between network and cache."""


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
        self._reporter = Reporter(spec.resource, spec.on_error)
        self._former_restarts = 0
        """Those of namespaces that were left since."""
        self._applier = Applier(self.store, self.fanout, self._applied, self._settle)
        self._feeds: dict[str | None, Feed] = {}
        self._feed_all(spec)
        self._queue: Queue | None = None
        self._tasks: TaskGroup | None = None
        self._source: AuditableSource | None = None
        self._presence: Presence | None = None
        self._auditing = asyncio.Lock()
        self._audits: set[anyio.CancelScope] = set()
        self._scope: anyio.CancelScope | None = None
        self._done = asyncio.Event()

    @property
    def synced(self) -> bool:
        """Whether the initial state is in the cache: every collection's, but for those that are refused."""
        return self.fanout.is_synced

    @property
    def complete(self) -> bool:
        """Whether every collection is in the cache, or was, as the present scope wants it."""
        return not self._applier.is_narrowing and all(feed.is_current for feed in self._feeds.values())

    @property
    def settled(self) -> bool:
        """Whether every collection is in the cache as the present scope wants it, or is refused."""
        feeds = self._feeds.values()
        return not self._applier.is_narrowing and all(feed.is_current or feed.blocked_by is not None for feed in feeds)

    def version_of(self, namespace: str | None) -> str:
        """The version that the cache has reached, of one of several namespaces or of everything."""
        feed = self._feeds.get(namespace)
        return self.store.resource_version if feed is None else feed.resource_version

    def feed_of(self, key: str) -> Feed | None:
        """What brings the object of this key; ``None`` if nothing does."""
        return next((feed for feed in self._all if feed.covers(key)), None)

    @property
    def journal(self) -> Journal:
        """What lately became of the objects that arrived."""
        return self._applier.journal

    @property
    def state(self) -> InformerState:
        """Where it stands, as of now."""
        return InformerState.STOPPED if self.stopped else overall(self._all, synced=self.synced)

    @property
    def stale_at(self) -> float | None:
        """When, by the loop's clock, the state turns to ``STALE`` if nothing is heard; ``None`` when it would not."""
        return None if self.stopped else overall_stale_at(self._all)

    @property
    def blocked_by(self) -> InformerError | None:
        """The refusal that only a person can mend, if there is one and it is all there is."""
        refusals = [feed.blocked_by for feed in self._all]
        return None if None in refusals else refusals[0]

    @property
    def status(self) -> InformerStatus:
        """How it is doing, as of now."""
        feeds = self._all
        failed = newest_failure(feeds).monitor
        monitors = [feed.monitor for feed in feeds if feed.monitor is not None]
        return InformerStatus(
            name=str(self.spec),
            state=self.state,
            synced=self.synced,
            resource_version=self.store.resource_version,
            objects=len(self.store),
            quarantined=len(self.store.quarantine),
            last_error=self.failure or (failed.last_error if failed else None),
            last_error_at=failed.last_error_at if failed else None,
            attempts=max((monitor.attempts for monitor in monitors), default=0),
            next_retry=min((m.next_retry for m in monitors if m.next_retry is not None), default=None),
            age=overall_age(feeds),
            restarts=self._former_restarts + _restarts(feeds),
            pending=self.fanout.pending,
            last_audit=self.last_audit,
            storage=self.store.storage,
            failure=self.failure,
            warm_start=self.warm_start,
            lag=self.fanout.lag,
            namespaces=per_namespace(feeds) if len(feeds) > 1 else {},
            resource=str(self.spec.resource),
            events=self._applier.journal.events,
            reconnects=self._reporter.reconnects,
            requests=dict(self._reporter.requests),
            failures=dict(self._reporter.failures),
        )

    def start(self, tasks: TaskGroup, source: AuditableSource, presence: Presence | None = None) -> None:
        """Follow the source from now on, in this task group; once. ``presence`` is asked when a resource that is missing comes."""
        self._queue = asyncio.Queue(QUEUE_SIZE)
        self._source, self._presence = source, presence
        self._scope = anyio.CancelScope()
        for namespace, feed in self._feeds.items():
            scoped = source if feed.part.is_alone else source.scoped(namespace, self.spec.label_selector)
            feed.start(scoped, self._inlet(feed, self._queue), presence)
        self.fanout.run()
        tasks.start_soon(self._run, self._scope, self._queue, name=str(self.spec))

    def rescope(self, spec: InformerSpec) -> None:
        """Follow another scope of the same resource from now on; ``settled`` tells when the cache shows it.

        What is cached stays until it is known not to belong; the watch of a namespace that stays goes on, unless its labels
        are others. A warm start that is not visible yet becomes a cold one.
        """
        assert self._queue is not None and self._source is not None  # noqa: S101, PT018  # running
        labels_differ = spec.label_selector != self.spec.label_selector
        goes_cold = self._applier.restored_version is not None
        if goes_cold and self.warm_start is not None:
            self.warm_start = WarmStart(self.warm_start.path, RESCOPED)
        before, self.spec = self._feeds, spec
        self._feed_all(spec)
        leaving = [feed for namespace, feed in before.items() if namespace not in self._feeds]
        self._former_restarts += _restarts(leaving)
        for feed in leaving:
            feed.close()
        namespaces = [namespace for namespace in self._feeds if namespace is not None]
        self._applier.narrow([feed.part for feed in leaving], namespaces or None, self._queue)
        for namespace, feed in self._feeds.items():
            if namespace not in before:
                scoped = self._source.scoped(namespace, spec.label_selector)
                feed.start(scoped, self._inlet(feed, self._queue), self._presence)
                if self._tasks is not None:
                    self._tasks.start_soon(feed.run)
            elif labels_differ:
                feed.follow(self._spec_of(namespace), self._source.scoped(namespace, spec.label_selector))
            elif goes_cold:
                feed.relist()
        self._settle()

    def relist(self) -> None:
        """Fetch a new snapshot: at once, or after the wait that is on."""
        for feed in self._all:
            feed.relist()

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
        async with self._auditing:
            followed = [feed for feed in self._all if feed.blocked_by is None] or self._all
            report = merged([await feed.audit(repair=repair) for feed in followed])
        self.last_audit = report
        if not report.clean:
            error = InformerError(f"the audit found the cache wrong: {report}")
            logger.warning("%s: %s", self.spec, error)
            self._failed(error, Decision.REPAIR if report.repaired else Decision.REPORT)
        return report

    async def save(self, path: str | PathLike[str]) -> None:
        """Write the cache to a file; see ``Informer.snapshot_to``."""
        check_path("snapshot_to", path)
        self.spec.check_savable("snapshot_to")
        self.check_running()
        if self._source is None or not self.synced:
            raise InformerError(
                f"{self.spec} has nothing to save before its first sync: await wait_for_cache_sync() first"
            )
        if not self.complete:
            raise InformerError(f"{self.spec} has nothing to save before it shows its new scope: await rescope() first")
        await save(path, self.store, origin_of(self.spec, self._source.server))

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
        if self._queue is None and not self.stopped:
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

    @property
    def _all(self) -> list[Feed]:
        return list(self._feeds.values())

    def _feed_all(self, spec: InformerSpec) -> None:
        """A feed for each collection of the scope; those that are there stay."""
        self._feeds = {namespace: self._feeds.get(namespace) or self._feed(namespace) for namespace in spec.namespaces}
        for feed in self._feeds.values():
            feed.part.is_alone = len(self._feeds) == 1

    def _feed(self, namespace: str | None) -> Feed:
        part = Part(namespace)
        return Feed(
            self._spec_of(namespace), part, store=self.store, bell=self.bell, lane=self.fanout.lane,
            changed=self._settle, reporter=self._reporter,
        )  # fmt: skip

    def _inlet(self, feed: Feed, queue: Queue) -> Inlet:
        return Inlet(self._applier, queue, feed.part)

    def _spec_of(self, namespace: str | None) -> InformerSpec:
        return replace(self.spec, namespace=namespace)

    def _failed(self, error: InformerError, decision: Decision) -> None:
        rejected = error if isinstance(error, ObjectRejected) else None
        self._reporter.failed(
            str(self.spec), error, decision, namespace=self.spec.one_namespace,
            key=rejected.key if rejected else "", resource_version=rejected.resource_version if rejected else "",
        )  # fmt: skip

    def _applied(self) -> None:
        """A batch has been applied: tell of what had to be set aside, and whoever waits."""
        if self.store.set_aside:
            aside, self.store.set_aside = self.store.set_aside, []
            self._reporter.set_aside(str(self.spec), aside)
        self.bell.ring()

    def _settle(self) -> None:
        """The state may be another one. In sync is what has nothing more to wait for, and something to show."""
        if not self.synced and self.settled and any(feed.synced for feed in self._all):
            self.fanout.synced(self.store.resource_version)
        self.bell.ring()

    async def _run(self, scope: anyio.CancelScope, queue: Queue) -> None:
        try:
            with scope:
                await self._restore()
                async with anyio.create_task_group() as self._tasks:
                    for feed in self._all:
                        self._tasks.start_soon(feed.run)
                    self._tasks.start_soon(self._applier.run, queue)
                    if self._applier.restored_version is not None:
                        self._tasks.start_soon(self._accept_restored, self._all[0], queue)
                    if self.spec.audit is not None:
                        self._tasks.start_soon(self._audit_now_and_then, self.spec.audit)
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends this informer alone
            self.failure = self._defect(getattr(error, "exceptions", (error,))[0])  # a task group wraps it
            self.stopped = True
            self._failed(self.failure, Decision.STOP)
        finally:
            self.finish()
            self._done.set()

    async def _restore(self) -> None:
        """Start from the file, if there is one that can be used."""
        spec = self.spec
        if spec.restore_from is None or self._source is None or len(self._feeds) > 1:
            return
        (feed,) = self._all
        origin = origin_of(spec, self._source.server)
        warm = await restore(spec.restore_from, self.store, origin, feed.part.name, lane=self.fanout.lane)
        if self.spec is not spec:  # the applier lets go of what was shelved
            warm = WarmStart(warm.path, warm.refused or RESCOPED)
        if warm.is_unfit:
            self._failed(InformerError(f"cannot start from {warm.path}: {warm.refused}"), Decision.START_COLD)
        if not warm.refused:
            self._applier.restored_version = warm.resource_version
        if warm.resumes:
            feed.resume(warm.resource_version)
        self.warm_start = warm

    async def _accept_restored(self, feed: Feed, queue: Queue) -> None:
        """A watch from the restored version that stays open has been accepted, even if there is nothing new to tell."""
        while self._applier.restored_version is not None:
            await self.bell.until(lambda: feed.watches or self._applier.restored_version is None)
            await asyncio.sleep(ACCEPTED)
            if feed.watches and queue.empty():
                await queue.put((feed.part, Deltas([], "")))
                return

    async def _audit_now_and_then(self, period: float) -> None:
        while True:
            await asyncio.sleep(period * random.uniform(0.75, 1.25))  # noqa: S311  # many informers, one server
            try:
                await self.audit()
            except InformerError as error:
                logger.debug("%s: no audit this time: %s", self.spec, error)
                self._failed(error, Decision.SKIP_AUDIT)

    def _defect(self, cause: Exception) -> InformerError:
        if isinstance(cause, ObjectRejected):
            logger.error("%s: stopped: %s", self.spec, cause)
            return cause
        logger.error("%s: stopped by a defect", self.spec, exc_info=cause)
        failure = InformerError(f"{self.spec} was stopped by a defect: {type(cause).__name__}: {cause}")
        failure.__cause__ = cause
        return failure


def _restarts(feeds: Iterable[Feed]) -> int:
    return sum(max(0, feed.snapshots - 1) for feed in feeds)
