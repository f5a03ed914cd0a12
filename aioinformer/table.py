"""One generation of the cache: records by key, their namespaces, and what indexes say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aioinformer.objects import Record

__all__ = ["SLICE", "Index", "Table"]

SLICE = 500
"""Objects that are compared, or let go, before the loop gets a turn: a millisecond's worth."""


class Index:
    """Values to keys, and each key's values, so that leaving needs no second call of the user's function."""

    __slots__ = ("by_key", "by_value")

    def __init__(self) -> None:
        self.by_value: dict[str, dict[str, None]] = {}
        self.by_key: dict[str, tuple[str, ...]] = {}

    def put(self, key: str, values: tuple[str, ...]) -> None:
        """The values of a key from now on."""
        if self.by_key.get(key) == values:
            return
        self.discard(key)
        if values:
            self.by_key[key] = values
        for value in values:
            self.by_value.setdefault(value, {})[key] = None

    def holds(self, key: str, values: tuple[str, ...]) -> bool:
        """Whether a key is found under just these values."""
        return self.by_key.get(key, ()) == values and all(key in self.by_value.get(value, ()) for value in values)

    def discard(self, key: str) -> None:
        """Forget a key, and the values that go with it."""
        for value in self.by_key.pop(key, ()):
            keys = self.by_value.get(value, {})
            keys.pop(key, None)  # a damaged index is for an audit to find, not a reason to stop
            if not keys:
                self.by_value.pop(value, None)


class Table:
    """Records by key, with their namespaces and indexes: the live cache, or a snapshot being staged."""

    __slots__ = ("indexes", "left_out", "namespaces", "records")

    def __init__(self, indexes: Iterable[str]) -> None:
        self.records: dict[str, Record] = {}
        self.left_out: dict[str, int] = {}
        """Digests, by key, of objects that are not to be cached."""
        self.namespaces: dict[str, dict[str, None]] = {}
        self.indexes: dict[str, Index] = {name: Index() for name in indexes}

    def put(self, key: str, record: Record, values: Mapping[str, tuple[str, ...]]) -> None:
        """Hold a record, with its values in each index."""
        if key not in self.records:
            self.namespaces.setdefault(record.namespace, {})[key] = None
            if self.left_out:
                self.left_out.pop(key, None)
        self.records[key] = record
        for name, index_values in values.items():
            self.indexes[name].put(key, index_values)

    def leave_out(self, key: str, digest: int) -> None:
        """Remember that this version of an object is not wanted."""
        self.left_out[key] = digest

    def pop(self, key: str) -> Record | None:
        """Let go of what is known under a key; the record, if there was one."""
        record = self.records.pop(key, None)
        if record is None:
            self.left_out.pop(key, None)
            return None
        keys = self.namespaces.get(record.namespace, {})
        keys.pop(key, None)
        if not keys:
            self.namespaces.pop(record.namespace, None)
        for index in self.indexes.values():
            index.discard(key)
        return record

    def dismantle(self) -> Iterator[None]:
        """Let go of everything, some hundred objects at a time: a large dict freed at once is a pause."""
        parts: list[dict[str, Any]] = [self.records, self.namespaces, self.left_out]
        for index in self.indexes.values():
            parts += [index.by_key, index.by_value]
        for part in parts:
            while part:
                for _ in range(min(SLICE, len(part))):
                    part.popitem()
                yield

    def filed(self) -> Iterator[tuple[str, bool]]:
        """Every key that a namespace or an index lists, and whether it belongs there. Changes in between are harmless."""
        for namespace in list(self.namespaces):
            for key in list(self.namespaces.get(namespace, ())):
                record = self.records.get(key)
                yield key, record is not None and record.namespace == namespace
        for index in self.indexes.values():
            for value in list(index.by_value):
                for key in list(index.by_value.get(value, ())):
                    yield key, key in self.records and value in index.by_key.get(key, ())

    def values_of(self, key: str) -> dict[str, tuple[str, ...]]:
        """What each index says of a key."""
        return {name: index.by_key.get(key, ()) for name, index in self.indexes.items()}
