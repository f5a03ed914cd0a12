"""How an informer is doing, put together from how each of the collections is that it follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aioinformer.status import TROUBLES, InformerState, NamespaceStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aioinformer.feed import Feed

__all__ = ["newest_failure", "overall", "overall_age", "overall_stale_at", "per_namespace"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_WORST_FIRST = (InformerState.STALE, InformerState.SYNCING, InformerState.RESUMING, InformerState.LIVE)


def per_namespace(feeds: Iterable[Feed]) -> Mapping[str, NamespaceStatus]:
    """Each namespace's own status."""
    return {feed.part.name: _status(feed) for feed in feeds}


def overall(feeds: Sequence[Feed], *, synced: bool) -> InformerState:
    """One state for all: the followed ones' worst, or ``DEGRADED`` if they are well and others are not.

    One that joins when the others are in sync already is ``RESUMING`` to the whole, as a new snapshot is under way.
    """
    states = [feed.state for feed in feeds]
    followed = {state for state in states if state not in TROUBLES}
    if not followed or len(states) == 1:
        return states[0]
    worst = next((state for state in _WORST_FIRST if state in followed), states[0])
    if worst is InformerState.SYNCING and synced:
        return InformerState.RESUMING
    degraded = len(followed) < len(set(states)) and worst in {InformerState.LIVE, InformerState.RESUMING}
    return InformerState.DEGRADED if degraded and synced else worst


def overall_stale_at(feeds: Iterable[Feed]) -> float | None:
    """When the first of them turns stale if nothing is heard."""
    return min((moment for feed in feeds if (moment := feed.stale_at) is not None), default=None)


def overall_age(feeds: Sequence[Feed]) -> float | None:
    """Seconds since the last proof of life of the one that has been silent longest, those left out that are refused."""
    monitors = [feed.monitor for feed in feeds if feed.state not in TROUBLES] or [feed.monitor for feed in feeds]
    return max((monitor.age for monitor in monitors if monitor and monitor.age is not None), default=None)


def newest_failure(feeds: Sequence[Feed]) -> Feed:
    """The one that failed last, or the first."""
    return max(feeds, key=lambda feed: (feed.monitor and feed.monitor.last_error_at) or _LONG_AGO)


def _status(feed: Feed) -> NamespaceStatus:
    monitor = feed.monitor
    return NamespaceStatus(
        state=feed.state,
        synced=feed.synced,
        resource_version=feed.resource_version,
        last_error=monitor.last_error if monitor else None,
        last_error_at=monitor.last_error_at if monitor else None,
        attempts=monitor.attempts if monitor else 0,
        next_retry=monitor.next_retry if monitor else None,
        age=monitor.age if monitor else None,
    )
