"""The versioned store: what it keeps, in which order, and what compaction takes away."""

from __future__ import annotations

import pytest

from aioinformer.testing import ExpiredError
from aioinformer.testing.mvcc import Change, Reader, Store
from aioinformer.testing.statuses import GroupResource

PODS = GroupResource("", "pods")
NODES = GroupResource("", "nodes")


def put(store: Store, name: str, namespace: str = "a", **fields: object) -> int:
    return store.put(
        PODS, {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, **fields}
    ).revision


def names(store: Store, revision: int | None = None) -> list[str]:
    return list(store.snapshot(PODS, revision).keys)


def follow(store: Store, revision: int, namespace: str | None = None) -> Reader:
    return store.collection(PODS).log(namespace).read(revision, lambda: None)


def seen(reader: Reader) -> list[tuple[int, str]]:
    return [(change.revision, change.object.name) for change in reader.take(100)]


def test_every_write_to_anything_takes_the_next_revision() -> None:
    store = Store()
    store.put(NODES, {"metadata": {"name": "n", "uid": "u"}})
    assert [put(store, "x"), put(store, "y"), put(store, "x")] == [3, 4, 5]
    assert store.remove(PODS, "a", "x").revision == 6
    assert store.revision == 6


def test_a_body_carries_its_own_version_and_leaves_out_kind_and_api_version() -> None:
    store = Store()
    stored = store.put(
        PODS,
        {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": "x", "uid": "u", "resourceVersion": "999"},
            "spec": {},
        },
    )
    assert stored.document() == {"metadata": {"resourceVersion": "2", "name": "x", "uid": "u"}, "spec": {}}


def test_the_same_content_can_be_shown_under_another_version() -> None:
    store = Store()
    put(store, "x", spec={"resourceVersion": '"2"'})
    shown = store.remove(PODS, "a", "x").document()
    assert shown["metadata"]["resourceVersion"] == "3"
    assert shown["spec"] == {"resourceVersion": '"2"'}


def test_keys_sort_as_in_etcd_with_the_slash_after_the_dash() -> None:
    store = Store()
    for namespace, name in (("a", "z"), ("a-b", "a"), ("a", "b"), ("b", "a")):
        put(store, name, namespace)
    assert names(store) == ["a-b/a", "a/b", "a/z", "b/a"]


def test_a_span_is_one_namespace_and_not_its_prefixes() -> None:
    store = Store()
    for namespace in ("a", "a0", "a-b", "b"):
        put(store, "x", namespace)
    snapshot = store.snapshot(PODS)
    start, end = snapshot.span("a")
    assert snapshot.keys[start:end] == ("a/x",)
    start, end = snapshot.span(None, "a/x\0")
    assert snapshot.keys[start:end] == ("a0/x", "b/x")


def test_a_collection_can_be_read_as_it_was_at_every_version() -> None:
    store = Store()
    put(store, "x")
    put(store, "y")
    put(store, "x", spec=1)
    store.remove(PODS, "a", "y")
    put(store, "z")
    assert [names(store, revision) for revision in range(1, 7)] == [
        [],
        ["a/x"],
        ["a/x", "a/y"],
        ["a/x", "a/y"],
        ["a/x"],
        ["a/x", "a/z"],
    ]
    assert [store.snapshot(PODS, revision).objects[0].revision for revision in (3, 4)] == [2, 4]


def test_writes_elsewhere_do_not_change_a_snapshot() -> None:
    store = Store()
    put(store, "x")
    before = store.snapshot(PODS)
    store.put(NODES, {"metadata": {"name": "n", "uid": "u"}})
    assert store.snapshot(PODS) is before


def test_a_reader_gets_each_later_change_once_and_in_order() -> None:
    store = Store()
    put(store, "x")
    put(store, "y")
    reader = follow(store, 2)
    put(store, "z")
    assert seen(reader) == [(3, "y"), (4, "z")]
    assert seen(reader) == []
    put(store, "x")
    assert seen(reader) == [(5, "x")]


def test_a_reader_of_a_namespace_sees_and_is_woken_by_that_one_only() -> None:
    store = Store()
    woken: list[int] = []
    reader = store.collection(PODS).log("a").read(store.revision, lambda: woken.append(store.revision))
    put(store, "x", "b")
    put(store, "y", "a")
    assert woken == [3]
    assert seen(reader) == [(3, "y")]


def test_a_closed_reader_is_woken_no_more() -> None:
    store = Store()
    woken: list[None] = []
    reader = store.collection(PODS).log(None).read(1, lambda: woken.append(None))
    reader.close()
    put(store, "x")
    assert woken == []


def test_compaction_makes_older_versions_unreadable_and_keeps_the_rest() -> None:
    store = Store()
    put(store, "x")
    put(store, "y")
    put(store, "z")
    store.compact(3)
    assert names(store, 3) == ["a/x", "a/y"]
    with pytest.raises(ExpiredError):
        store.snapshot(PODS, 2)


def test_a_version_read_before_it_was_compacted_is_unreadable_too() -> None:
    store = Store()
    put(store, "x")
    names(store, 2)
    put(store, "y")
    store.compact(3)
    with pytest.raises(ExpiredError):
        store.snapshot(PODS, 2)


def test_compaction_never_moves_back_nor_into_the_future() -> None:
    store = Store()
    put(store, "x")
    store.compact(99)
    store.compact(1)
    assert store.compacted == store.revision == 2


def test_what_an_open_reader_has_not_taken_outlives_compaction() -> None:
    store = Store()
    reader = follow(store, 1)
    put(store, "x")
    put(store, "y")
    store.compact(store.revision)
    assert seen(reader) == [(2, "x"), (3, "y")]
    store.compact(store.revision)
    put(store, "z")
    assert seen(reader) == [(4, "z")]


def test_history_is_bounded_without_losing_objects() -> None:
    store = Store(max_history=10)
    for number in range(25):
        put(store, f"p{number:02}")
    assert len(names(store)) == 25
    assert store.compacted > 10
    assert len(store.collection(PODS).log(None)) <= 10


def test_listeners_hear_of_a_change_once_it_has_taken_effect() -> None:
    store = Store()
    heard: list[tuple[Change, bool]] = []
    stop = store.subscribe(lambda change: heard.append((change, store.get(PODS, "a", "x") is change.after)))
    put(store, "x")
    put(store, "x")
    store.remove(PODS, "a", "x")
    stop()
    put(store, "x")
    kinds = [(change.before is None, change.after is None) for change, _ in heard]
    assert kinds == [(True, False), (False, False), (False, True)]
    assert all(effective for _, effective in heard)


def test_a_namespace_knows_whether_anything_is_in_it() -> None:
    store = Store()
    put(store, "x", "a-b")
    collection = store.collection(PODS)
    assert collection.has_any("a-b")
    assert not collection.has_any("a")


def test_encoded_events_are_kept_for_recent_changes_only() -> None:
    store = Store()
    changes: list[Change] = []
    store.subscribe(changes.append)
    for _ in range(1100):
        put(store, "x")
    assert changes[0].lines is None
    assert changes[-1].lines == {}


def test_a_reader_stops_at_the_horizon_and_goes_on_when_it_lifts() -> None:
    store = Store()
    first, second = put(store, "x"), put(store, "y")
    reader = follow(store, 1)
    assert [change.revision for change in reader.take(100, first)] == [first]
    assert reader.take(100, first) == []
    assert [change.revision for change in reader.take(100)] == [second]


def test_a_reader_ahead_of_the_horizon_gets_nothing() -> None:
    store = Store()
    put(store, "x")
    reader = follow(store, store.revision)
    put(store, "y")
    assert reader.take(100, 1) == []
    assert len(reader.take(100)) == 1


def test_one_resource_can_be_compacted_by_itself() -> None:
    store = Store()
    put(store, "x")
    store.collection(PODS).compact(2)
    assert (store.oldest(PODS), store.oldest(NODES)) == (2, 1)
    with pytest.raises(ExpiredError):
        store.snapshot(PODS, 1)
    assert store.snapshot(NODES, 1).objects == ()


def test_a_snapshot_finds_objects_by_name() -> None:
    store = Store()
    put(store, "x")
    put(store, "y", "b")
    snapshot = store.snapshot(PODS)
    found = [snapshot.get(*key) for key in (("a", "x"), ("b", "y"), ("a", "y"), ("c", "z"))]
    assert [stored and stored.name for stored in found] == ["x", "y", None, None]
