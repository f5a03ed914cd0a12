"""A cache as one writer sees it: with what this writer wrote laid over it, until the watch has brought that or more.

What is laid over is a version of the object that the server has answered with; so it is ahead of the cache, never beside
it. It goes by itself, and nothing brings it back:

- when the cache has reached the written version, by the object's own or by the version of the whole (whatever the cache
  says of the object then is later knowledge, its absence too);
- when the cache has gone back to before it stood at the time of the write, as after a restore of the server's database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aioinformer.objects import KubeObject
from aioinformer.resource import at_least, is_newer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.objects import Stored
    from aioinformer.selectors import LabelSelector
    from aioinformer.store import Store

__all__ = ["Overlay"]


class _Written(NamedTuple):
    """What the writer knows of one key; ``record`` is ``None`` when there is nothing to be seen of it."""

    uid: str
    version: str
    record: Stored | None
    stood_at: str
    is_deletion: bool = False


class Overlay:
    """Reads as a ``Store`` has them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[str, _Written] = {}

    def put(self, written: Stored, shown: Stored | None) -> None:
        """Lay a written version over the cache: what is shown of it, if anything. An older one than is there changes nothing.

        Raises:
            ValueError: its version does not compare.
        """
        at_least(written.resource_version)
        known = self._written.get(written.key)
        if known is None or not is_newer(known.version, written.resource_version):
            stood_at = self._store.resource_version
            self._written[written.key] = _Written(written.uid, written.resource_version, shown, stood_at)

    def hide(self, key: str) -> Stored | None:
        """Do not show the object under this key any more; it, if there is one."""
        gone = self.get(key)
        if gone is not None:
            stood_at = self._store.resource_version
            self._written[key] = _Written(gone.uid, gone.resource_version, None, stood_at, is_deletion=True)
        return gone

    @property
    def pending(self) -> tuple[str, ...]:
        """The keys of which the cache does not know yet what was written."""
        return tuple(key for key in list(self._written) if self._ahead(key) is not None)

    def get(self, key: str) -> Stored | None:
        """The record under a key."""
        written = self._ahead(key)
        return self._store.get(key) if written is None else written.record

    def records(self) -> list[Stored]:
        """All records."""
        return self._laid_over(self._store.records(), lambda _: True)

    def select(self, namespace: str | None, selector: LabelSelector) -> list[Stored]:
        """Those of a namespace, or of all, that match."""

        def is_wanted(record: Stored) -> bool:
            return (namespace is None or record.namespace == namespace) and selector.matches(record.labels)

        return self._laid_over(self._store.select(namespace, selector), is_wanted)

    def by_index(self, index: str, value: str) -> list[Stored]:
        """Those that have this value in the index."""
        found = self._store.by_index(index, value)
        return self._laid_over(found, lambda record: value in self._store.index_values_of(index, record))

    def __len__(self) -> int:
        return len(self.records())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def _ahead(self, key: str) -> _Written | None:
        """What was written under a key, unless the cache knows better; then it is forgotten."""
        written = self._written.get(key)
        if written is not None and self._is_superseded(key, written):
            del self._written[key]
            return None
        return written

    def _laid_over(self, cached: list[Stored], is_wanted: Callable[[Stored], bool]) -> list[Stored]:
        pending = self.pending
        if not pending:
            return cached
        written = [record for key in pending if (record := self._written[key].record) is not None]
        below = [record for record in cached if record.key not in self._written]
        return below + [record for record in written if is_wanted(record)]

    def _is_superseded(self, key: str, written: _Written) -> bool:
        cached, stands_at = self._store.get(key), self._store.resource_version
        if is_newer(written.stood_at, stands_at):
            return True
        if cached is None:
            return _has_reached(stands_at, written.version)
        if written.is_deletion and cached.uid == written.uid:  # the version at which it went is not known
            return _is_terminating(cached, since=written.version)
        return _has_reached(cached.resource_version, written.version) or (
            not written.is_deletion and _has_reached(stands_at, written.version)
        )


def _has_reached(version: str, wanted: str) -> bool:
    return version == wanted or is_newer(version, wanted)


def _is_terminating(record: Stored, *, since: str) -> bool:
    """Whether a later version of a deleted object says that it is still there, waiting for its finalizers."""
    return is_newer(record.resource_version, since) and KubeObject(record).metadata.deletion_timestamp is not None
