"""The shared factory: one informer per resource, scope and selectors, and the life of all of them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

import anyio

from aioinformer.asking import asked_for, check_conflict, check_defaults
from aioinformer.collection import Collection
from aioinformer.credentials import default_client
from aioinformer.discovery import Discovery
from aioinformer.errors import (
    CacheSyncError,
    CacheSyncTimeout,
    InformerConflict,
    InvalidOption,
    NotRunning,
)
from aioinformer.groups import Groups
from aioinformer.health import FactoryHealth, assess
from aioinformer.informer import Informer
from aioinformer.leases import DEFAULT_LINGER, Leases, check_linger
from aioinformer.metrics import Metric, measure
from aioinformer.options import InformerDefaults, InformerOptions, InformerSpec, check_flag, check_seconds
from aioinformer.resource import GroupVersionResource
from aioinformer.served import ResourceChanges, ServedResources
from aioinformer.status import FactoryStatus
from aioinformer.transport import Transport, check_client
from aioinformer.waiting import check_timeout, until_all_reach

if TYPE_CHECKING:
    from collections import abc
    from collections.abc import AsyncGenerator, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Self, Unpack

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.objects import KubeObject

__all__ = ["SharedInformerFactory"]

logger = logging.getLogger(__name__)

DEFINITIONS = GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions")

M = TypeVar("M")


class SharedInformerFactory(Groups):
    """Makes informers and keeps them: asked twice for the same, it gives the same.

    Enter it with ``async with``; leaving ends every informer, subscription and connection in well under a second,
    whatever they were doing. It can be made, and asked for informers, outside a running loop: nothing is sent before
    it is entered. Built-in resources are attributes: ``factory.apps.v1.deployments``.

    Args:
        api_client: a ``kubernetes_asyncio`` client, which stays yours: it is neither closed nor changed. ``None``: from
            kubeconfig, else from the pod's service account.
        namespace: the namespace, or several, of informers that name none and whose resource has namespaces; ``None`` for all.
        resync: the resync period, in seconds, of informers that name none.
        **defaults: any other of ``InformerOptions``, for informers that do not say otherwise.

    Raises:
        InvalidOption: an option that does not exist or cannot work.
    """

    def __init__(
        self,
        api_client: ApiClient | None = None,
        *,
        namespace: str | abc.Collection[str] | None = None,
        resync: float | None = None,
        **defaults: Unpack[InformerDefaults],
    ) -> None:
        check_client(api_client)
        self._api_client = api_client
        self._defaults: dict[str, Any] = {"namespace": namespace, "resync": resync, **defaults}
        self._informers: dict[tuple[object, ...], Informer[Any]] = {}
        self._specs: dict[tuple[object, ...], InformerSpec] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._transport: Transport | None = None
        self._discovery: Discovery | None = None
        self._served: ServedResources | None = None
        self._ended = False
        self._leases = Leases(self._retire)
        check_defaults(self._defaults)

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers there are, in the order they were asked for; one that a defect stopped stays until asked for anew."""
        return tuple(i for i in self._informers.values() if not i.is_stopped or i.failure is not None)

    @overload
    def informer(self, resource: type[M], **options: Unpack[InformerOptions]) -> Informer[M]: ...
    @overload
    def informer(
        self, resource: GroupVersionResource | str, *, model: type[M], **options: Unpack[InformerOptions]
    ) -> Informer[M]: ...
    @overload
    def informer(
        self, resource: GroupVersionResource | str, **options: Unpack[InformerOptions]
    ) -> Informer[KubeObject]: ...
    def informer(
        self, resource: GroupVersionResource | str | type[Any], *, model: type[Any] | None = None, **options: Any
    ) -> Informer[Any]:
        """The shared informer on a resource; it starts at once when the factory is running.

        Args:
            resource: a ``GroupVersionResource``, a kubectl-style name (``"pods"``, ``"deployments.apps"``,
                ``"widgets.v1.example.com"``), or a model class that names its resource: a ``kubernetes_asyncio`` model, or
                a class with a ``__resource__`` attribute. A name without its version is looked up; give the full name,
                or the same spelling everywhere, to share one informer.
            model: what objects are handed out as, instead of ``KubeObject``: a ``msgspec.Struct`` or dataclass (only the
                fields it declares are built), a model of pydantic 2 (``aioinformer[pydantic]``; it reads the API's names, by
                aliases or an ``alias_generator``), or a ``kubernetes_asyncio`` model.
            **options: see ``InformerOptions``.

        Raises:
            InvalidOption: an option that does not exist or cannot work, or a name that is none.
            InformerConflict: there is such an informer, with other options.
            NotRunning: the factory has ended, or runs in another thread's event loop.
        """
        informer = self._shared(asked_for(resource, model, options, self._defaults), options)
        self._leases.keep(informer)
        return informer

    @overload
    def lease(
        self, resource: type[M], *, linger: float = DEFAULT_LINGER, **options: Unpack[InformerOptions]
    ) -> AbstractAsyncContextManager[Informer[M]]: ...
    @overload
    def lease(
        self,
        resource: GroupVersionResource | str,
        *,
        model: type[M],
        linger: float = DEFAULT_LINGER,
        **options: Unpack[InformerOptions],
    ) -> AbstractAsyncContextManager[Informer[M]]: ...
    @overload
    def lease(
        self,
        resource: GroupVersionResource | str,
        *,
        linger: float = DEFAULT_LINGER,
        **options: Unpack[InformerOptions],
    ) -> AbstractAsyncContextManager[Informer[KubeObject]]: ...
    def lease(
        self,
        resource: GroupVersionResource | str | type[Any],
        *,
        model: type[Any] | None = None,
        linger: float = DEFAULT_LINGER,
        **options: Any,
    ) -> AbstractAsyncContextManager[Informer[Any]]:
        """Use an informer for a while: ``async with factory.lease("pods", namespace="d") as pods``.

        It is shared like any other, and stopped when its last user has left and ``linger`` seconds have passed without a new
        one. One that has ever been asked for otherwise, by ``informer()`` or as an attribute, is never stopped so. Entering
        does not wait for the sync.

        Args:
            resource: see ``informer``.
            model: see ``informer``.
            linger: seconds, 30 by default; of several users the longest counts, from when each left. 0 stops it at once.
            **options: see ``InformerOptions``.

        Raises:
            InvalidOption: an option that does not exist or cannot work, or a name that is none.
            InformerConflict: on entering, there is such an informer, with other options.
            NotRunning: on entering, the factory is not running.
        """
        check_linger(linger)
        spec = asked_for(resource, model, options, self._defaults)
        return self._leases.lease(lambda: self._leased(spec, options), linger)

    def _leased(self, spec: InformerSpec, options: Mapping[str, Any]) -> Informer[Any]:
        if self._tasks is None and not self._ended:
            raise NotRunning("the factory is not running: use its leases within its 'async with'")
        before = self._informers.get(spec.identity)
        informer = self._shared(spec, options)
        if informer is not before:
            self._leases.made(informer)
        return informer

    def _shared(self, spec: InformerSpec, options: Mapping[str, Any]) -> Informer[Any]:
        """The informer there is, or a new one."""
        if self._ended:
            raise NotRunning("this factory has ended; make a new one")
        known = self._informers.get(spec.identity)
        if known is not None and not known.is_stopped:
            check_conflict(self._specs[spec.identity], spec, options)
            return known
        self._check_loop(spec)
        informer: Informer[Any] = Informer(spec, self._claim)
        self._informers[spec.identity] = informer
        self._specs[spec.identity] = spec
        if self._tasks is not None:
            self._start(informer, spec)
        return informer

    def _check_loop(self, spec: InformerSpec) -> None:
        """What is started at once can only be started where the factory runs."""
        if self._supervisor is None or self._tasks is None:
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not self._supervisor.get_loop():
            raise NotRunning(
                f"the factory does not run in this thread: ask for {spec} in its event loop, from another thread by "
                "loop.call_soon_threadsafe or asyncio.run_coroutine_threadsafe"
            )

    def _retire(self, informer: Informer[Any]) -> None:
        """Stop an informer that nobody uses any more, and forget it."""
        identity = next((identity for identity, known in self._informers.items() if known is informer), None)
        if identity is not None:
            del self._informers[identity], self._specs[identity]
        informer.finish()  # so that nobody is given it while it closes
        if self._tasks is not None:
            self._tasks.start_soon(informer.aclose)

    async def wait_for_cache_sync(self, timeout: float | None = None, *, keep_waiting: bool = False) -> None:  # noqa: ASYNC109  # part of the promise: the error says why
        """Return once every informer that was asked for so far is in sync.

        Raises:
            CacheSyncTimeout: not all were in time; says which, and why.
            CacheSyncError: the server refuses one, and waiting would not help (unless ``keep_waiting``).
            InvalidOption: ``timeout`` is no number of seconds, or ``keep_waiting`` no bool.
            NotRunning: the factory is not running.
        """
        check_timeout(timeout)
        check_flag("keep_waiting", keep_waiting)
        if self._tasks is None or self._ended:
            raise NotRunning("the factory is not running: wait for the sync within its 'async with'")
        informers = self.informers
        waits = [asyncio.ensure_future(i.wait_for_cache_sync(keep_waiting=keep_waiting)) for i in informers]
        if not waits:
            return
        try:
            done, late = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_EXCEPTION)
            failures = [error for wait in done if (error := wait.exception()) is not None]
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if failures:
            raise _combined(failures)
        if late:
            lagging = [informer for informer in informers if not informer.synced]
            raise CacheSyncTimeout(
                f"not synced after {timeout:g} s: " + " | ".join(informer.explain_sync() for informer in lagging),
                {informer.status.name: informer.status.last_error for informer in lagging},
            )

    def watch_resources(self) -> ResourceChanges:
        """What the server serves, as it comes and goes: ``async for change in factory.watch_resources()``.

        First a ``ResourceAppeared(initial=True)`` for each resource and version that can be listed and watched, then one for
        each that comes, and a ``ResourceVanished`` for each that goes. CustomResourceDefinitions are watched where the user
        may, so that it takes about a second; otherwise, and for what aggregated servers bring, discovery is asked every 10 s,
        or every minute. It waits on through failures, and ends with the factory.

        Raises:
            NotRunning: the factory is not running.
        """
        if self._served is None or self._ended:
            raise NotRunning("the factory is not running: watch its resources within its 'async with'")
        return ResourceChanges(self._served)

    async def consistent(self, *informers: Informer[Any], at_least: str, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as above
        """Return when all these caches stand at a version or later at once: until you await again, they can be read together.

        What that means is up to how the server keeps its data. Kubernetes promises that versions compare within one
        resource (KEP-5504), and nothing across resources. Resources that the API server keeps in one etcd share its
        counter, so that all of them are then as they were after the write with this version, or later; by default these are
        all built-in and custom resources. With ``--etcd-servers-overrides`` (often for events), and for resources of an
        aggregated API, a version of one says nothing about another, and nothing tells a client that it is so: this then
        returns too early or too late. For a write of your own, waiting on the informer of that resource is always sound:
        ``wait_for_version``, or ``informer.writing()``.

        It is no snapshot of one moment either: each cache may be ahead of ``at_least`` by any number of writes. A resource
        in which nothing happens gets there with a bookmark, about once a minute.

        Args:
            *informers: of this factory.
            at_least: a resource version, such as that of the answer to a write.
            timeout: seconds; ``None`` waits for ever.

        Raises:
            InvalidOption: there is no informer, one is not of this factory, or the version does not compare.
            WaitTimeout: not within ``timeout`` seconds; says which informers lag, and how they are doing.
            InformerClosed: one was stopped.
            NotRunning: the factory is not running.
        """
        foreign = [informer for informer in informers if informer not in self._informers.values()]
        if foreign or not informers:
            raise InvalidOption(
                f"consistent takes informers of this factory, not {repr(foreign[0]) if foreign else 'none'}"
            )
        await until_all_reach(informers, at_least, timeout)

    @property
    def status(self) -> FactoryStatus:
        """How it and its informers are doing, as of now."""
        return FactoryStatus(self._state, tuple(informer.status for informer in self.informers))

    def healthy(self, *, max_staleness: float | None = None) -> FactoryHealth:
        """Whether all informers are fit to serve from, as of now: synced, and followed or about to be. Costs microseconds.

        A reconnect leaves it true. It turns false where access is denied or the resource is gone; when an informer has
        had no watch for a minute; and when a watch's connection has gone dead without a word, at the end of the silence
        that is allowed: three times the rhythm of its bookmarks, which come about once a minute.

        Args:
            max_staleness: seconds since the server was last heard from, bookmarks included, after which an informer is not
                fit either, however it stands. Less than 90 makes quiet resources look stale.

        Raises:
            InvalidOption: ``max_staleness`` is not a positive number.
        """
        if max_staleness is not None:
            check_seconds("max_staleness", max_staleness)
        if self._tasks is None or self._ended:
            return FactoryHealth({"factory": f"the factory is {self._state}"}, {})
        return assess((informer.status for informer in self.informers), max_staleness)

    def metrics(self) -> tuple[Metric, ...]:
        """Its informers in figures, as of now: gauges and counters for any system of metrics; ``render`` makes them text.

        In Prometheus' conventions, each sample labelled with ``informer`` (as ``status.name``) and ``resource``. Costs some
        50 µs per informer, and nothing when it is not called. A counter goes with its informer: a fresh one begins at 0.
        """
        return measure(informer.status for informer in self.informers)

    def _claim(self, informer: Informer[Any], spec: InformerSpec) -> None:
        """An informer is about to be in another scope: whoever asks for that one gets it from now on."""
        former = next(identity for identity, known in self._informers.items() if known is informer)
        taken = self._informers.get(spec.identity)
        if taken is not None and not taken.is_stopped:
            raise InformerConflict(f"there is an informer on {spec} already: ask the factory for that one instead")
        self._informers = {
            spec.identity if identity == former else identity: known
            for identity, known in self._informers.items()
            if known is not taken
        }
        del self._specs[former]
        self._specs[spec.identity] = spec

    @property
    def _state(self) -> str:
        return "ended" if self._ended else "idle" if self._tasks is None else "running"

    def __repr__(self) -> str:
        return f"<SharedInformerFactory {self._state} informers={len(self.informers)}>"

    async def __aenter__(self) -> Self:
        if self._ended or self._supervisor is not None:
            raise NotRunning("a factory is entered once; make a new one")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(ready), name="aioinformer factory")
        try:
            await asyncio.wait({ready, self._supervisor}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await self._end()
            raise
        if not ready.done():
            self._ended = True
            self._supervisor.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _supervise(self, ready: asyncio.Future[None]) -> None:
        """Own every task and connection, in one task, so that ``async with`` may be left in another than it was entered in."""
        async with self._connected(), anyio.create_task_group() as self._tasks:
            assert self._discovery is not None  # noqa: S101  # connected
            self._served = ServedResources(self._discovery, self._definitions)
            self._tasks.start_soon(self._served.run, name="aioinformer served resources")
            for identity, informer in self._informers.items():
                self._start(informer, self._specs[identity])
            ready.set_result(None)
            await anyio.sleep_forever()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            client, refresh = self._api_client, None
            if client is None:
                client, refresh = await default_client()
                stack.push_async_callback(client.close)
            self._transport = await stack.enter_async_context(Transport(client, refresh))
            self._discovery = Discovery(self._transport)
            yield

    async def _end(self) -> None:
        self._ended = True
        self._leases.end()
        try:
            if self._supervisor is not None:
                self._supervisor.cancel()
                await _until_done(self._supervisor)
        finally:
            if self._served is not None:
                self._served.finish()
            for informer in self._informers.values():
                informer.finish()

    def _start(self, informer: Informer[Any], spec: InformerSpec) -> None:
        assert self._tasks is not None and self._transport is not None and self._discovery is not None  # noqa: S101, PT018  # running
        informer.start(self._tasks, Collection(spec, self._transport, self._discovery), self._served)

    def _definitions(self) -> Informer[KubeObject]:
        """An informer on CustomResourceDefinitions that is nobody else's."""
        spec = InformerSpec(DEFINITIONS, metadata_only=True)
        informer: Informer[KubeObject] = Informer(spec)
        self._start(informer, spec)
        return informer


async def _until_done(task: asyncio.Task[None]) -> None:
    """Wait for a task that has been cancelled, however often the waiting is; a cancellation is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    defect = None if task.cancelled() else task.exception()
    if defect is not None:
        logger.error("the factory did not end cleanly", exc_info=defect)
    if cancelled is not None:
        raise cancelled


def _combined(failures: list[BaseException]) -> BaseException:
    errors = {
        name: error
        for failure in failures
        if isinstance(failure, CacheSyncError)
        for name, error in failure.errors.items()
    }
    if len(failures) == 1 or not errors:
        return failures[0]
    reasons = " | ".join(str(failure).removeprefix("cannot sync: ") for failure in failures)
    combined = CacheSyncError(f"cannot sync: {reasons}", errors)
    combined.__cause__ = failures[0]
    return combined
