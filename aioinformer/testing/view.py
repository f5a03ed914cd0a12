"""The store as one request sees it, with the faults that bend its sight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aioinformer.testing.conditions import BookmarksDropped, Spoilt, Stale
from aioinformer.testing.encoding import encode
from aioinformer.testing.refusals import StreamingRejected
from aioinformer.testing.statuses import GroupResource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aioinformer.testing.faults import Faults
    from aioinformer.testing.mvcc import Change, Log, Snapshot, Store, Stored
    from aioinformer.testing.requests import Request

__all__ = ["View"]

_ASKS_FOR_STREAMING = ("sendInitialEvents", "resourceVersionMatch")


class View:
    """Reads for one request. Every answer is of the moment: faults may come and go while a watch is open."""

    def __init__(self, store: Store, faults: Faults, request: Request) -> None:
        self._store = store
        self._faults = faults
        self._request = request

    @property
    def query(self) -> Mapping[str, str]:
        """The request's query, as far as the server understands it."""
        query = self._request.query
        if "sendInitialEvents" not in query or not self._ignores_streaming:
            return query
        return {name: value for name, value in query.items() if name not in _ASKS_FOR_STREAMING}

    @property
    def horizon(self) -> int | None:
        """The revision past which nothing can be seen, if there is one. A compaction beyond it moves it on."""
        stale = self._faults.concerning(self._request, Stale)
        gvr = self._request.resource
        if stale is None or gvr is None:
            return None
        return max(stale.revision, self.oldest(GroupResource(gvr.group, gvr.resource)))

    @property
    def revision(self) -> int:
        """The latest revision to be seen."""
        horizon = self.horizon
        return self._store.revision if horizon is None else horizon

    def oldest(self, resource: GroupResource) -> int:
        """The oldest revision of a resource that history still reaches back to."""
        return self._store.oldest(resource)

    def snapshot(self, resource: GroupResource, revision: int | None = None) -> Snapshot:
        """As `Store.snapshot`."""
        return self._store.snapshot(resource, self.revision if revision is None else revision)

    def get(self, resource: GroupResource, namespace: str, name: str) -> Stored | None:
        """The object as it can be seen."""
        if self.horizon is None:
            stored = self._store.get(resource, namespace, name)
        else:
            stored = self.snapshot(resource).get(namespace, name)
        return stored and self.shown([stored])[0]

    def log(self, resource: GroupResource, namespace: str | None) -> Log:
        """The changes of a namespace, or of all."""
        return self._store.collection(resource).log(namespace)

    def sends_bookmarks(self, *, initial: bool = False) -> bool:
        """Whether bookmarks get through, or the one that ends the initial events."""
        dropped = self._faults.concerning(self._request, BookmarksDropped)
        if initial:
            return not (self._ignores_streaming or (dropped and dropped.initial))
        return dropped is None

    def shown(self, objects: Sequence[Stored]) -> Sequence[Stored]:
        """Objects as they are sent."""
        keys = self._spoilt_keys
        return [_spoil(stored) if stored.key in keys else stored for stored in objects] if keys else objects

    def shown_change(self, change: Change) -> Change:
        """A change as it is sent."""
        if change.object.key not in self._spoilt_keys:
            return change
        before, after = change.before and _spoil(change.before), change.after and _spoil(change.after)
        return replace(change, before=before, after=after, lines=None)

    @property
    def _spoilt_keys(self) -> set[str]:
        return {fault.key for fault in self._faults.of(Spoilt) if fault.covers(self._request)}

    @property
    def _ignores_streaming(self) -> bool:
        rejected = self._faults.concerning(self._request, StreamingRejected)
        return rejected is not None and rejected.status is None


def _spoil(stored: Stored) -> Stored:
    document = stored.document()
    document["metadata"]["labels"] = 0  # which is no map
    return replace(stored, body=encode(document))
