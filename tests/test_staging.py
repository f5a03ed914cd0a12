"""staging.py: a snapshot that speaks for one namespace of a store touches nothing of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioinformer import staging
from aioinformer.batches import Change, Delta, Deltas, SnapshotPage, Undecodable
from aioinformer.objects import Record, Stored, key_of
from aioinformer.staging import within
from aioinformer.store import SLICE, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def record(key: str, version: int = 1, uid: str = "u", **labels: str) -> Record:
    namespace, name = key.split("/")
    return Record(key_of(namespace, name), uid, str(version), labels, b"{}")


def page(*records: Record) -> SnapshotPage:
    return SnapshotPage([Delta(deleted=False, record=r) for r in records])


def commit(store: Store, namespace: str, version: str = "9") -> list[Change]:
    changes = [change for some in store.difference(namespace, namespace) for change in some]
    for _ in store.commit_snapshot(version, namespace, namespace):
        pass
    return changes


def snapshot(store: Store, namespace: str, *records: Record, version: str = "9") -> list[Change]:
    store.begin_snapshot(namespace)
    store.stage(page(*records), namespace)
    return commit(store, namespace, version)


def told(changes: list[Change]) -> list[str]:
    return [f"{'+' if c.old is None else '-' if c.new is None else '~'}{c.key}" for c in changes]


def by_colour(r: Stored) -> Iterable[str]:
    return [r.labels["colour"]] if "colour" in r.labels else []


def leave_out_red(r: Stored) -> Stored | None:
    return None if r.labels.get("colour") == "red" else r


@pytest.fixture(params=[0, 1000], ids=["carried over", "in place"], autouse=True)
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to commit come to the same."""
    monkeypatch.setattr(staging, "IN_PLACE", request.param)


def test_a_namespaces_snapshot_is_compared_with_and_replaces_that_namespace_alone() -> None:
    store = Store({"colour": by_colour})
    snapshot(store, "a", record("a/x"), record("a/y", colour="blue"))
    snapshot(store, "b", record("b/x"), record("b/y", colour="blue"))
    changes = snapshot(store, "a", record("a/x"), record("a/z", colour="green"))
    assert told(changes) == ["-a/y", "+a/z"]
    assert sorted(store.keys()) == ["a/x", "a/z", "b/x", "b/y"]
    assert store.index_keys("colour", "blue") == ["b/y"]
    assert store.index_keys("colour", "green") == ["a/z"]
    assert sorted(store.keys("a")) == ["a/x", "a/z"]


def test_two_snapshots_may_be_under_way_at_once() -> None:
    store = Store()
    store.begin_snapshot("a")
    store.begin_snapshot("b")
    store.stage(page(record("b/x")), "b")
    store.stage(page(record("a/x")), "a")
    assert told(commit(store, "b")) == ["+b/x"]
    store.apply(Deltas([Delta(deleted=False, record=record("b/y"))], "10"), "b")
    assert told(commit(store, "a")) == ["+a/x"]
    assert sorted(store.keys()) == ["a/x", "b/x", "b/y"]


def test_nothing_is_visible_before_the_commit_and_then_all_is() -> None:
    store = Store()
    snapshot(store, "b", record("b/x"))
    store.begin_snapshot("a")
    store.stage(page(*(record(f"a/{n}") for n in range(2000))), "a")
    for _ in store.difference("a", "a"):
        assert store.keys() == ["b/x"]
    store.commit_snapshot("9", "a", "a")
    assert len(store) == 2001


def test_what_is_left_out_or_set_aside_elsewhere_stays_so() -> None:
    store = Store(admit=leave_out_red)
    snapshot(store, "a", record("a/red", colour="red"), record("a/x"))
    snapshot(store, "b", record("b/red", colour="red"), record("b/x"))
    store.apply(Deltas([Undecodable("a/x", "5", ValueError())], "5"), "a")
    store.apply(Deltas([Undecodable("b/x", "5", ValueError())], "5"), "b")
    snapshot(store, "a", record("a/x", 6))
    assert store.digest("a/red") is None
    assert store.digest("b/red") is not None
    assert set(store.quarantine) == {"b/x"}


def test_the_cache_stands_where_the_part_stands_that_is_furthest_behind() -> None:
    store = Store()
    snapshot(store, "a", version="9")
    assert store.resource_version == "9"
    snapshot(store, "b", version="100")
    assert store.resource_version == "9"
    store.apply(Deltas([], "120"), "a")
    assert (store.resource_version, store.versions) == ("100", {"a": "120", "b": "100"})
    store.forget_part("b")
    assert store.resource_version == "120"


def test_a_part_that_is_forgotten_leaves_what_is_cached_but_not_what_is_staged() -> None:
    store = Store()
    snapshot(store, "a", record("a/x"))
    store.begin_snapshot("a")
    store.forget_part("a")
    assert (store.keys(), store.resource_version) == (["a/x"], "")
    with pytest.raises(RuntimeError, match="no snapshot is under way"):
        store.stage(page(), "a")


def test_a_snapshot_of_everything_takes_over_what_parts_have_cached() -> None:
    """Nobody is told of an object that both have."""
    store = Store()
    snapshot(store, "a", record("a/x"), record("a/y"))
    store.begin_snapshot("")
    store.stage(page(record("a/x"), record("c/z")))
    assert told([change for some in store.difference() for change in some]) == ["-a/y", "+c/z"]
    for _ in store.commit_snapshot("9"):
        pass
    assert sorted(store.keys()) == ["a/x", "c/z"]


def test_what_is_doubted_is_filed_anew() -> None:
    """A namespace or an index that has lost a key has it again after the snapshot that was asked for."""
    store = Store({"colour": by_colour})
    snapshot(store, "a", record("a/x", colour="blue"))
    snapshot(store, "b", record("b/x"))
    del store._live.namespaces["a"]["a/x"]
    store._live.indexes["colour"].discard("a/x")
    store.distrust(["a/x"])
    snapshot(store, "a", record("a/x", colour="blue"))
    assert not store.distrusts(["a/x"])
    assert (store.keys("a"), store.index_keys("colour", "blue")) == (["a/x"], ["a/x"])


def test_every_step_of_a_large_one_handles_a_slice() -> None:
    """Comparing and carrying over take turns with others, whatever the size of the rest."""
    store = Store()
    snapshot(store, "b", *(record(f"b/{n}") for n in range(3000)))
    store.begin_snapshot("a")
    store.stage(page(*(record(f"a/{n}") for n in range(3000))), "a")
    steps = list(store.difference("a", "a"))
    assert max(map(len, steps)) <= SLICE
    assert len(steps) >= 2 * 3000 // SLICE
    store.commit_snapshot("9", "a", "a")
    assert len(store) == 6000


@pytest.mark.parametrize(
    ("key", "namespace", "expected"),
    [
        ("a/x", "a", True),
        ("ab/x", "a", False),
        ("b/a", "a", False),
        ("a/x", None, True),
        ("", "a", True),
        ("n", "n", False),
    ],
)
def test_the_namespace_of_a_key(key: str, namespace: str | None, expected: bool) -> None:  # noqa: FBT001
    assert within(key, namespace) is expected


objects = st.dictionaries(
    st.sampled_from(["x", "y", "z"]),
    st.tuples(st.integers(1, 3), st.sampled_from("uv"), st.sampled_from(["", "red", "blue"])),
)


def made(namespace: str, drawn: dict[str, tuple[int, str, str]]) -> Iterator[Record]:
    for name, (version, uid, colour) in drawn.items():
        labels = {"colour": colour} if colour else {}  # a version's labels never change
        yield record(f"{namespace}/{name}", 10 * version + len(colour), uid, **labels)


@pytest.mark.parametrize(("left_out", "in_place"), [(900, True), (1100, False)])
def test_what_is_left_out_counts_too_as_it_is_gone_through(
    left_out: int,
    in_place: bool,  # noqa: FBT001  # a parameter
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "IN_PLACE", 1000)
    store = Store(admit=leave_out_red)
    snapshot(store, "a", record("a/x"), *(record(f"a/{number}", colour="red") for number in range(left_out)))
    snapshot(store, "b", record("b/x"))
    live = store._live
    snapshot(store, "b", record("b/x", 2))
    assert (store._live is live) is in_place
    assert len(store._live.left_out) == left_out


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), objects), max_size=8), st.sampled_from([0, 1, 1000]))
def test_any_order_of_namespaces_snapshots_is_each_ones_last(
    history: list[tuple[str, dict[str, tuple[int, str, str]]]], limit: int
) -> None:
    """Cache, namespaces and index are those of a store that each namespace's last snapshot alone was put into."""
    before, staging.IN_PLACE = staging.IN_PLACE, limit
    try:
        store, state, last = Store({"colour": by_colour}, leave_out_red), dict[str, Stored](), dict[str, list[Record]]()
        for namespace, drawn in history:
            last[namespace] = list(made(namespace, drawn))
            for change in snapshot(store, namespace, *last[namespace]):
                assert state.pop(change.key, None) is change.old
                if change.new is not None:
                    state[change.key] = change.new
        expected = {r.key: r for records in last.values() for r in records if leave_out_red(r)}
        assert {r.key: (r.uid, r.resource_version) for r in store.records()} == {
            key: (r.uid, r.resource_version) for key, r in expected.items()
        }
        assert state == {r.key: r for r in store.records()}
        assert {key for namespace in "abc" for key in store.keys(namespace)} == set(expected)
        assert set(store.index_keys("colour", "blue")) == {k for k, r in expected.items() if by_colour(r)}
        red = [r for records in last.values() for r in records if not leave_out_red(r)]
        assert set(store._live.left_out) == {r.key for r in red}
    finally:
        staging.IN_PLACE = before
