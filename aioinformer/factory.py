"""The shared factory: one informer per resource, scope and selectors, and the life of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from aioinformer.asking import asked_for, check_defaults
from aioinformer.errors import InvalidOption, NotRunning
from aioinformer.groups import Groups
from aioinformer.health import FactoryHealth, assess
from aioinformer.informer import Informer
from aioinformer.leases import DEFAULT_LINGER, Lease, Leases, check_linger
from aioinformer.metrics import Metric, measure
from aioinformer.options import InformerDefaults, InformerOptions, check_seconds
from aioinformer.registry import Registry
from aioinformer.served import ResourceChanges
from aioinformer.status import FactoryStatus
from aioinformer.supervision import Supervisor
from aioinformer.syncing import until_all_synced
from aioinformer.transport import check_client
from aioinformer.waiting import until_all_reach

if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Self, Unpack

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.objects import KubeObject
    from aioinformer.options import InformerSpec
    from aioinformer.resource import GroupVersionResource

__all__ = ["SharedInformerFactory"]

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
        self._defaults: dict[str, Any] = {"namespace": namespace, "resync": resync, **defaults}
        self._registry = Registry()
        self._supervisor = Supervisor(api_client)
        self._leases = Leases(self._retire)
        check_defaults(self._defaults)

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers there are, in the order they were asked for; one that a defect stopped stays until asked for anew."""
        return tuple(i for i, _ in self._registry.all if not i.is_stopped or i.failure is not None)

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
            RuntimeError: it is entered a second time: each use asks for its own.
        """
        check_linger(linger)
        spec = asked_for(resource, model, options, self._defaults)
        return Lease(self._leases, lambda: self._leased(spec, options), linger)

    def _leased(self, spec: InformerSpec, options: Mapping[str, Any]) -> Informer[Any]:
        if not self._supervisor.has_ended:
            self._supervisor.check_running("use its leases")
        before = self._registry.find(spec, options)
        informer = self._shared(spec, options) if before is None else before
        if before is None:
            self._leases.made(informer)
        return informer

    def _shared(self, spec: InformerSpec, options: Mapping[str, Any]) -> Informer[Any]:
        """The informer there is, or a new one."""
        if self._supervisor.has_ended:
            raise NotRunning("this factory has ended; make a new one")
        known = self._registry.find(spec, options)
        if known is not None:
            return known
        self._supervisor.check_loop(spec)
        informer: Informer[Any] = Informer(spec, self._registry)
        self._registry.add(informer, spec)
        if self._supervisor.is_running:
            self._supervisor.start(informer, spec)
        return informer

    def _retire(self, informer: Informer[Any]) -> None:
        """Stop an informer that nobody uses any more, and forget it."""
        self._registry.forget(informer)
        self._supervisor.close(informer)

    async def wait_for_cache_sync(self, timeout: float | None = None, *, keep_waiting: bool = False) -> None:  # noqa: ASYNC109  # part of the promise: the error says why
        """Return once every informer that was asked for so far is in sync.

        Raises:
            CacheSyncTimeout: not all were in time; says which, and why.
            CacheSyncError: the server refuses one, and waiting would not help (unless ``keep_waiting``).
            InvalidOption: ``timeout`` is no number of seconds, or ``keep_waiting`` no bool.
            NotRunning: the factory is not running.
        """
        self._supervisor.check_running("wait for the sync")
        await until_all_synced(self.informers, timeout, keep_waiting=keep_waiting)

    def watch_resources(self) -> ResourceChanges:
        """What the server serves, as it comes and goes: ``async for change in factory.watch_resources()``.

        First a ``ResourceAppeared(initial=True)`` for each resource and version that can be listed and watched, then one for
        each that comes, and a ``ResourceVanished`` for each that goes. CustomResourceDefinitions are watched where the user
        may, so that it takes about a second; otherwise, and for what aggregated servers bring, discovery is asked every 10 s,
        or every minute. It waits on through failures, and ends with the factory.

        Raises:
            NotRunning: the factory is not running.
        """
        self._supervisor.check_running("watch its resources")
        assert self._supervisor.served is not None  # noqa: S101  # running
        return ResourceChanges(self._supervisor.served)

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
        foreign = [it for it in informers if it not in self._registry and not _is_closed(it)]
        if foreign or not informers:
            raise InvalidOption(
                f"consistent takes informers of this factory, not {repr(foreign[0]) if foreign else 'none'}"
            )
        await until_all_reach(informers, at_least, timeout)

    @property
    def status(self) -> FactoryStatus:
        """How it and its informers are doing, as of now."""
        return FactoryStatus(self._supervisor.state, tuple(informer.status for informer in self.informers))

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
        if not self._supervisor.is_running:
            return FactoryHealth({"factory": f"the factory is {self._supervisor.state}"}, {})
        return assess((informer.status for informer in self.informers), max_staleness)

    def metrics(self) -> tuple[Metric, ...]:
        """Its informers in figures, as of now: gauges and counters for any system of metrics; ``render`` makes them text.

        In Prometheus' conventions, each sample labelled with ``informer`` (as ``status.name``) and ``resource``. Costs some
        50 µs per informer, and nothing when it is not called. A counter goes with its informer: a fresh one begins at 0.
        """
        return measure(informer.status for informer in self.informers)

    def __repr__(self) -> str:
        return f"<SharedInformerFactory {self._supervisor.state} informers={len(self.informers)}>"

    async def __aenter__(self) -> Self:
        try:
            await self._supervisor.enter(self._begin)
        except BaseException:
            if self._supervisor.has_ended:
                self._finish()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leases.end()
        try:
            await self._supervisor.leave()
        finally:
            self._finish()

    def _begin(self) -> None:
        for informer, spec in self._registry.all:
            self._supervisor.start(informer, spec)

    def _finish(self) -> None:
        self._leases.end()
        for informer, _ in self._registry.all:
            informer.finish()


def _is_closed(informer: object) -> bool:
    """Whether it was one, and has been forgotten."""
    return isinstance(informer, Informer) and informer.is_stopped
