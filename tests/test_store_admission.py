"""store.py: what is not taken in: quarantined, left out, or an error in a strict store."""

from __future__ import annotations

import pytest

from aioinformer.batches import Change, Delta, Deltas, SnapshotPage, Undecodable
from aioinformer.errors import ObjectRejected
from aioinformer.quarantine import Quarantined
from aioinformer.store import Store
from tests.stored import admit, by_value, commit, gone, page, put, record, snapshot


class TestQuarantine:
    @pytest.mark.parametrize("fault", ["index", "admit"])
    def test_an_object_that_cannot_be_taken_in_is_set_aside_and_its_neighbours_are_not(self, fault: str) -> None:
        store, other = Store({"value": by_value}, admit), record("b", values="x")
        changes = store.apply(put(record(version="4", fault=fault), other))
        assert changes == [Change("n/b", None, other)]
        quarantined = store.quarantine["n/a"]
        key, version, error = quarantined.key, quarantined.resource_version, quarantined.error
        assert (key, version, type(error)) == ("n/a", "4", ValueError)

    def test_an_earlier_version_stays_and_the_next_one_is_tried_again(self) -> None:
        store, one, three = Store({"value": by_value}), record(values="x"), record(version="3", values="y")
        store.apply(put(one))
        assert store.apply(put(record(version="2", fault="index"))) == []
        assert store.by_index("value", "x") == [one]
        assert store.apply(put(three)) == [Change("n/a", one, three)]
        assert store.quarantine == {}
        assert store.index_values("value") == ["y"]

    def test_a_removal_ends_it(self) -> None:
        store = Store({"value": by_value})
        store.apply(put(record(fault="index")))
        assert store.apply(gone(record(version="2"))) == []
        assert store.quarantine == {}

    def test_a_removal_within_a_streamed_snapshot_ends_it(self) -> None:
        store = Store({"value": by_value})
        store.begin_snapshot()
        store.stage(page(record(fault="index")))
        store.stage(SnapshotPage([Delta(deleted=True, record=record(version="2"))]))
        commit(store)
        assert store.quarantine == {}

    def test_a_snapshot_keeps_the_earlier_version_of_what_it_cannot_take_in(self) -> None:
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one))
        assert snapshot(store, record(version="2", fault="index")) == []
        assert store.by_index("value", "x") == [one]
        assert list(store.quarantine) == ["n/a"]

    def test_a_snapshot_without_the_object_ends_it(self) -> None:
        store = Store({"value": by_value})
        store.apply(put(record(fault="index")))
        snapshot(store, record("b"))
        assert store.quarantine == {}

    def test_what_cannot_be_decoded_is_set_aside_and_its_earlier_version_stays(self) -> None:
        store, one, error = Store(), record(), ValueError("no")
        store.apply(put(one))
        store.apply(Deltas([Undecodable("n/a", "2", error)], "2"))
        assert store.quarantine["n/a"] == Quarantined("n/a", "2", error)
        store.begin_snapshot()
        store.stage(SnapshotPage([Undecodable("n/a", "2", error)]))
        assert commit(store) == []
        assert store.get("n/a") is one

    def test_a_removal_that_cannot_be_decoded_is_a_removal_whose_final_state_is_unknown(self) -> None:
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one, record("b", fault="index")))
        lost = [Undecodable(key, "2", ValueError("no"), deleted=True) for key in ("n/a", "n/b", "n/unknown")]
        assert store.apply(Deltas([*lost], "2")) == [Change("n/a", one, None)]
        assert (store.records(), store.index_values("value"), store.quarantine) == ([], [], {})

    def test_a_removal_within_a_streamed_snapshot_that_cannot_be_decoded_counts(self) -> None:
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one))
        store.begin_snapshot()
        store.stage(page(one, record("b")))
        store.stage(SnapshotPage([Undecodable(key, "2", ValueError("no"), deleted=True) for key in ("n/a", "n/b")]))
        assert commit(store) == [Change("n/a", one, None)]
        assert (store.records(), store.quarantine) == ([], {})

    def test_an_undecodable_version_after_a_good_one_in_the_same_batch_stays_set_aside(self) -> None:
        store, one, error = Store(), record(), ValueError("no")
        store.apply(Deltas([Delta(deleted=False, record=one), Undecodable("n/a", "2", error)], "2"))
        assert store.get("n/a") is one
        assert list(store.quarantine) == ["n/a"]

    def test_a_good_version_after_an_undecodable_one_in_the_same_batch_ends_it(self) -> None:
        store, three, error = Store(), record(version="3"), ValueError("no")
        store.apply(Deltas([Undecodable("n/a", "2", error), Delta(deleted=False, record=three)], "3"))
        assert store.get("n/a") is three
        assert store.quarantine == {}


class TestAdmission:
    def test_what_admission_returns_is_what_is_kept(self) -> None:
        kept = record(version="1", values="kept")
        store = Store({"value": by_value}, lambda r: kept)
        assert store.apply(put(record())) == [Change("n/a", None, kept)]
        assert store.index_values("value") == ["kept"]

    def test_an_object_that_admission_leaves_out_is_absent_and_one_that_it_begins_to_leave_out_goes(self) -> None:
        store, one = Store(admit=admit), record()
        assert store.apply(put(record("b", fault="drop"))) == []
        store.apply(put(one))
        assert [(c.key, c.old, c.new) for c in store.apply(put(record(version="2", fault="drop")))] == [
            ("n/a", one, None)
        ]
        store.apply(put(one))
        assert [(c.key, c.old, c.new) for c in snapshot(store, record(version="2", fault="drop"))] == [
            ("n/a", one, None)
        ]

    def test_the_final_state_is_admitted_too_and_the_cached_one_stands_in_where_that_fails(self) -> None:
        store = Store(admit=lambda r: None if r.labels else record(r.name, r.resource_version, values="seen"))
        [first] = store.apply(put(record()))
        [removal] = store.apply(gone(record(version="2")))
        assert removal.final == record(version="2", values="seen")
        store.apply(put(record()))
        [removal] = store.apply(gone(record(version="2", fault="drop")))
        assert removal.final == first.new
        faulty = Store(admit=admit)
        [first] = faulty.apply(put(record()))
        [removal] = faulty.apply(gone(record(version="2", fault="admit")))
        assert removal.final is first.new


class TestStrict:
    @pytest.mark.parametrize("fault", ["index", "admit"])
    def test_what_cannot_be_taken_in_is_an_error(self, fault: str) -> None:
        store = Store({"value": by_value}, admit, strict=True)
        with pytest.raises(
            ObjectRejected, match=r"n/a of version 4 cannot be taken in \(ValueError at .*stored\.py:\d+ in"
        ) as raised:
            store.apply(put(record(version="4", fault=fault)))
        assert (raised.value.key, raised.value.resource_version) == ("n/a", "4")
        assert isinstance(raised.value.__cause__, ValueError)
        assert store.quarantine == {}

    def test_what_cannot_be_decoded_is_an_error_too_whatever_is_known_of_it(self) -> None:
        store, unknown = Store(strict=True), Undecodable("", "", ValueError("no"))
        store.begin_snapshot()
        with pytest.raises(ObjectRejected, match="an object without a name of version unknown"):
            store.stage(SnapshotPage([unknown]))
        with pytest.raises(ObjectRejected, match="an object without a name of version unknown"):
            store.apply(Deltas([unknown], "2"))

    def test_what_has_gone_is_not(self) -> None:
        store, one = Store(strict=True), record()
        store.apply(put(one))
        assert store.apply(Deltas([Undecodable("n/a", "2", ValueError(), deleted=True)], "2")) == [
            Change("n/a", one, None)
        ]
