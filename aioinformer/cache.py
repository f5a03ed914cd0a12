"""The cache as it is read: its records, and what indexes say of them; and how the records are kept.

One that is written is a ``Store``. Beside what is read there may be snapshots on their way into it, whose indexes and
packing go with its own.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from aioinformer.batches import Delta
from aioinformer.burst import STAGED
from aioinformer.errors import InvalidOption
from aioinformer.packing import Packer, StorageStatus
from aioinformer.staging import identity
from aioinformer.table import SLICE, Index, Table
from aioinformer.wire import decode_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aioinformer.objects import Stored
    from aioinformer.packing import Storage
    from aioinformer.selectors import LabelSelector
    from aioinformer.staging import Staging

    IndexFunction = Callable[[Stored], Iterable[str]]

__all__ = ["Cache", "values_from"]

TOO_LITTLE = "what waits is too little to be packed yet: a dictionary is made once it is a mebibyte"
"""What ``StorageStatus.note`` says of a small cache."""


class Cache:
    """Records by ``namespace/name``, with indexes; ``indexers`` map an index's name to what gives the values of one object."""

    def __init__(self, indexers: Mapping[str, IndexFunction] | None, storage: Storage) -> None:
        self._indexers = dict(indexers or {})
        self._packer = Packer(storage)
        self._live = Table(self._indexers, self._packer)
        self._stagings: dict[str, Staging] = {}
        self._shelved: Table | None = None

    def get(self, key: str) -> Stored | None:
        """The record under a key."""
        return self._live.records.get(key)

    def __len__(self) -> int:
        return len(self._live.records)

    def __contains__(self, key: object) -> bool:
        return key in self._live.records

    def records(self, namespace: str | None = None) -> list[Stored]:
        """All records, or one namespace's, as a list of their own, in the order they came in."""
        records = self._live.records
        if namespace is None:
            return list(records.values())
        return [records[key] for key in self._live.namespaces.get(namespace, ())]

    def select(self, namespace: str | None, selector: LabelSelector) -> list[Stored]:
        """The records of a namespace, or of all, that match; of those that have to be looked at, as few as indexes permit."""
        if not selector:
            return self.records(namespace)
        keys = self._live.narrowest(self._indexers, namespace, selector)
        records = self.records(namespace) if keys is None else [self._live.records[key] for key in keys]
        return [
            record
            for record in records
            if (keys is None or namespace is None or record.namespace == namespace) and selector.matches(record.labels)
        ]

    def keys(self, namespace: str | None = None) -> list[str]:
        """All keys, or one namespace's, in the same order."""
        return list(self._live.records if namespace is None else self._live.namespaces.get(namespace, ()))

    def by_index(self, index: str, value: str) -> list[Stored]:
        """The records that have this value in the index."""
        return [self._live.records[key] for key in self._index(index).keys_of(value)]

    def index_keys(self, index: str, value: str) -> list[str]:
        """The keys that have this value in the index."""
        return list(self._index(index).keys_of(value))

    def index_values(self, index: str) -> list[str]:
        """All values that some object has in the index."""
        return list(self._index(index).by_value)

    def index_values_of(self, index: str, record: Stored) -> tuple[str, ...]:
        """The values that an object has, or would have, in the index; what the user's function raises passes through."""
        self._index(index)
        return values_from(self._indexers[index], record)

    def add_indexer(self, name: str, function: IndexFunction) -> None:
        """Index everything that is there, and whatever comes. What ``function`` raises passes through; nothing is added then.

        Raises:
            InvalidOption: there is an index of this name.
        """
        if name in self._indexers:
            raise InvalidOption(f"there is an index named {name!r} already; its names are {sorted(self._indexers)}")
        built = [_built(table, function) for table in self._tables]
        for table, index in zip(self._tables, built, strict=True):
            table.indexes[name] = index
        self._indexers[name] = function

    def remove_indexer(self, name: str) -> None:
        """Forget an index.

        Raises:
            InvalidOption: there is no index of this name.
        """
        self._index(name)
        del self._indexers[name]
        for table in self._tables:
            del table.indexes[name]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any object, be it cached or left out."""
        return not (self._live.records or self._live.left_out)

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that something is cached of."""
        return list(self._live.namespaces)

    def is_damaged(self, key: str) -> bool:
        """Whether a record contradicts its own bytes, or an index the record. Costs some ten microseconds."""
        record, live = self._live.records[key], self._live
        try:
            read = decode_item(msgspec.Raw(record.raw), keep_managed_fields=True)
            values = {name: values_from(function, record) for name, function in self._indexers.items()}
        except Exception:  # noqa: BLE001  # whatever it is, it did not happen when the object was taken in
            return True
        return (
            not isinstance(read, Delta)
            or identity(read.record) != identity(record)
            or read.record.labels != record.labels
            or record.key != key
            or key not in live.namespaces.get(record.namespace, ())
            or any(not live.indexes[name].holds(key, wanted) for name, wanted in values.items())
        )

    def strays(self) -> Iterator[list[str]]:
        """Keys that a namespace or an index lists wrongly, some at a time."""
        filed = self._live.filed()
        while part := list(islice(filed, SLICE)):
            yield [key for key, belongs in part if not belongs]

    @property
    def storage(self) -> StorageStatus:
        """How the objects are kept, as of now."""
        live, packer = self._live, self._packer
        return StorageStatus(
            mode=packer.mode,
            packed=live.packed,
            packed_bytes=live.packed_bytes,
            waiting=live.waiting,
            waiting_bytes=live.waiting_bytes,
            ratio=packer.ratio,
            dictionaries=packer.dictionaries,
            note=packer.note or (TOO_LITTLE if live.waiting and not live.can_pack else ""),
        )

    @property
    def wants_dense(self) -> bool:
        """Whether what a snapshot brings is best brought in the form in which it will wait: it is all new, and much."""
        return self._packer.mode == "compressed" and not self._known.records

    @property
    def is_pressed(self) -> bool:
        """Whether so much waits to be packed that it cannot wait for a quiet moment."""
        if self._live.has_too_much_waiting(drain=True):
            return True
        if not self._stagings and self._shelved is None:
            return False  # as it is for every event
        hidden = self._tables[1:]
        if self._known.records and any(table.waiting_bytes > STAGED for table in hidden):
            return True
        return any(table.has_too_much_waiting(drain=False) for table in hidden)

    @property
    def can_pack(self) -> bool:
        """Whether there is something to pack."""
        return any(table.can_pack for table in self._tables)

    def pack(self) -> bool:
        """Pack some objects, a millisecond's worth; whether there is more to do."""
        live, *staged = self._tables
        return live.pack() or any(table.pack(newest=True) for table in staged)

    def _index(self, name: str) -> Index:
        try:
            return self._live.indexes[name]
        except (KeyError, TypeError):  # or what cannot even be looked up
            raise InvalidOption(
                f"there is no index named {name!r}; there are {sorted(self._indexers) or 'none'}: add_indexer() makes one"
            ) from None

    @property
    def _tables(self) -> tuple[Table, ...]:
        shelved = () if self._shelved is None else (self._shelved,)
        return (self._live, *shelved, *(staging.table for staging in self._stagings.values()))

    @property
    def _known(self) -> Table:
        """What the next snapshot is compared with."""
        return self._live if self._shelved is None else self._shelved


def values_from(function: IndexFunction, record: Stored) -> tuple[str, ...]:
    """What an index has an object under, each value once; what the user's function raises passes through."""
    values = tuple(dict.fromkeys(function(record)))
    for value in values:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is the user's function
            raise TypeError(f"an indexer gives strings, not {type(value).__name__}")
    return values


def _built(table: Table, function: IndexFunction) -> Index:
    index = Index()
    for key, record in table.records.items():
        index.put(key, values_from(function, record))
    return index
