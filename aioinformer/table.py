"""One generation of the cache: records by key, their namespaces, and what indexes say of them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from aioinformer.burst import HEAP, WAITING
from aioinformer.dense import PackedRecord
from aioinformer.indexers import ReadyMade

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from aioinformer.objects import Stored
    from aioinformer.packing import Packer
    from aioinformer.selectors import LabelSelector

__all__ = ["SLICE", "Index", "Table"]

SLICE = 500
"""Objects that are compared, or let go, before the loop gets a turn: a millisecond's worth."""
PACKED_AT_ONCE, PACKED_BYTES = 64, 512 * 1024
"""Objects that are packed before the loop gets a turn, and bytes after which no further one is: a millisecond's worth."""
LEARNT_FROM = 4096
"""Objects that a dictionary's samples are drawn from, at most."""
LOOKED_AHEAD = 4096
"""Objects that are found at a time to have waited for longest: a dict passes over all that have left it to find its first."""


class Index:
    """Values to keys, and each key's values, so that leaving needs no second call of the user's function.

    Most indexes have one value per object, and many one object per value: what there is one of stands for itself, and
    only two or more of them are worth a collection.
    """

    __slots__ = ("by_key", "by_value")

    def __init__(self) -> None:
        self.by_value: dict[str, str | dict[str, None]] = {}
        self.by_key: dict[str, str | tuple[str, ...]] = {}

    def put(self, key: str, values: tuple[str, ...]) -> None:
        """The values of a key from now on."""
        if self.values_of(key) == values:
            return
        self.discard(key)
        values = tuple(map(self._known, values))
        if values:
            self.by_key[key] = values[0] if len(values) == 1 else values
        for value in values:
            self._file(value, key)

    def _file(self, value: str, key: str) -> None:
        keys = self.by_value.setdefault(value, key)
        if isinstance(keys, dict):
            keys[key] = None
        elif keys != key:
            self.by_value[value] = {keys: None, key: None}

    def keys_of(self, value: str) -> Collection[str]:
        """The keys under a value; not to be kept, as it changes with the index."""
        keys = self.by_value.get(value, ())
        return (keys,) if isinstance(keys, str) else keys

    def values_of(self, key: str) -> tuple[str, ...]:
        """The values of a key."""
        values = self.by_key.get(key, ())
        return values if isinstance(values, tuple) else (values,)

    def _known(self, value: str) -> str:
        """The very string that is in use for this value already: one for many keys."""
        for key in self.keys_of(value):
            return next((known for known in self.values_of(key) if known == value), value)
        return value

    def holds(self, key: str, values: tuple[str, ...]) -> bool:
        """Whether a key is found under just these values."""
        return self.values_of(key) == values and all(key in self.keys_of(value) for value in values)

    def discard(self, key: str) -> None:
        """Forget a key, and the values that go with it."""
        for value in self.values_of(key):
            keys = self.by_value.get(value)
            if isinstance(keys, dict):
                keys.pop(key, None)  # a damaged index is for an audit to find, not a reason to stop
            if not keys or keys == key:
                self.by_value.pop(value, None)
        self.by_key.pop(key, None)


class Table:
    """Records by key, with their namespaces and indexes: the live cache, or a snapshot being staged."""

    __slots__ = (
        "__weakref__",
        "_oldest",
        "_packer",
        "_waiting",
        "indexes",
        "left_out",
        "namespaces",
        "packed",
        "packed_bytes",
        "records",
        "waiting_bytes",
    )

    def __init__(self, indexes: Iterable[str], packer: Packer) -> None:
        self.records: dict[str, Stored] = {}
        self.left_out: dict[str, int] = {}
        """Digests, by key, of objects that are not to be cached."""
        self.namespaces: dict[str, dict[str, None]] = {}
        self.indexes: dict[str, Index] = {name: Index() for name in indexes}
        self._packer = packer
        self._waiting: dict[str, None] = {}
        """Keys of records that are to be packed, the least recently written first."""
        self._oldest: list[str] = []
        """The first of them, as of a while ago, in reverse."""
        self.waiting_bytes = 0
        self.packed = self.packed_bytes = 0
        """How many records are packed, and the bytes of their blobs."""

    @property
    def waiting(self) -> int:
        """How many records are to be packed when there is time."""
        return len(self._waiting)

    def put(self, key: str, record: Stored, values: Mapping[str, tuple[str, ...]]) -> None:
        """Hold a record, with its values in each index."""
        old = self.records.get(key)
        if old is None:
            self._file(key)
            if self.left_out:
                self.left_out.pop(key, None)
        elif type(old) is PackedRecord:
            key = old.key  # the very string that is in use already
            self._count(old, -1)
        else:
            self._unlist(key, old)
        self.records[key] = record
        if type(record) is PackedRecord:
            self._count(record, 1)
        else:
            self._list(key, record)
        for name, index_values in values.items():
            self.indexes[name].put(key, index_values)

    def add(self, new: Mapping[str, Stored]) -> bool:
        """Hold plain records that no index is of, if there is none under any of these keys: whether that was so.

        As ``put`` does one by one.
        """
        if not self.records.keys().isdisjoint(new):
            return False
        self.records.update(new)
        for key, record in new.items():
            self._file(key)
            self._list(key, record)
        return True

    def _file(self, key: str) -> None:
        """Under its namespace."""
        namespace = key.rpartition("/")[0]
        keys = self.namespaces.get(namespace)
        if keys is None:
            keys = self.namespaces[namespace] = {}
        keys[key] = None

    def _list(self, key: str, record: Stored) -> None:
        """Among those that wait to be packed, if that is worth trying."""
        if size := self._packer.size(record):
            self.waiting_bytes += size
            self._waiting[key] = None

    def _unlist(self, key: str, record: Stored) -> None:
        """It waits no longer, if it did."""
        if key in self._waiting:
            del self._waiting[key]
            self.waiting_bytes -= self._packer.size(record)

    def _count(self, record: PackedRecord, by: int) -> None:
        self.packed += by
        self.packed_bytes += by * len(record.blob)

    def _in_turn(self, *, newest: bool) -> Iterator[str]:
        """Take out one after another of those that wait, the least or the most recently written first."""
        waiting, oldest = self._waiting, self._oldest
        while waiting:
            if newest:
                yield waiting.popitem()[0]
                continue
            if not oldest:
                oldest += islice(waiting, LOOKED_AHEAD)
                oldest.reverse()
            key = oldest.pop()
            if key in waiting:
                del waiting[key]
                yield key

    @property
    def can_pack(self) -> bool:
        """Whether records wait for it, and there are enough for a dictionary or there is one already."""
        return bool(self._waiting) and self._packer.is_ready(self.waiting_bytes)

    def pack(self, *, newest: bool = False) -> bool:
        """Pack some of the records that wait for it; whether there is more to do.

        The least recently written ones, which may be left alone for longest; or the ``newest``: what has just come is still
        in the processor's cache, and the memory that it leaves is there for what comes next.
        """
        packer, waiting = self._packer, self._waiting
        if not self.can_pack:
            return False
        if packer.has_to_learn:
            packer.learn([self.records[key] for key in islice(waiting, LEARNT_FROM) if key in self.records])
            if not self.can_pack:  # nothing could be learnt: again when there is more
                return False
        packer.expect(len(self.records))
        before = self.waiting_bytes
        enough = before - PACKED_BYTES
        count = blobs = 0
        for key in islice(self._in_turn(newest=newest), PACKED_AT_ONCE):
            record = self.records.get(key)
            if record is None:
                continue  # a damaged cache is for an audit to find, not a reason to stop
            self.waiting_bytes -= packer.size(record)
            packed = packer.pack(key, record)
            if packed is not None:
                self.records[key] = packed
                count += 1
                blobs += len(packed.blob)
            if self.waiting_bytes <= enough:
                break
        self.packed += count
        self.packed_bytes += blobs
        if not waiting:
            waiting.clear()  # a dict that was emptied one by one keeps its room
            self._oldest.clear()
            self.waiting_bytes = 0
            packer.rest()
        if not waiting or WAITING.is_little:
            HEAP.freed(before - self.waiting_bytes, more=bool(waiting))
        return bool(waiting)

    def has_too_much_waiting(self, *, drain: bool) -> bool:
        """Whether so much waits that it cannot wait for a quiet moment; see ``Waiting.is_too_much``."""
        return WAITING.is_too_much(self, drain=drain)

    def leave_out(self, key: str, digest: int) -> None:
        """Remember that this version of an object is not wanted."""
        self.left_out[key] = digest

    def pop(self, key: str) -> Stored | None:
        """Let go of what is known under a key; the record, if there was one."""
        record = self.records.pop(key, None)
        if record is None:
            self.left_out.pop(key, None)
            return None
        if type(record) is PackedRecord:
            self._count(record, -1)
        else:
            self._unlist(key, record)
        keys = self.namespaces.get(record.namespace, {})
        keys.pop(key, None)
        if not keys:
            self.namespaces.pop(record.namespace, None)
        for index in self.indexes.values():
            index.discard(key)
        return record

    def dismantle(self, *others: dict[str, Any]) -> Iterator[None]:
        """Let go of everything, and of these, some hundred objects at a time: a large dict freed at once is a pause."""
        parts: list[dict[str, Any]] = [self.records, self.namespaces, self.left_out, self._waiting, *others]
        for index in self.indexes.values():
            parts += [index.by_key, index.by_value]
        for part in parts:
            while part:
                for _ in range(min(SLICE, len(part))):
                    value: object = part.popitem()[1]
                    if isinstance(value, dict) and len(keys := cast("dict[str, None]", value)) > SLICE:
                        parts.append(keys)  # of a namespace, or of an index's value
                yield

    def filed(self) -> Iterator[tuple[str, bool]]:
        """Every key that a namespace or an index lists, and whether it belongs there. Changes in between are harmless."""
        for namespace in list(self.namespaces):
            for key in list(self.namespaces.get(namespace, ())):
                record = self.records.get(key)
                yield key, record is not None and record.namespace == namespace
        for name, index in list(self.indexes.items()):
            for value in list(index.by_value):
                for key in list(index.keys_of(value)):
                    if self.indexes.get(name) is not index:
                        break  # it was removed meanwhile, and is kept up no more
                    yield key, key in self.records and value in index.values_of(key)

    def narrowest(
        self, indexers: Mapping[str, object], namespace: str | None, selector: LabelSelector
    ) -> list[str] | None:
        """The fewest keys among which some index has all that can match; ``None`` if the namespace has no more."""
        fewest = len(self.records if namespace is None else self.namespaces.get(namespace, ()))
        found: list[Collection[str]] | None = None
        for name, indexer in indexers.items():
            if not isinstance(indexer, ReadyMade):
                continue
            for requirement in selector.requirements:
                values = indexer.values_for(requirement)
                if values is None:
                    continue
                lists = [self.indexes[name].keys_of(value) for value in values]
                if (count := sum(map(len, lists))) < fewest:
                    fewest, found = count, lists
        return None if found is None else [key for keys in found for key in keys]

    def values_of(self, key: str) -> dict[str, tuple[str, ...]]:
        """What each index says of a key."""
        return {name: index.values_of(key) for name, index in self.indexes.items()}
