"""One shared informer: reads from the cache, subscriptions to its changes, waits for what it will hold.

What keeps the cache like the server is its ``Mirror``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from aioinformer.conditions import Condition
from aioinformer.explaining import Explanation, explain
from aioinformer.mirror import Mirror
from aioinformer.options import check_flag, check_seconds, namespace_scope
from aioinformer.reads import Reads
from aioinformer.scope import DEFAULT_MAX_PENDING, Overflow, Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.shapes import judged
from aioinformer.states import StateChanges
from aioinformer.subscription import Subscription
from aioinformer.syncing import until_rescoped, until_synced
from aioinformer.waiting import until_found, until_holds, until_reached
from aioinformer.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from os import PathLike
    from types import EllipsisType

    from anyio.abc import TaskGroup

    from aioinformer.audit import AuditReport
    from aioinformer.errors import InformerError
    from aioinformer.feed import AuditableSource, Presence
    from aioinformer.options import InformerSpec
    from aioinformer.quarantine import Quarantined
    from aioinformer.resource import GroupVersionResource, ResourceName
    from aioinformer.selectors import SelectorLike
    from aioinformer.status import InformerStatus

__all__ = ["Informer"]

T = TypeVar("T")


class Keeper(Protocol):
    """Who hands out informers by what they are on."""

    def move(self, informer: Informer[Any], spec: InformerSpec) -> None:
        """It is about to be on something else. Raises ``InformerConflict`` when there is one on that."""
        ...

    def forget(self, informer: Informer[Any]) -> None:
        """It is closed."""
        ...


class Informer(Reads[T]):
    """A live copy of one resource in one scope, shared by any number of consumers; made by a factory.

    Reads (``get``, ``list``, ``by_index``, ``len``, ``in``, iteration) are synchronous and from memory. Before the first
    sync the cache is empty; ``wait_for_cache_sync`` waits for it. ``T`` is what reads and events hand out: ``KubeObject``,
    or the ``model`` that was asked for.
    """

    def __init__(self, spec: InformerSpec, keeper: Keeper | None = None) -> None:
        self._spec = spec
        self._keeper = keeper
        view: Callable[[Any], T] = spec.view()
        self._mirror = Mirror(spec, view)
        super().__init__(self._mirror.store, view, namespace=lambda: self.namespace, builtin=spec.builtin)

    @property
    def resource(self) -> GroupVersionResource | ResourceName:
        """What this is an informer on, as it was asked for."""
        return self._spec.resource

    @property
    def namespace(self) -> str | None:
        """The one namespace it covers; ``None`` for several, for all, or for a resource without."""
        return self._spec.one_namespace

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces it covers; empty for all, or for a resource without."""
        return tuple(namespace for namespace in self._spec.namespaces if namespace is not None)

    @property
    def label_selector(self) -> LabelSelector:
        """What the server selects its objects by; empty for all."""
        return self._spec.label_selector

    @property
    def field_selector(self) -> str | None:
        """What the server selects its objects' fields by; ``None`` for all."""
        return self._spec.field_selector

    @property
    def subscriptions(self) -> tuple[Subscription[T], ...]:
        """The open ones, in the order of ``status.pending``."""
        return self._mirror.fanout.subscriptions

    @property
    def is_stopped(self) -> bool:
        """Whether it has been closed, its factory has ended, or a defect has stopped it."""
        return self._mirror.stopped

    @property
    def failure(self) -> InformerError | None:
        """The defect that stopped it, if one did; every waiter and subscription raises it."""
        return self._mirror.failure

    @property
    def synced(self) -> bool:
        """Whether the initial state is in the cache. Stays true; see ``status.state`` for whether it is still followed.

        On several namespaces: every one's, but for those where access is refused, and one's at least. Each becomes visible
        as soon as it is whole.
        """
        return self._mirror.synced

    @property
    def resource_version(self) -> str:
        """The version the cache stands at, ``""`` before the first sync.

        On several namespaces, each has its own (``status.namespaces``), and this is the oldest among those in the cache.
        """
        return self._store.resource_version

    @property
    def quarantine(self) -> Mapping[str, Quarantined]:
        """Objects that could not be decoded, transformed or indexed, by key, with the error.

        If an earlier version of one was in the cache, reads go on showing that one: a ``Deleted`` would be a lie.
        """
        return dict(self._store.quarantine)

    @property
    def status(self) -> InformerStatus:
        """How it is doing, as of now."""
        return self._mirror.status

    def states(self) -> StateChanges:
        """An async iterator of states: the present one, then each new one, until the informer is stopped.

        A reader that is slower than the changes gets the latest. A reconnect passes through ``RESUMING``.
        """
        return StateChanges(self._mirror)

    async def audit(self, *, repair: bool = True) -> AuditReport:
        """Compare the cache with the server, and by default repair it.

        Lists the metadata of all objects at one version and compares uid and version key by key, and each cached object
        with its own bytes and index values. What differs only because its event is still on the way, or changes while
        it looks, is no finding. A repair is a relist, whose differences reach subscribers as usual; it is logged as a
        warning. A healthy cache is not touched. With something to settle it may take as long as the server's
        bookmarks are apart, about a minute. Cancelling it loses nothing. The ``audit=`` option does it periodically.

        Raises:
            APIError, NetworkError, MalformedResponse: the server could not be asked; nothing was changed.
            InformerError: the server answered with an older state than the cache's, or refuses the relist.
            InformerClosed: the informer was stopped.
            NotRunning: the factory is not running.
            InvalidOption: ``repair`` is no bool.
        """
        check_flag("repair", repair)
        return await self._mirror.audit(repair=repair)

    def explain(self, key: str) -> Explanation:
        """Why the object under this key is in the cache, or is not, what lately became of it, and what subscribers saw.

        Print it. It costs up to a millisecond, and shows no body; the journal behind it is short: see ``complete_since``.

        Raises:
            InvalidOption: ``key`` is no key, such as ``"default/web"``, of this resource.
        """
        return explain(key, self._mirror)

    def events(  # noqa: PLR0913  # a subscriber's terms, by keyword
        self,
        *,
        namespace: str | Collection[str] | None = None,
        label_selector: SelectorLike = None,
        where: Callable[[T], object] | None = None,
        replay: bool = True,
        resync: float | None = None,
        max_pending: int = DEFAULT_MAX_PENDING,
        overflow: Overflow = "coalesce",
    ) -> Subscription[T]:
        """Subscribe: present objects as ``Added(initial=True)``, then ``Synced``, then live changes.

        The subscription begins with this call, not with the first ``anext``. It waits on through whatever befalls the
        watch, refusals included: ``wait_for_cache_sync`` is what tells of a 403.

        Args:
            namespace: only this namespace, or these; of those that the informer is on.
            label_selector: only objects that match; one that begins to match comes as ``Added``, one that ceases to as
                ``Deleted``.
            where: only objects of which this function says so, entering and leaving likewise. It sees each version once,
                here and not on the server; what it raises ends this subscription alone, and comes out of its ``anext``.
            replay: whether to yield what is there already.
            resync: seconds between rounds of ``Resynced``; the informer's own ``resync`` when ``None``.
            max_pending: how many events may wait before events of one object are merged.
            overflow: ``"coalesce"`` merges past that; ``"error"`` ends the subscription with ``SubscriptionLagged``.

        Raises:
            InvalidOption: an argument that cannot work.
            InformerClosed: the informer has been stopped.
        """
        self._mirror.check_alive()
        if resync is not None:
            check_seconds("resync", resync)
        scope = Scope(namespace, LabelSelector.parse(label_selector), judged(where, self._view))
        self._spec.check_covers(scope.namespaces or ())
        subscription = Subscription(
            self._store,
            self._view,
            Terms(
                scope,
                replay=replay,
                resync=resync or self._spec.resync,
                max_pending=max_pending,
                overflow=overflow,
            ),
        )
        self._mirror.fanout.attach(subscription, self._store.resource_version)
        return subscription

    async def wait_for_cache_sync(self, timeout: float | None = None, *, keep_waiting: bool = False) -> None:  # noqa: ASYNC109  # part of the promise: the error says why
        """Return once the initial state is in the cache.

        Args:
            timeout: seconds; ``None`` waits for ever.
            keep_waiting: wait on through 401, 403 and 404, for access or a resource that is expected to come. On several
                namespaces, without it those that are refused are not waited for, unless all are.

        Raises:
            CacheSyncTimeout: not in time; says the last error, the attempts, and when the next one is.
            CacheSyncError: the server refuses, and waiting would not help.
            InvalidOption: ``timeout`` is no number of seconds, or ``keep_waiting`` no bool.
            InformerClosed: the informer was stopped.
            NotRunning: the factory is not running.
        """
        await until_synced(self._mirror, timeout, keep_waiting=keep_waiting)

    @overload
    async def wait_for(self, what: Condition, timeout: float | None = None) -> dict[str, T]: ...  # noqa: ASYNC109  # as above
    @overload
    async def wait_for(self, what: str | Callable[[T], bool], timeout: float | None = None) -> T: ...  # noqa: ASYNC109  # as above
    async def wait_for(
        self,
        what: str | Callable[[T], bool] | Condition,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> T | dict[str, T]:
        """Wait for an object that has this key or meets this predicate, or for a condition to hold.

        It waits on through whatever befalls the watch, refusals included: give it a timeout, or wait for the sync first.

        Args:
            what: a key, such as ``"default/web"``; a predicate of an object; or a condition, see ``aioinformer.conditions``.
            timeout: seconds; ``None`` waits for ever.

        Returns:
            For a key or predicate the first object, present or to come. For a condition the objects of the keys that it
            names, by key, as they stood when it held; those that were not there are left out.

        Raises:
            NotRunning: the factory is not running.
            WaitTimeout: not within ``timeout`` seconds; says which part of a condition did not hold, and how things stood.
            InformerClosed: the informer was stopped.
            InvalidOption: ``what`` is none of these, or cannot be answered by this informer.
            Exception: whatever the predicate raised.
        """
        if isinstance(what, Condition):
            found = await until_holds(self._mirror, what, timeout)
            return {key: self._view(record) for key, record in found.items()}
        return await until_found(self._mirror, self.events, what, timeout)

    async def rescope(
        self,
        *,
        label_selector: str | Mapping[str, str] | LabelSelector | EllipsisType | None = ...,
        namespaces: str | Collection[str] | EllipsisType | None = ...,
    ) -> None:
        """Follow other labels or namespaces from now on, for everybody who shares this informer; what is left out stays.

        The change is made by the call; awaiting it waits until the cache shows it. Cancelling it ends the waiting, not the
        change. Objects that are no longer in scope come out as ``Deleted(final_state_known=False)``, newcomers as ``Added``,
        the others not at all; reads show what was known before until then. Other labels cost a new list of each namespace;
        a namespace that stays keeps its watch otherwise. Of several at a time, the last one called holds, and all return
        when the cache shows that. Whoever asks the factory for the former scope afterwards gets another informer.

        Args:
            label_selector: what the server selects by; ``None`` for all objects.
            namespaces: one, several, or ``None`` for all.

        Raises:
            InvalidOption: an argument that cannot work; nothing was changed.
            InformerConflict: the factory has another informer in that scope; nothing was changed.
            CacheSyncError: the server refuses all of the new scope. It goes on trying, and reads show what was known before;
                of several namespaces, some that are refused are in ``status`` alone.
            InformerClosed: the informer was stopped.
            NotRunning: the factory is not running.
        """
        self._mirror.check_running()
        self._mirror.check_alive()
        spec = replace(self._spec, restore_from=None)  # that was for the start
        if namespaces is not ...:
            spec = replace(spec, namespace=namespace_scope(namespaces), namespace_is_default=False)
        if label_selector is not ...:
            spec = replace(spec, label_selector=LabelSelector.parse(label_selector))
        if spec.identity != self._spec.identity:
            if self._keeper is not None:
                self._keeper.move(self, spec.checked())
            self._spec = spec.checked()
            self._mirror.rescope(spec)
        await until_rescoped(self._mirror)

    async def wait_for_version(
        self,
        resource_version: str,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        *,
        namespace: str | None = None,
    ) -> None:
        """Return once the cache has reached a version, such as that of your own write's response.

        Bookmarks count, so it returns within about a minute even if the write was outside this informer's selectors. On
        several namespaces it waits for each of those that are in the cache: name the write's own in ``namespace`` to
        wait for no more than that one's watch.

        Raises:
            InvalidOption: it is not a resource version that can be compared, or not a namespace or timeout that can work.
            WaitTimeout: not within ``timeout`` seconds.
            InformerClosed: the informer was stopped.
        """
        await until_reached(self._mirror, resource_version, timeout, namespace=namespace)

    async def snapshot_to(self, path: str | PathLike[str]) -> None:
        """Save the cache, as of now, to a file that ``restore_from=`` starts from; also after the informer was stopped.

        The file is replaced in one step once it is on disk, and only its owner may read it: what is in it is what is in
        the cache, Secrets included. Cancelling leaves what was there before. Costs some ten microseconds of the loop's
        time per object, a millisecond at a time; compressing and writing are done in a thread.

        Raises:
            OSError: it cannot be written there.
            InformerError: there is nothing to save yet, or not in the scope it was last given.
            NotRunning: the factory is not running.
            InvalidOption: objects are transformed, there are several namespaces, or the resource was not named in full.
        """
        await self._mirror.save(path)

    def writing(self, timeout: float | None = None) -> Writer[T]:
        """A view of this informer that is never behind what its writer wrote; see ``Writer``.

            async with informer.writing(timeout=30) as mine:
                if not mine.by_index("owner", uid):
                    mine.wrote(await api.create_namespaced_pod(namespace, body))

        Args:
            timeout: seconds that leaving ``async with`` waits, at most, until the cache holds what was written.

        Raises:
            InvalidOption: ``timeout`` is no number of seconds.
        """
        return Writer(self._mirror, self._view, timeout=timeout)

    async def aclose(self) -> None:
        """Stop this informer alone: its watch, its subscriptions, its waiters. The cache can still be read, as it last was.

        The factory makes a fresh one when it is asked for the same again.
        """
        try:
            await self._mirror.aclose()
        finally:
            if self._keeper is not None:
                self._keeper.forget(self)

    def finish(self) -> None:
        """Tell everybody that this informer has stopped. For the factory to call; ``aclose`` is what stops it."""
        self._mirror.finish()

    def explain_sync(self) -> str:
        """One line: how it is doing and why."""
        return self.status.explain()

    def start(self, tasks: TaskGroup, source: AuditableSource, presence: Presence | None = None) -> None:
        """Follow the source from now on, in this task group. For the factory to call, once."""
        self._mirror.start(tasks, source, presence)

    def __repr__(self) -> str:
        return f"<Informer {self._spec} {self._mirror.state} objects={len(self._store)} version={self.resource_version or None}>"
