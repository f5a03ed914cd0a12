"""A snapshot on its way into the cache: what it holds, how it differs from what is there, how it takes its place.

It speaks for the whole cache or for one namespace of it. A namespace's few changes are made in place; for many, the
rest of the cache is carried over beside it, some at a time, so that the last step is as short as for a whole one.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from aioinformer.batches import Change
from aioinformer.table import SLICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aioinformer.objects import Stored
    from aioinformer.table import Table

__all__ = ["Staging", "identity", "replaced", "within"]

COMPARED = 128
"""Objects that are compared whole before the loop gets a turn: packed ones are unpacked for it as far as need be."""
IN_PLACE = 1000
"""Changes that are made in one step: two milliseconds' worth."""


class Staging:
    """The objects of a snapshot so far; ``doubted`` are the keys whose present records it must not take over."""

    __slots__ = ("_namespace", "_removed", "doubted", "is_whole", "restaged", "set_aside", "table")

    def __init__(self, table: Table, doubted: frozenset[str]) -> None:
        self.table = table
        self.doubted = doubted
        self.restaged: dict[str, None] = {}
        """Keys whose records are not the ones that the cache has."""
        self.set_aside: set[str] = set()
        """Keys of objects in it that could not be taken in."""
        self.is_whole = True
        """Whether its table becomes the cache, rather than going into it."""
        self._namespace: str | None = None
        self._removed: list[str] = []

    def difference(self, live: Table, namespace: str | None) -> Iterator[list[Change]]:
        """What committing it as this namespace, or as all there is, will change; see ``Store.difference``."""
        self._namespace, self._removed = namespace, []
        records, staged = live.records, self.table.records
        for keys in _sliced(records if namespace is None else live.namespaces.get(namespace, {})):
            removed = [key for key in keys if key not in staged]
            self._removed += removed
            yield [Change(key, records[key], None) for key in removed]
        for keys in _sliced(self.restaged, COMPARED):
            yield [
                change
                for key in keys
                if not _equal(records.get(key), staged[key])
                for change in replaced(key, records.get(key), staged[key])
            ]
        yield from self._round_off(live, namespace)

    def commit(self, live: Table) -> tuple[Table, Iterator[None]]:
        """The table that is the cache from now on, and what lets go of the other one, a bit at a time."""
        if self.is_whole:
            return self.table, live.dismantle(self.restaged)
        for key in self._removed:
            live.pop(key)
        for key in [key for key in live.left_out if within(key, self._namespace)]:
            del live.left_out[key]
        for key in self.restaged:
            live.put(key, self.table.records[key], self.table.values_of(key))
        live.left_out.update(self.table.left_out)
        return live, self.dismantle()

    def dismantle(self) -> Iterator[None]:
        """Let go of all that came so far, a bit at a time."""
        return self.table.dismantle(self.restaged)

    def _round_off(self, live: Table, namespace: str | None) -> Iterator[list[Change]]:
        """If it speaks for a part and changes more of that than one step may, take over the rest of the cache."""
        others = [] if namespace is None else [other for other in live.namespaces if other != namespace]
        changes = len(self._removed) + len(self.restaged) + len(live.left_out) + len(self.table.left_out)
        few = not self.doubted and changes <= IN_PLACE
        self.is_whole = not (others and few)  # what is doubted may be filed wrongly: nothing of that is kept
        if namespace is None or not self.is_whole:
            return
        for other in others:
            for keys in _sliced(live.namespaces[other]):
                for key in keys:
                    if (record := live.records.get(key)) is not None:
                        self.table.put(record.key, record, live.values_of(key))
                yield []
        for keys in _sliced(live.left_out):
            self.table.left_out.update({key: live.left_out[key] for key in keys if not within(key, namespace)})
            yield []


def within(key: str, namespace: str | None) -> bool:
    """Whether an object is of a namespace, or may be (an object without a key); ``None`` is all of them."""
    return namespace is None or not key or key.startswith(f"{namespace}/")


def identity(record: Stored) -> tuple[str, str, str]:
    """What makes two records the same state of the same object."""
    return record.key, record.uid, record.resource_version


def replaced(key: str, old: Stored | None, new: Stored) -> list[Change]:
    """One change, or two when another object stands under the same name: its predecessor's removal was missed."""
    if old is not None and old.uid != new.uid:
        return [Change(key, old, None), Change(key, None, new)]
    return [Change(key, old, new)]


def _equal(a: Stored | None, b: Stored) -> bool:
    """Whether there is no difference, in whatever form they are kept."""
    return a is b or (a is not None and identity(a) == identity(b) and a.labels == b.labels and a.raw == b.raw)


def _sliced(keys: Mapping[str, object], size: int = SLICE) -> Iterator[list[str]]:
    iterator = iter(keys)
    while part := list(islice(iterator, size)):
        yield part
