from __future__ import annotations

from typing import Any

import pytest

from aioinformer.errors import InvalidOption
from aioinformer.store import Store
from tests.stored import by_value, commit, gone, page, put, record


def test_records_are_a_list_of_their_own() -> None:
    store = Store()
    store.apply(put(record()))
    store.records().clear()
    store.records("n").clear()
    store.keys().clear()
    assert store.keys() == store.keys("n") == ["n/a"]
    assert len(store.records()) == len(store.records("n")) == 1


class TestIndexes:
    def test_an_object_is_found_under_each_of_its_values_once(self) -> None:
        store, one = Store({"value": by_value}), record(values="x.y.x")
        store.apply(put(one))
        assert store.index_values("value") == ["x", "y"]
        assert store.by_index("value", "x") == [one]
        assert store.index_keys("value", "y") == ["n/a"]
        assert store.index_keys("value", "z") == []
        assert store.by_index("value", "z") == []

    def test_a_value_goes_with_its_last_object_and_a_shared_one_stays(self) -> None:
        store = Store({"value": by_value})
        store.apply(put(record("a", values="x.y"), record("b", values="y")))
        store.apply(gone(record("a")))
        assert store.index_values("value") == ["y"]
        store.apply(put(record("b", "2")))
        assert store.index_values("value") == []

    def test_an_index_that_does_not_exist_is_named_with_those_that_do(self) -> None:
        store = Store({"value": by_value})
        for read in (store.by_index, store.index_keys):
            with pytest.raises(InvalidOption, match=r"no index named 'nodes'; there are \['value'\]"):
                read("nodes", "x")
        with pytest.raises(InvalidOption, match="none"):
            Store().index_values("nodes")

    def test_an_index_added_later_holds_what_is_there_and_what_is_being_staged(self) -> None:
        store, one, two = Store(), record(values="x"), record("b", values="y")
        store.apply(put(one))
        store.begin_snapshot()
        store.stage(page(one, two))
        store.add_indexer("value", by_value)
        assert store.index_values("value") == ["x"]
        commit(store)
        assert store.index_values("value") == ["x", "y"]
        with pytest.raises(InvalidOption, match="already"):
            store.add_indexer("value", by_value)

    def test_an_index_that_is_removed_is_gone_from_the_cache_and_from_what_is_being_staged(self) -> None:
        store, one = Store({"value": by_value}), record(values="x")
        store.apply(put(one))
        store.begin_snapshot()
        store.remove_indexer("value")
        with pytest.raises(InvalidOption, match="no index named 'value'; there are none"):
            store.by_index("value", "x")
        store.stage(page(one, record("b", fault="index")))
        commit(store)
        assert (len(store), store.quarantine) == (2, {})
        with pytest.raises(InvalidOption, match="no index named 'value'"):
            store.remove_indexer("value")
        store.add_indexer("value", lambda r: [r.name])
        assert store.index_values("value") == ["a", "b"]

    @pytest.mark.parametrize("values", [[1], [None], 5])
    def test_an_object_whose_values_are_no_strings_is_set_aside(self, values: Any) -> None:
        store = Store({"value": lambda r: values})
        store.apply(put(record()))
        assert isinstance(store.quarantine["n/a"].error, TypeError)

    def test_an_index_function_that_raises_is_not_added(self) -> None:
        store = Store()
        store.apply(put(record(fault="index")))
        with pytest.raises(ValueError, match="cannot be indexed"):
            store.add_indexer("value", by_value)
        with pytest.raises(InvalidOption, match="no index"):
            store.index_values("value")
        store.apply(put(record("b")))
        assert len(store) == 2
