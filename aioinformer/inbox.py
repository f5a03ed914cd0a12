"""What one subscriber has not taken yet: filled by the informer, which never waits for it.

First what the cache holds, to be replayed; then the changes from then on, as this subscriber sees them, in a backlog
with a bound. Taking from it is the subscription's.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol

from aioinformer.backlog import Backlog
from aioinformer.errors import SubscriptionLagged
from aioinformer.lag import Lag

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from aioinformer.batches import Change
    from aioinformer.objects import Stored
    from aioinformer.scope import Scope, Terms

__all__ = ["CacheReads", "Inbox"]


class CacheReads(Protocol):
    """What a subscription reads of the cache."""

    def get(self, key: str) -> Stored | None:
        """The record under a key."""
        ...

    def records(self, namespace: str | None = None) -> list[Stored]:
        """All records, or one namespace's, in a list of their own."""
        ...

    def keys(self, namespace: str | None = None) -> list[str]:
        """All keys, or one namespace's, in a list of their own."""
        ...


class Inbox:
    """What waits for one subscriber, on its terms."""

    def __init__(self, cache: CacheReads, terms: Terms) -> None:
        self._cache = cache
        self._terms = terms
        self._scope = terms.scope
        self._is_narrow = not terms.scope.is_everything
        self._max_pending = terms.max_pending
        self._backlog = Backlog(terms.max_pending)
        self._in_order = self._backlog.in_order
        self._initial: list[Stored] = []
        self._synced_version: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lag = Lag()
        self._closed = False
        self._failure: Exception | None = None
        self.held = 0
        """Events that were taken for a consumer who has not got them yet. For a merge to set."""
        self.now: Callable[[], float] = monotonic
        """The clock by which events wait. For the fan-out to set."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be offered."""
        return self._closed

    @property
    def pending(self) -> int:
        """How many events wait to be taken; while a filtered replay lasts, at most."""
        return len(self._initial) + len(self._backlog) + self.held

    @property
    def lag(self) -> float:
        """Seconds for which the oldest event that waits has waited, give or take a twentieth; 0.0 when none does.

        Of events that were merged because too many waited, it is those of the one that has been behind longest, at most.
        """
        waiting = len(self._in_order)
        behind = len(self._backlog) > waiting
        return self._lag.seconds(waiting, self.now(), replaying=self.is_replaying, behind=behind)

    @property
    def scope(self) -> Scope:
        """Which objects it wants."""
        return self._scope

    def waiting_for(self, key: str) -> int:
        """How many events of one object wait to be taken, apart from the replay."""
        return self._backlog.count(key)

    def lately_merged(self, key: str) -> int:
        """How many events of one object are among the last ones that were merged."""
        return self._backlog.lately_merged.count(key)

    @property
    def is_replaying(self) -> bool:
        """Whether ``Synced`` is about to come: the cache is in sync, and the replay of it has not been taken yet."""
        return self._synced_version is not None

    @property
    def merged(self) -> int:
        """How many events were merged into others because too many waited."""
        return self._backlog.merged

    def start(self, resource_version: str) -> None:
        """The cache is in sync at this version: replay what it holds. For the informer to call, once."""
        if self._closed:
            return
        if self._terms.replay:
            for namespace in self._scope.namespaces or (None,):
                self._initial += self._cache.records(namespace)
            self._initial.reverse()
            self._scope.replay(begins=True)
        self._lag.started(self.now())
        self._synced_version = resource_version
        self._wake()

    def offer(self, changes: Sequence[Change], now: float | None = None) -> None:
        """Take changes in, in order. For the informer to call, with the time by ``now`` if it has that; never waits."""
        in_order, lag = self._in_order, self._lag
        total = len(in_order) + len(changes)
        if (  # as nearly always, and for each subscriber: no call for what is a line
            self._is_narrow
            or self._closed
            or now is None
            or now >= lag.next_mark
            or total > self._max_pending
            or self._backlog.behind
        ):
            self._take_in_otherwise(changes, self.now() if now is None else now)
            return
        in_order.extend(changes)
        lag.count += len(changes)
        if (waiter := self._waiter) is not None and not waiter.done():
            waiter.set_result(None)

    def _take_in_otherwise(self, changes: Sequence[Change], now: float) -> None:
        """What ``offer`` does when there is more to it."""
        if self._closed:
            return
        failure: Exception | None = None
        if self._is_narrow:
            changes, failure = self._scope.narrowed(changes)
        if changes and not self._take_in(changes, now):
            self._fail(
                SubscriptionLagged(
                    f"more than {self._terms.max_pending} events waited: take them faster, raise max_pending, or use overflow='coalesce'"
                )
            )
        elif failure is not None:
            self._fail(failure)
        elif changes:
            self._wake()

    def _take_in(self, changes: Sequence[Change], now: float) -> bool:
        """Add to the backlog; ``False`` if that is too much for a subscription that does not merge."""
        in_order, backlog = self._in_order, self._backlog
        waiting = len(in_order)
        was_behind = bool(backlog.behind)
        if not backlog.extend(changes, merge=self._terms.overflow == "coalesce"):
            return False
        added = len(in_order) - waiting
        if added:
            self._lag.offered(added, waiting + added, now)
        if backlog.behind and not was_behind:
            self._lag.fell_behind(now)
        return True

    def finish(self, failure: Exception | None = None) -> None:
        """The informer has stopped: once what waits has been taken, end or raise. For the informer to call."""
        self._closed = True
        self._failure = self._failure or failure
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._closed = True
        self._wake()
