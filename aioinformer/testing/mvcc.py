"""Objects in versions: what a Kubernetes server keeps in etcd, in memory, synchronous and without I/O.

One counter, the revision, numbers every write to any object; it is the ``resourceVersion`` of the wire. Every write
leaves a `Change` in the log, so that a collection can be read as it was (`Collection.snapshot`) and followed
from any revision on (`Log`), until the history is compacted.

Bodies are immutable JSON without ``kind`` and ``apiVersion``: all served versions of a resource share them. They
begin with the resource version, so that it can be exchanged without decoding.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aioinformer.testing.encoding import JSON, decode, encode
from aioinformer.testing.statuses import ExpiredError, GroupResource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Change", "Collection", "Log", "Reader", "Snapshot", "Store", "Stored", "storage_key"]

_HEAD = b'{"metadata":{"resourceVersion":"'
_KEPT_SNAPSHOTS = 4
_RECENT = 1024  # changes whose encoded events are kept


def storage_key(namespace: str, name: str) -> str:
    """The key objects sort by: as in etcd, so ``a-b/x`` comes before ``a/x``."""
    return f"{namespace}/{name}" if namespace else name


def _reversioned(body: bytes, revision: int) -> bytes:
    return b"%s%d%s" % (_HEAD, revision, body[body.index(b'"', len(_HEAD)) :])


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """One object in one version. ``body`` is its JSON without kind and apiVersion."""

    namespace: str
    name: str
    uid: str
    revision: int
    labels: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, document: JSON, revision: int) -> Stored:
        """Freeze a document as it is at a revision. Its kind and apiVersion are left out."""
        metadata: JSON = document["metadata"]
        rest = {name: value for name, value in document.items() if name not in ("kind", "apiVersion", "metadata")}
        body = encode({"metadata": {"resourceVersion": str(revision), **_without_version(metadata)}, **rest})
        labels: Mapping[str, str] = metadata.get("labels") or {}
        return cls(metadata.get("namespace", ""), metadata["name"], metadata["uid"], revision, dict(labels), body)

    @property
    def key(self) -> str:
        """Where it sorts in its collection."""
        return storage_key(self.namespace, self.name)

    def document(self) -> JSON:
        """A fresh decoded copy, without kind and apiVersion."""
        document: JSON = decode(self.body)
        return document

    def at(self, revision: int) -> Stored:
        """The same content under another version: how a deleted object is shown."""
        return Stored(self.namespace, self.name, self.uid, revision, self.labels, _reversioned(self.body, revision))


def _without_version(metadata: JSON) -> JSON:
    return {name: value for name, value in metadata.items() if name != "resourceVersion"}


@dataclass(slots=True, eq=False)
class Change:
    """One write: ``before`` is ``None`` for a creation, ``after`` for a deletion.

    ``lines`` keeps the encoded watch events made of it, so that all watches share the bytes; ``None`` once it is not recent.
    """

    resource: GroupResource
    revision: int
    before: Stored | None
    after: Stored | None
    lines: dict[tuple[str, str], bytes] | None = field(default_factory=dict[tuple[str, str], bytes])

    @property
    def object(self) -> Stored:
        """The object the change is about: its new state, or the last one it had."""
        stored = self.after or self.before
        assert stored is not None  # noqa: S101 - a change without both cannot be made
        return stored


class Log:
    """The changes of one collection, or of one namespace in it, in order, with those who follow them."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._dropped = 0
        self._readers: set[Reader] = set()

    def __len__(self) -> int:
        return len(self._changes)

    def append(self, change: Change) -> None:
        """Add the newest change and wake the readers."""
        self._changes.append(change)
        for reader in self._readers:
            reader.wake()

    def after(self, revision: int) -> Sequence[Change]:
        """The kept changes newer than a revision."""
        return self._changes[self._index(revision) :]

    def read(self, revision: int, wake: Callable[[], None]) -> Reader:
        """Follow the log from just after a revision. The caller closes the reader."""
        reader = Reader(self, self._dropped + self._index(revision), wake)
        self._readers.add(reader)
        return reader

    def compact(self, revision: int) -> None:
        """Forget the changes below a revision, save those a reader has yet to take."""
        unread = min((reader.position for reader in self._readers), default=self._dropped + len(self._changes))
        count = min(self._index(revision - 1), unread - self._dropped)
        del self._changes[:count]
        self._dropped += count

    def take(self, position: int, limit: int, horizon: int | None = None) -> Sequence[Change]:
        """At most ``limit`` changes from an absolute position on, none newer than the horizon."""
        start = position - self._dropped
        end = start + limit if horizon is None else min(start + limit, self._index(horizon))
        return self._changes[start:end]

    def forget(self, reader: Reader) -> None:
        """Keep nothing for that reader any more."""
        self._readers.discard(reader)

    def _index(self, revision: int) -> int:
        return bisect_right(self._changes, revision, key=_revision_of)


def _revision_of(change: Change) -> int:
    return change.revision


class Reader:
    """A place in a log. What it has not taken yet outlives compaction."""

    def __init__(self, log: Log, position: int, wake: Callable[[], None]) -> None:
        self._log = log
        self.position = position
        self.wake = wake

    def take(self, limit: int, horizon: int | None = None) -> Sequence[Change]:
        """The next changes up to a revision, oldest first; empty when it has caught up."""
        changes = self._log.take(self.position, limit, horizon)
        self.position += len(changes)
        return changes

    def close(self) -> None:
        """Stop following."""
        self._log.forget(self)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A collection as it was at a revision, sorted by key."""

    revision: int
    keys: Sequence[str]
    objects: Sequence[Stored]

    def span(self, namespace: str | None, start_key: str = "") -> tuple[int, int]:
        """The index range of a namespace (``None``: of everything) from a key on."""
        if namespace is None:
            return bisect_left(self.keys, start_key), len(self.keys)
        first, past = f"{namespace}/", f"{namespace}0"  # "0" follows "/"
        return bisect_left(self.keys, max(first, start_key)), bisect_left(self.keys, past)

    def get(self, namespace: str, name: str) -> Stored | None:
        """The object as it was."""
        key = storage_key(namespace, name)
        index = bisect_left(self.keys, key)
        return self.objects[index] if index < len(self.keys) and self.keys[index] == key else None


class Collection:
    """All objects of one resource, now and in its past."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.changed_at = 0
        self.compacted = 0
        self._keys: list[str] = []
        self._logs: defaultdict[str | None, Log] = defaultdict(Log)
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()

    def log(self, namespace: str | None) -> Log:
        """The changes of one namespace, or of all."""
        return self._logs[namespace]

    def has_any(self, namespace: str) -> bool:
        """Whether anything lives in a namespace."""
        prefix = f"{namespace}/"
        index = bisect_left(self._keys, prefix)
        return index < len(self._keys) and self._keys[index].startswith(prefix)

    def record(self, change: Change) -> None:
        """Make a change the newest one."""
        stored = change.object
        if change.after is None:
            del self.objects[stored.key]
            del self._keys[bisect_left(self._keys, stored.key)]
        else:
            if change.before is None:
                insort(self._keys, stored.key)
            self.objects[stored.key] = change.after
        self.changed_at = change.revision
        self._logs[None].append(change)
        if stored.namespace:
            self.log(stored.namespace).append(change)

    def compact(self, revision: int) -> None:
        """Forget what lies below a revision."""
        self.compacted = max(self.compacted, revision)
        for log in self._logs.values():
            log.compact(revision)
        for version in [version for version in self._snapshots if version < min(revision, self.changed_at)]:
            del self._snapshots[version]

    def snapshot(self, revision: int) -> Snapshot:
        """The state at a revision that is neither compacted nor in the future."""
        version = min(revision, self.changed_at)
        kept = self._snapshots.get(version)
        if kept is None:
            kept = self._current() if version == self.changed_at else self._undone(version)
            self._snapshots[version] = kept
        self._snapshots.move_to_end(version)
        while len(self._snapshots) > _KEPT_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return kept

    def _current(self) -> Snapshot:
        return Snapshot(self.changed_at, tuple(self._keys), tuple(self.objects[key] for key in self._keys))

    def _undone(self, revision: int) -> Snapshot:
        objects = dict(self.objects)
        for change in reversed(self._logs[None].after(revision)):
            if change.before is None:
                del objects[change.object.key]
            else:
                objects[change.before.key] = change.before
        keys = sorted(objects)
        return Snapshot(revision, tuple(keys), tuple(objects[key] for key in keys))


class Store:
    """Every collection, under one revision counter.

    Revisions are positive and grow by one a write. ``compacted`` is the oldest revision that can still be read.
    """

    def __init__(self, revision: int = 1, *, max_history: int = 200_000) -> None:
        self.revision = revision
        self.compacted = revision
        self._max_history = max_history
        self._collections: defaultdict[GroupResource, Collection] = defaultdict(Collection)
        self._recent: deque[Change] = deque(maxlen=_RECENT)
        self._listeners: list[Callable[[Change], None]] = []

    def collection(self, resource: GroupResource) -> Collection:
        """The objects of a resource; empty for one never heard of."""
        return self._collections[resource]

    def collections(self) -> Mapping[GroupResource, Collection]:
        """Every collection there is."""
        return self._collections

    def get(self, resource: GroupResource, namespace: str, name: str) -> Stored | None:
        """The object as it is now."""
        return self.collection(resource).objects.get(storage_key(namespace, name))

    def put(self, resource: GroupResource, document: JSON) -> Stored:
        """Write an object, new or not, under the next revision."""
        stored = Stored.of(document, self.revision + 1)
        before = self.collection(resource).objects.get(stored.key)
        self._commit(Change(resource, stored.revision, before, stored))
        return stored

    def remove(self, resource: GroupResource, namespace: str, name: str) -> Stored:
        """Delete an object that exists; what is returned carries the deletion's revision."""
        before = self.collection(resource).objects[storage_key(namespace, name)]
        self._commit(Change(resource, self.revision + 1, before, None))
        return before.at(self.revision)

    def advance(self) -> int:
        """Use up a revision, as writes to other servers' resources do; returns the new one."""
        self.revision += 1
        return self.revision

    def snapshot(self, resource: GroupResource, revision: int | None = None) -> Snapshot:
        """A collection now, or as it was at a revision that is not in the future.

        Raises:
            ExpiredError: that revision is compacted.
        """
        if revision is not None and revision < self.oldest(resource):
            raise ExpiredError("The resourceVersion for the provided list is too old.")
        return self.collection(resource).snapshot(self.revision if revision is None else revision)

    def oldest(self, resource: GroupResource) -> int:
        """The oldest revision in which a resource can still be read."""
        return max(self.compacted, self.collection(resource).compacted)

    def compact(self, revision: int) -> None:
        """Make every version older than the given one unreadable."""
        self.compacted = max(self.compacted, min(revision, self.revision))
        for collection in self._collections.values():
            collection.compact(self.compacted)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on each write, right after it took effect; returns what ends that. Listeners must not write."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _commit(self, change: Change) -> None:
        self.revision = change.revision
        if len(self._recent) == _RECENT:
            self._recent[0].lines = None
        self._recent.append(change)
        collection = self.collection(change.resource)
        collection.record(change)
        if len(collection.log(None)) > self._max_history:
            self.compact(collection.log(None).after(0)[self._max_history // 2].revision)
        for listener in tuple(self._listeners):
            listener(change)
