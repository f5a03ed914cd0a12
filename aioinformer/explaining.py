"""Why an object is in a cache, or is not, and why a subscriber has seen it, or has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aioinformer.journal import fate

if TYPE_CHECKING:
    from datetime import datetime

    from aioinformer.journal import JournalEntry
    from aioinformer.mirror import Mirror
    from aioinformer.subscription import Subscription

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of one key, without a body; ``str`` shows it in a few lines. Made by ``informer.explain``."""

    key: str
    resource_version: str
    """The version in the cache, ``""`` if there is none."""
    reason: str
    """Why it is, or is not, in the cache."""
    journal: tuple[JournalEntry, ...]
    """What lately became of it, and when the cache was listed anew; the oldest first."""
    complete_since: datetime | None
    """Since when the journal has every change; ``None``: since the informer began."""
    subscriptions: tuple[str, ...]
    """Why each open subscription has seen it, or has not, in the order of ``informer.subscriptions``."""

    def __str__(self) -> str:
        lines = [f"{self.key}: {self.reason}"]
        if self.complete_since is not None:
            lines.append(f"  (complete since {self.complete_since:%H:%M:%S.%f})")
        lines += [f"  {entry}" for entry in self.journal]
        lines += [f"  subscription {number}: {why}" for number, why in enumerate(self.subscriptions)]
        return "\n".join(lines)


def explain(key: str, mirror: Mirror) -> Explanation:
    """Everything that is known of a key, as of now. Asks no function of the user's, and no server.

    Raises:
        InvalidOption: it is no key, nor what something in quarantine goes by.
    """
    asked: object = key  # by a caller without a type checker, maybe
    if not (isinstance(asked, str) and asked in mirror.store.quarantine):  # pyright: ignore[reportUnnecessaryIsInstance]
        mirror.spec.check_key(key)
    record = mirror.store.get(key)
    return Explanation(
        key,
        record.resource_version if record is not None else "",
        _reason(key, mirror),
        mirror.journal.of(key),
        mirror.journal.complete_since,
        tuple(_sight(key, subscription, mirror) for subscription in mirror.fanout.subscriptions),
    )


def _reason(key: str, mirror: Mirror) -> str:
    store, spec = mirror.store, mirror.spec
    record = store.get(key)
    if record is not None:
        newer = f"; a later version was {fate(store, key)}" if key in store.quarantine else ""
        return f"in the cache at version {record.resource_version}{newer}"
    if key in store.quarantine:
        return fate(store, key)
    feed = mirror.feed_of(key)
    if not mirror.synced or (feed is not None and not feed.is_current):
        return f"not known yet: {mirror.status.explain()}"
    if store.digest(key) is not None:
        return "left out by transform"
    namespace = key.rpartition("/")[0]
    if namespace and not {None, namespace}.intersection(spec.namespaces):
        return f"outside this informer's namespace{'s'[: len(spec.namespaces) > 1]}, {', '.join(filter(None, spec.namespaces))}"
    selected = " and ".join(filter(None, (str(spec.label_selector), spec.field_selector)))
    outside = f", or it does not match {selected}" if selected else ""
    return f"not in the cache at version {mirror.version_of(namespace or None)}: the server has no such object{outside}"


def _sight(key: str, subscription: Subscription[Any], mirror: Mirror) -> str:
    waiting, merged = subscription.waiting_for(key), subscription.lately_merged(key)
    told = [f"{waiting} events wait to be taken"] if waiting else []
    told += [f"{merged} of the last events that were merged, because too many waited, were its"] if merged else []
    record = mirror.store.get(key)
    if not mirror.synced:
        told.append("waits for the first sync")
    elif record is not None and (why := subscription.scope.excludes(record)):
        told.append(why)
    elif subscription.is_replaying:
        told.append("is still taking the replay")
    elif not waiting:
        told.append("has taken all there was to take of it" if record is not None else "there is nothing to take of it")
    return "; ".join(told)
