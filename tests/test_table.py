from __future__ import annotations

from itertools import pairwise

import pytest

from aioinformer.objects import Record, key_of
from aioinformer.packing import Packer
from aioinformer.table import SLICE, Index, Table


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
