"""Records, batches and snapshots for a store, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.batches import Change, Delta, Deltas, SnapshotPage
from aioinformer.objects import Record, Stored, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aioinformer.store import Store


def record(name: str = "a", version: str = "1", uid: str = "u1", namespace: str = "n", **labels: str) -> Record:
    return Record(key_of(namespace, name), uid, version, labels, b"{}")


def put(*records: Record, version: str = "") -> Deltas:
    return Deltas([Delta(deleted=False, record=r) for r in records], version or records[-1].resource_version)


def gone(*records: Record) -> Deltas:
    return Deltas([Delta(deleted=True, record=r) for r in records], records[-1].resource_version)


def page(*records: Record) -> SnapshotPage:
    return SnapshotPage([Delta(deleted=False, record=r) for r in records])


def commit(store: Store, version: str = "100") -> list[Change]:
    changes = [change for part in store.difference() for change in part]
    for _ in store.commit_snapshot(version):
        pass
    return changes


def snapshot(store: Store, *records: Record) -> list[Change]:
    store.begin_snapshot()
    store.stage(page(*records))
    return commit(store)


def plain(r: Stored) -> Record:
    """The same, as it came off the wire, in whatever form it is kept."""
    return Record(r.key, r.uid, r.resource_version, r.labels, r.raw)


def by_value(r: Stored) -> Iterable[str]:
    """The values in the label ``values``; a record whose label ``fault`` is ``index`` cannot be indexed."""
    if r.labels.get("fault") == "index":
        raise ValueError("cannot be indexed")
    return [value for value in r.labels.get("values", "").split(".") if value]


def admit(r: Stored) -> Stored | None:
    match r.labels.get("fault"):
        case "admit":
            raise ValueError("cannot be taken in")
        case "drop":
            return None
        case _:
            return r
