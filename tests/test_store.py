from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from aioinformer.batches import Change, Delta, Deltas, SnapshotPage, Undecodable
from aioinformer.store import SLICE, Store
from tests.stored import admit, by_value, commit, gone, page, plain, put, record, snapshot

if TYPE_CHECKING:
    from aioinformer.objects import Stored


class TestEvents:
    def test_an_addition_an_update_and_a_removal_tell_old_new_and_final(self) -> None:
        store, one, two, last = Store(), record(), record(version="2"), record(version="3")
        assert store.apply(put(one)) == [Change("n/a", None, one)]
        assert store.apply(put(two)) == [Change("n/a", one, two)]
        assert store.get("n/a") is two
        assert store.apply(gone(last)) == [Change("n/a", two, None, last)]
        assert "n/a" not in store
        assert len(store) == 0
        assert store.records("n") == []

    def test_both_events_of_one_key_in_one_batch_come_out_in_order(self) -> None:
        one, two = record(), record(version="2")
        assert Store().apply(put(one, two)) == [Change("n/a", None, one), Change("n/a", one, two)]

    def test_the_same_version_again_is_no_change_and_keeps_the_record_there_is(self) -> None:
        store, one = Store(), record()
        store.apply(put(one))
        assert store.apply(put(record())) == []
        assert store.get("n/a") is one

    def test_another_uid_under_the_name_is_a_removal_whose_final_state_is_unknown_then_an_addition(self) -> None:
        store, one, other = Store(), record(), record(version="2", uid="u2")
        store.apply(put(one))
        assert store.apply(put(other)) == [Change("n/a", one, None), Change("n/a", None, other)]

    def test_the_removal_of_something_unknown_is_no_change(self) -> None:
        assert Store().apply(gone(record())) == []

    def test_the_final_state_of_another_uid_is_not_the_final_state_of_the_cached_object(self) -> None:
        store, one = Store({"value": by_value}), record()
        store.apply(put(one))
        store.apply(put(record(version="5", uid="u2", fault="index")))
        assert store.apply(gone(record(version="6", uid="u2"))) == [Change("n/a", one, None)]

    def test_a_batch_without_objects_moves_the_version_on_and_one_without_version_does_not(self) -> None:
        store = Store()
        store.apply(Deltas([], "7"))
        assert store.resource_version == "7"
        store.apply(Deltas([Delta(deleted=False, record=record(version=""))], ""))
        assert store.resource_version == "7"

    def test_cluster_scoped_objects_are_under_their_bare_name(self) -> None:
        store, node = Store(), record("node-1", namespace="")
        store.apply(put(node))
        assert store.get("node-1") is node
        assert store.records("") == [node]


class TestSnapshots:
    def test_nothing_is_visible_before_the_commit(self) -> None:
        store, old = Store({"value": by_value}), record("old", values="x")
        store.apply(put(old))
        store.begin_snapshot()
        store.stage(page(record("new", values="y")))
        assert store.records() == [old]
        assert store.index_values("value") == ["x"]
        assert store.resource_version == "1"

    def test_removals_come_first_and_their_final_state_is_unknown(self) -> None:
        store, kept, vanished, new = Store(), record("kept"), record("vanished"), record("new")
        store.apply(put(kept, vanished))
        changed = record("kept", "2")
        assert snapshot(store, new, changed) == [
            Change("n/vanished", vanished, None),
            Change("n/new", None, new),
            Change("n/kept", kept, changed),
        ]
        assert store.resource_version == "100"

    def test_unchanged_objects_emit_nothing_and_keep_the_record_that_is_there(self) -> None:
        """A relist must not hold the new page's bytes for objects that did not change."""
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one))
        assert snapshot(store, record(values="x")) == []
        assert store.get("n/a") is one
        assert store.by_index("value", "x") == [one]

    def test_an_unchanged_object_is_not_admitted_or_indexed_again(self) -> None:
        admitted: list[Stored] = []
        indexed: list[Stored] = []

        def remember(r: Stored) -> Stored:
            admitted.append(r)
            return r

        def index(r: Stored) -> list[str]:
            indexed.append(r)
            return []

        store, one = Store({"seen": index}, remember), record()
        store.apply(put(one))
        snapshot(store, record())
        assert admitted == indexed == [one]

    def test_a_new_begin_drops_what_was_staged(self) -> None:
        store = Store()
        store.begin_snapshot()
        store.stage(page(record("half")))
        assert snapshot(store) == []
        assert len(store) == 0

    def test_updates_and_deletes_within_a_streamed_snapshot_fold_into_it(self) -> None:
        store, final = Store({"value": by_value}), record("a", "2", values="y")
        store.begin_snapshot()
        store.stage(page(record("a", values="x"), record("b", values="z")))
        store.stage(page(final))
        store.stage(SnapshotPage([Delta(deleted=True, record=record("b"))]))
        [change] = commit(store)
        assert change.new is not None
        assert (change.key, change.old, plain(change.new)) == ("n/a", None, final)
        assert store.index_values("value") == ["y"]

    def test_an_object_that_went_back_to_what_the_cache_holds_is_unchanged(self) -> None:
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one))
        assert snapshot(store, record(version="2", values="y"), record(values="x")) == []
        assert store.index_values("value") == ["x"]

    def test_another_uid_is_a_removal_then_an_addition(self) -> None:
        store, one, other = Store(), record(), record(uid="u2")
        store.apply(put(one))
        assert snapshot(store, other) == [Change("n/a", one, None), Change("n/a", None, other)]

    def test_an_empty_snapshot_empties_the_cache(self) -> None:
        store, one = Store(), record()
        store.apply(put(one))
        assert snapshot(store) == [Change("n/a", one, None)]
        assert store.records("n") == []

    def test_staging_comparing_and_committing_need_a_beginning(self) -> None:
        store = Store()
        for action in (lambda: store.stage(page()), lambda: next(store.difference()), lambda: commit(store)):
            with pytest.raises(RuntimeError, match="begin_snapshot"):
                action()

    def test_comparing_changes_nothing_and_the_commit_is_one_step(self) -> None:
        store, old, new = Store(), record("old"), record("new")
        store.apply(put(old))
        store.begin_snapshot()
        store.stage(page(new))
        for _ in store.difference():
            assert store.records() == [old]
        rest = store.commit_snapshot("7")
        assert store.records() == [new]
        for _ in rest:
            assert (store.records(), store.resource_version) == ([new], "7")

    def test_no_step_of_a_large_snapshot_handles_more_than_a_slice(self) -> None:
        """A relist of any size gives the loop its turns: comparing and letting go are cut alike."""
        store = Store({"value": by_value})
        count = 3 * SLICE + 1
        store.apply(put(*(record(str(i), values=str(i)) for i in range(count))))
        store.begin_snapshot()
        store.stage(page(*(record(f"new-{i}") for i in range(count))))
        parts = list(store.difference())
        assert max(map(len, parts)) == SLICE
        assert sum(map(len, parts)) == 2 * count
        old = store._live
        sizes = [count, *(len(old.records) for _ in store.commit_snapshot("2"))]
        assert max(before - after for before, after in pairwise(sizes)) == SLICE
        assert not old.records
        assert not old.indexes["value"].by_key


class TestDistrust:
    def test_an_unchanged_object_that_is_distrusted_is_taken_from_the_snapshot(self) -> None:
        store, cached, sent = Store({"value": by_value}), record(values="x"), record(values="y")
        store.apply(put(cached, record("b")))
        store.distrust(["n/a"])
        assert snapshot(store, sent, record("b")) == [Change("n/a", cached, sent)]
        assert store.index_values("value") == ["y"]
        assert not store.distrusts(["n/a"])

    def test_doubt_lasts_until_a_snapshot_that_began_after_it(self) -> None:
        store = Store()
        store.apply(put(record()))
        store.begin_snapshot()
        store.stage(page(record()))
        store.distrust(["n/a"])
        commit(store)
        assert store.distrusts(["n/a", "n/b"])
        snapshot(store, record())
        assert not store.distrusts(["n/a"])

    def test_a_snapshot_that_was_dropped_settles_nothing(self) -> None:
        store = Store()
        store.distrust(["n/a"])
        store.begin_snapshot()
        store.begin_snapshot()
        assert store.distrusts(["n/a"])

    def test_whether_a_distrusted_object_is_left_out_is_asked_again(self) -> None:
        asked: list[str] = []

        def leave_out(r: Stored) -> None:
            asked.append(r.key)

        store = Store(admit=leave_out)
        store.apply(put(record(), record("b")))
        store.distrust(["n/a"])
        assert snapshot(store, record(), record("b")) == []
        assert asked == ["n/a", "n/b", "n/a"]

    def test_a_digest_tells_versions_apart_whether_cached_or_left_out(self) -> None:
        store = Store(admit=admit)
        store.apply(put(record(), record("b", fault="drop")))
        digests = [store.digest(f"n/{name}") for name in "abc"]
        assert digests[2] is None
        assert digests[0] == digests[1] != store.digest("n/c")
        store.apply(put(record(version="2"), record("b", "2", uid="u2", fault="drop")))
        assert digests[0] != store.digest("n/a") != store.digest("n/b") != digests[1]

    def test_keys_that_events_are_about_are_remembered_while_somebody_asks_for_them(self) -> None:
        store = Store()
        store.apply(put(record()))
        store.touched = set()
        store.apply(
            Deltas([Delta(deleted=False, record=record("b")), Undecodable("n/c", "5", ValueError(), deleted=True)], "5")
        )
        store.apply(put(record("b")))
        assert store.touched == {"n/b", "n/c"}
