from __future__ import annotations

from itertools import pairwise
from random import Random
from sys import getsizeof
from typing import TYPE_CHECKING

import pytest

from aioinformer import packing
from aioinformer import table as table_module
from aioinformer.compression import Codec
from aioinformer.dense import PackedRecord
from aioinformer.objects import Record, key_of
from aioinformer.packing import Packer
from aioinformer.table import SLICE, Index, Table
from benchmarks.pods import encoded, pod

if TYPE_CHECKING:
    from collections.abc import Collection


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


def record(name: str, namespace: str = "n", version: str = "1") -> Record:
    return Record(key_of(namespace, name), f"uid-{name}", version, {}, b"{}")


def filled(*names: str) -> Table:
    table = Table(["letter"], Packer())
    for name in names:
        table.put(f"n/{name}", record(name), {"letter": (name[0],)})
    return table


class TestIndex:
    def test_values_to_keys_and_back(self) -> None:
        index = Index()
        index.put("n/a", ("x", "y"))
        index.put("n/b", ("y",))
        assert {value: list(index.keys_of(value)) for value in index.by_value} == {"x": ["n/a"], "y": ["n/a", "n/b"]}
        index.put("n/a", ("y",))
        assert list(index.by_value) == ["y"]
        index.discard("n/a")
        index.discard("n/unknown")
        assert (list(index.keys_of("y")), list(index.by_key)) == (["n/b"], ["n/b"])

    def test_one_key_under_a_value_and_one_value_of_a_key_need_no_collection(self) -> None:
        """An index of unique values, such as uids, costs two entries per object."""
        index = Index()
        index.put("n/a", ("x",))
        assert (index.by_value, index.by_key) == ({"x": "n/a"}, {"n/a": "x"})
        index.put("n/b", ("x", "y"))
        assert (list(index.keys_of("x")), index.keys_of("y"), index.keys_of("z")) == (["n/a", "n/b"], ("n/b",), ())
        assert (index.values_of("n/a"), index.values_of("n/b"), index.values_of("n/c")) == (("x",), ("x", "y"), ())

    def test_a_key_without_values_takes_no_room(self) -> None:
        index = Index()
        index.put("n/a", ())
        assert (index.by_key, index.by_value) == ({}, {})

    def test_it_holds_a_key_under_just_its_values(self) -> None:
        index = Index()
        index.put("n/a", ("x", "y"))
        assert index.holds("n/a", ("x", "y"))
        assert not index.holds("n/a", ("x",))
        assert not index.holds("n/a", ())
        assert index.holds("n/b", ())
        del index.by_value["x"]
        assert not index.holds("n/a", ("x", "y"))


class TestTable:
    def test_a_record_is_found_by_key_namespace_and_value(self) -> None:
        table = filled("a", "b")
        assert list(table.namespaces["n"]) == list(table.records) == ["n/a", "n/b"]
        assert table.values_of("n/a") == {"letter": ("a",)}
        assert table.pop("n/a") == record("a")
        assert (list(table.namespaces["n"]), table.values_of("n/a")) == (["n/b"], {"letter": ()})

    def test_the_last_of_a_namespace_takes_it_along(self) -> None:
        table = filled("a")
        table.pop("n/a")
        assert (table.namespaces, table.indexes["letter"].by_value) == ({}, {})

    def test_what_is_left_out_is_remembered_until_it_is_let_in_or_goes(self) -> None:
        table = Table([], Packer())
        table.leave_out("n/a", 1)
        table.leave_out("n/b", 2)
        table.put("n/a", record("a"), {})
        assert table.left_out == {"n/b": 2}
        assert table.pop("n/b") is None
        assert table.left_out == {}

    @pytest.mark.parametrize("count", [0, 1, SLICE, 3 * SLICE + 1])
    def test_it_is_dismantled_a_slice_at_a_time(self, count: int) -> None:
        table = filled(*(f"{n}" for n in range(count)))
        sizes = [count, *(len(table.records) for _ in table.dismantle())]
        assert all(before - after <= SLICE for before, after in pairwise(sizes))
        assert (table.records, table.namespaces, table.indexes["letter"].by_key) == ({}, {}, {})

    def test_the_keys_of_one_namespace_or_of_one_index_value_go_a_slice_at_a_time_too(self) -> None:
        table = filled(*(f"a{n}" for n in range(3 * SLICE)))
        keys, others = table.namespaces["n"], dict.fromkeys(map(str, range(2 * SLICE)))
        filed = table.indexes["letter"].keys_of("a")
        left = [(len(keys), len(filed), len(others)) for _ in table.dismantle(others)]
        assert all(before - after <= SLICE for sizes in zip(*left, strict=True) for before, after in pairwise(sizes))
        assert left[-1] == (0, 0, 0)

    def test_an_index_that_goes_meanwhile_is_no_longer_looked_at(self) -> None:
        table = filled("a", "b")
        filed = table.filed()
        namespaces = [next(filed) for _ in range(2)]
        assert next(filed) == ("n/a", True)
        del table.indexes["letter"]
        table.pop("n/b")
        assert (namespaces, list(filed)) == ([("n/a", True), ("n/b", True)], [])

    def test_every_filing_says_whether_it_belongs_there(self) -> None:
        table = filled("a", "b")
        assert list(table.filed()) == [(key, True) for key in ["n/a", "n/b"] * 2]
        table.namespaces["m"] = {"n/a": None}
        table.indexes["letter"].by_value["z"] = {"n/b": None}
        table.indexes["letter"].by_value["a"] = {"n/a": None, "n/gone": None}
        assert [key for key, belongs in table.filed() if not belongs] == ["n/a", "n/gone", "n/b"]


def large(name: str, version: str = "1", *, labels: dict[str, str] | None = None, size: int = 7000) -> Record:
    """An object that is worth packing, and like its neighbours."""
    raw = encoded(pod(int(name) % 50))[:size]
    return Record(key_of("n", name), f"uid-{name}", version, dict(labels or {"app": "web"}), raw)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table that makes a dictionary of the first few kilobytes."""
    monkeypatch.setattr(packing, "WORTHWHILE", 5000)
    return Table(["letter"], Packer())


def pack_all(table: Table) -> None:
    while table.pack():
        pass


def fill(table: Table, *names: str, version: str = "1") -> None:
    for name in names:
        # as off the wire: no string is the one of before
        item = large(name, version)
        values = (f"value-{name[0]}",)
        table.put(item.key, item, dict.fromkeys(table.indexes, values))


NAMES = [str(number) for number in range(100)]


class TestPacking:
    def test_a_small_table_stays_plain(self) -> None:
        table = Table([], Packer())
        fill(table, *NAMES)
        assert (table.can_pack, table.pack(), table.packed, table.waiting) == (False, False, 0, 100)

    def test_a_large_one_is_packed_a_slice_at_a_time_and_reads_as_before(self, eager: Table) -> None:
        fill(eager, *NAMES)
        before = list(eager.records.values())
        assert eager.waiting_bytes == sum(len(record.raw) for record in before)
        assert eager.pack()
        assert (eager.packed, eager.waiting) == (64, 36)
        pack_all(eager)
        assert (eager.packed, eager.waiting, eager.waiting_bytes) == (100, 0, 0)
        after = list(eager.records.values())
        assert [(r.key, r.uid, r.resource_version, r.labels, r.raw) for r in after] == [
            (r.key, r.uid, r.resource_version, r.labels, r.raw) for r in before
        ]
        assert eager.packed_bytes == sum(len(r.blob) for r in after if isinstance(r, PackedRecord))
        assert eager.packed_bytes < sum(len(record.raw) for record in before) / 5

    def test_a_slice_ends_at_so_many_bytes_too(self, eager: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sixty large objects would hold the loop for a tenth of a second."""
        monkeypatch.setattr(table_module, "PACKED_BYTES", 20_000)
        fill(eager, *NAMES)
        eager.pack()
        assert eager.packed == 3

    def test_a_dictionary_is_learnt_from_so_many_records_at_most(
        self, eager: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []
        monkeypatch.setattr(table_module, "LEARNT_FROM", 30)
        monkeypatch.setattr(Packer, "learn", lambda self, records: seen.append(len(records)))
        fill(eager, *NAMES)
        eager.pack()
        assert seen == [30]

    def test_what_changed_waits_again_and_counts_once(self, eager: Table) -> None:
        fill(eager, *NAMES)
        pack_all(eager)
        fill(eager, "7", "7", "7", version="2")
        assert (eager.packed, eager.waiting, eager.waiting_bytes) == (99, 1, len(eager.records["n/7"].raw))
        pack_all(eager)
        assert (eager.packed, eager.waiting) == (100, 0)
        assert eager.records["n/7"].resource_version == "2"

    def test_what_goes_waits_no_longer_and_counts_no_longer(self, eager: Table) -> None:
        fill(eager, *NAMES)
        eager.pack()
        for name in NAMES:
            eager.pop(f"n/{name}")
        assert (eager.packed, eager.packed_bytes, eager.waiting, eager.waiting_bytes) == (0, 0, 0, 0)

    def test_a_record_that_was_lost_stops_nothing(self, eager: Table) -> None:
        """An audit finds it."""
        fill(eager, *NAMES)
        for name in NAMES[::2]:
            del eager.records[f"n/{name}"]
        pack_all(eager)
        assert (eager.packed, eager.waiting, eager.waiting_bytes, len(eager.records)) == (50, 0, 0, 50)

    def test_the_least_recently_written_is_packed_first(self, eager: Table) -> None:
        fill(eager, *NAMES)
        fill(eager, "0", version="2")
        eager.pack()
        assert type(eager.records["n/0"]) is Record
        assert type(eager.records["n/1"]) is PackedRecord

    def test_so_it_is_however_many_are_looked_for_at_a_time(
        self, eager: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(table_module, "LOOKED_AHEAD", 10)
        monkeypatch.setattr(table_module, "PACKED_AT_ONCE", 5)
        order: list[str] = []
        monkeypatch.setattr(Packer, "pack", lambda self, key, record: order.append(key))
        fill(eager, *NAMES)
        eager.pack()
        eager.pop("n/5")
        fill(eager, "20", version="2")
        pack_all(eager)
        assert order == [f"n/{name}" for name in NAMES if name not in {"5", "20"}] + ["n/20"]

    def test_once_all_is_packed_what_waited_takes_no_room(self, eager: Table) -> None:
        fill(eager, *NAMES)
        pack_all(eager)
        assert getsizeof(eager._waiting) == getsizeof({})
        assert eager._oldest == []

    def test_a_packed_record_goes_into_another_table_as_it_is(self, eager: Table) -> None:
        fill(eager, *NAMES)
        pack_all(eager)
        other = Table([], eager._packer)
        packed = eager.records["n/1"]
        other.put("n/1", packed, {})
        assert other.records["n/1"] is packed
        assert (other.packed, other.waiting) == (1, 0)

    def test_equal_keys_are_one_string_and_equal_labels_one_dict_after_many_updates(self, eager: Table) -> None:
        for version in range(1, 6):
            fill(eager, *NAMES, version=str(version))
            pack_all(eager)
        for key, record in eager.records.items():
            in_index = eager.indexes["letter"].keys_of(f"value-{record.name[0]}")
            places: list[Collection[str]] = [eager.namespaces["n"], eager.indexes["letter"].by_key, in_index]
            assert all(next(each for each in place if each == key) is record.key is key for place in places)
        assert len({id(record.labels) for record in eager.records.values()}) == 1

    def test_equal_index_values_are_one_string(self, eager: Table) -> None:
        fill(eager, *NAMES)
        index = eager.indexes["letter"]
        values = {id(value) for key in index.by_key for value in index.values_of(key)}
        assert values == {id(value) for value in index.by_value}
        assert len(values) == 10

    def test_while_nothing_can_be_learnt_what_waits_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What no dictionary can be made for is given up, and stays plain."""
        monkeypatch.setattr(packing, "WORTHWHILE", 5000)
        monkeypatch.setattr(packing, "BURST", 100_000)
        learnt = 0

        def fail(samples: object) -> None:
            nonlocal learnt
            learnt += 1
            raise ValueError("no dictionary can be made")

        monkeypatch.setattr(packing, "Codec", fail)
        table = Table([], Packer())
        for number in range(300):
            fill(table, str(number))
            pack_all(table)
            assert table.waiting_bytes < 100_000 + 7000
        assert len(table.records) == 300
        assert table.waiting < 20
        assert learnt < 40

    def test_a_failure_to_learn_gives_nothing_up_that_may_be_packed_later(
        self, eager: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as failing:
            failing.setattr(packing, "Codec", lambda samples: Codec([]))
            fill(eager, "1")
            assert not eager.pack()
        assert (eager.waiting, eager.can_pack) == (1, False)
        fill(eager, "2")
        pack_all(eager)
        assert eager.packed == 2

    def test_a_dictionary_that_decayed_is_not_replaced_by_one_made_of_the_next_object(self, eager: Table) -> None:
        packer = eager._packer
        fill(eager, *NAMES)
        pack_all(eager)
        assert packer.dictionaries == 1
        for number in range(700):
            letters = "".join(Random(number).choices("abcdefgh", k=500)).encode()
            table_key = f"n/odd-{number}"
            eager.put(table_key, Record(table_key, "", "", {}, letters), {})
            pack_all(eager)
            assert eager.waiting_bytes <= 5000
        assert 1 < packer.dictionaries < 8
