"""store.py: many objects of a first copy taken in at once are what they are one by one; and in which form they come."""

from __future__ import annotations

from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.batches import Delta, SnapshotPage, Undecodable
from aioinformer.dense import DenseRecord, dense
from aioinformer.objects import Record, key_of
from aioinformer.packing import LARGEST, Storage
from aioinformer.store import Store
from tests.stored import admit, by_value, commit, page, put, record, snapshot

Item: TypeAlias = Delta | Undecodable


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


KINDS = st.sampled_from(["plain", "plain", "plain", "dense", "dense", "deleted", "undecodable"])
ITEMS = st.tuples(KINDS, st.sampled_from(["", "n", "m"]), st.sampled_from("abcdefgh"), st.sampled_from(["1", "2"]))


def item(kind: str, namespace: str, name: str, version: str) -> Item:
    key = key_of(namespace, name)
    if kind == "undecodable":
        return Undecodable(key, version, ValueError())
    made = Record(key, "u", version, {"app": name}, b'{"metadata":{"name":"%b"}}' % name.encode())
    return Delta(kind == "deleted", dense(made, made.labels) if kind == "dense" else made)


def state(store: Store) -> tuple[Any, ...]:
    """All there is to be known of it, in its order."""
    table = store._live
    return (
        [(type(r), r.key, r.uid, r.resource_version, r.labels, r.raw) for r in table.records.values()],
        {namespace: [*keys] for namespace, keys in table.namespaces.items()},
        ([*table._waiting], table.waiting_bytes),
        sorted(store.quarantine),
    )


def first_copy(pages: list[list[Item]], storage: Storage) -> tuple[Any, ...]:
    store = Store(storage=storage)
    store.begin_snapshot()
    for items in pages:
        store.stage(SnapshotPage(items))
    [staging] = store._stagings.values()
    restaged = [*staging.restaged]
    changes = commit(store)
    return state(store), restaged, [(c.key, c.old, c.new) for c in changes]


@given(st.lists(st.lists(ITEMS, max_size=6), max_size=4), st.sampled_from(["compressed", "plain"]))
def test_taken_in_at_once_or_one_by_one_the_objects_are_the_same(
    drawn: list[list[tuple[str, str, str, str]]], storage: Storage
) -> None:
    pages = [[item(*each) for each in some] for some in drawn]
    with patch.object(Store, "_stage_all", lambda *_: False):
        expected = first_copy(pages, storage)
    assert first_copy(pages, storage) == expected


def test_where_somebody_is_to_be_asked_each_object_is_asked_about() -> None:
    store = Store({"value": by_value}, admit)
    snapshot(store, record("a", values="x"), record("b", fault="drop"), record("c", fault="admit"))
    assert store.keys() == ["n/a"]
    assert store.index_keys("value", "x") == ["n/a"]
    assert [*store.quarantine] == ["n/c"]


def test_what_was_set_aside_is_not_any_more_once_it_can_be_taken_in() -> None:
    store = Store()
    store.begin_snapshot()
    store.stage(SnapshotPage([Undecodable("n/a", "1", ValueError())]))
    store.stage(page(record("a", "2"), record("b")))
    commit(store)
    assert store.quarantine == {}
    assert store.keys() == ["n/a", "n/b"]


@pytest.mark.parametrize(("storage", "wanted"), [("compressed", True), ("plain", False)])
def test_objects_are_wanted_dense_while_nothing_is_known_yet(storage: Storage, wanted: bool) -> None:  # noqa: FBT001  # a parameter
    store = Store(storage=storage)
    assert store.wants_dense is wanted
    store.begin_snapshot()
    store.stage(page(record("a")))
    assert store.wants_dense is wanted
    commit(store)
    assert not store.wants_dense


def test_a_dense_record_may_come_whenever_it_does() -> None:
    """The snapshot may have begun when the cache was empty, or another part's may have come first."""
    store, one, two = Store({"value": by_value}, admit), record("a", values="x"), record("a", "2", values="y")
    store.apply(put(one))
    store.begin_snapshot()
    store.stage(SnapshotPage([Delta(False, dense(one, one.labels))]))
    assert commit(store) == []
    assert store.get("n/a") is one
    store.begin_snapshot()
    store.stage(SnapshotPage([Delta(False, dense(two, two.labels))]))
    [change] = commit(store)
    assert (change.old, type(change.new)) == (one, DenseRecord)
    assert store.index_values("value") == ["y"]
    store.apply(put(record("a", "3", values="z")))
    assert store.index_values("value") == ["z"]


def test_what_is_too_large_to_be_packed_is_kept_as_it_came_and_waits_for_nothing() -> None:
    store, large = Store(), Record("n/large", "u", "1", {}, b"x" * (LARGEST + 1))
    snapshot(store, large, record("a"))
    assert store.get("n/large") is large
    assert store.storage.waiting == 1
