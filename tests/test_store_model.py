from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aioinformer.batches import Change, Delta, Deltas, SnapshotPage, Undecodable
from aioinformer.objects import Record, Stored, key_of
from aioinformer.store import Store
from tests.stored import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

Drawn: TypeAlias = tuple[str, str, str, str, dict[str, str]]
Item: TypeAlias = Delta | Undecodable


def by_value(r: Stored) -> Iterable[str]:
    if r.labels["fault"] == "index":
        raise ValueError("cannot be indexed")
    return [value for value in r.labels["values"].split(".") if value]


def late(r: Stored) -> Iterable[str]:
    if r.labels["fault"] == "late":
        raise ValueError("cannot be indexed late")
    return [r.name]


def admit(r: Stored) -> Stored | None:
    match r.labels["fault"]:
        case "admit":
            raise ValueError("cannot be taken in")
        case "drop":
            return None
        case _:
            return r


names, namespaces = st.sampled_from("abc"), st.sampled_from(["", "n", "m"])
labels = st.fixed_dictionaries(
    {
        "values": st.sampled_from(["", "x", "y", "x.y", "x.y.x"]),
        "fault": st.sampled_from(["", "", "", "index", "admit", "drop", "late"]),
    }
)
kinds = st.sampled_from(["put", "put", "put", "delete", "undecodable", "undecodable delete"])
objects = st.tuples(kinds, namespaces, names, st.sampled_from(["u1", "u2"]), labels)


class StoreMachine(RuleBasedStateMachine):
    """The store against two dicts: what is live, and what is staged."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store({"value": by_value}, admit)
        self.indexers = {"value": by_value}
        self.live: dict[str, Record] = {}
        self.staged: dict[str, Record] | None = None
        self.quarantine: dict[str, str] = {}
        self.staged_quarantine: dict[str, str] = {}
        self.version = 0

    def made(self, drawn: Drawn) -> Item:
        self.version += 1
        kind, namespace, name, uid, labels = drawn
        record = Record(key_of(namespace, name), uid, str(self.version), labels, b"{}")
        if kind.startswith("undecodable"):
            return Undecodable(record.key, record.resource_version, ValueError(), deleted=kind.endswith("delete"))
        return Delta(kind == "delete", record)

    def take(self, item: Item, table: dict[str, Record], quarantine: dict[str, str]) -> None:
        key = item.key if isinstance(item, Undecodable) else item.record.key
        if not item.deleted and (isinstance(item, Undecodable) or self.is_faulty(item.record)):
            version = item.resource_version if isinstance(item, Undecodable) else item.record.resource_version
            quarantine[key] = version
            if key in self.live:
                table[key] = self.live[key]
            return
        quarantine.pop(key, None)
        if isinstance(item, Undecodable) or item.deleted or item.record.labels["fault"] == "drop":
            table.pop(key, None)
        else:
            assert isinstance(item.record, Record)
            table[key] = item.record

    def is_faulty(self, record: Stored) -> bool:
        """Whether it cannot be taken in, now; one that is there already is not looked at again."""
        fault = record.labels["fault"]
        wrong = fault in {"admit", "index"} or (fault == "late" and "late" in self.indexers)
        return wrong and record != self.live.get(record.key)

    def replay(self, changes: list[Change], before: dict[str, Record], after: dict[str, Record]) -> None:
        state: dict[str, Stored] = dict(before)
        for change in changes:
            assert (None if change.old is None else plain(change.old)) == state.get(change.key)
            assert change.old is not change.new
            if change.new is None:
                del state[change.key]
            else:
                assert change.old is None or change.old.uid == change.new.uid
                state[change.key] = plain(change.new)
        assert state == after

    @precondition(lambda self: self.staged is None)
    @rule(drawn=st.lists(objects, max_size=6))
    def events(self, drawn: list[Drawn]) -> None:
        items = [self.made(d) for d in drawn]
        before = dict(self.live)
        for item in items:
            self.take(item, self.live, self.quarantine)
        self.replay(self.store.apply(Deltas(items, str(self.version))), before, self.live)
        again: list[Item] = [Delta(deleted=False, record=r) for r in self.live.values() if r.key not in self.quarantine]
        assert self.store.apply(Deltas(again, "")) == []
        assert self.store.resource_version == str(self.version)

    @rule()
    def begin(self) -> None:
        self.store.begin_snapshot()
        self.staged, self.staged_quarantine = {}, {}

    @precondition(lambda self: self.staged is not None)
    @rule(drawn=st.lists(objects, max_size=6), unchanged=st.integers(0, 9))
    def stage(self, drawn: list[Drawn], unchanged: int) -> None:
        assert self.staged is not None
        same = [r for r in list(self.live.values())[:unchanged] if r.key not in self.staged_quarantine]
        items = [Delta(deleted=False, record=r) for r in same] + [self.made(d) for d in drawn]
        for item in items:
            self.take(item, self.staged, self.staged_quarantine)
        self.store.stage(SnapshotPage(items))

    @precondition(lambda self: self.staged is not None)
    @rule()
    def commit(self) -> None:
        assert self.staged is not None
        changes = [change for part in self.store.difference() for change in part]
        for _ in self.store.commit_snapshot(str(self.version)):
            self.agrees_with(self.staged)
        self.replay(changes, self.live, self.staged)
        vanished = [key for key in self.live if key not in self.staged]
        assert [change.key for change in changes[: len(vanished)]] == vanished
        assert all(change.new is None and change.final is None for change in changes[: len(vanished)])
        self.live, self.staged, self.quarantine = self.staged, None, self.staged_quarantine

    @precondition(lambda self: "late" not in self.indexers)
    @rule()
    def add_indexer(self) -> None:
        if any(r.labels["fault"] == "late" for table in (self.live, self.staged or {}) for r in table.values()):
            with pytest.raises(ValueError, match="late"):
                self.store.add_indexer("late", late)
            return
        self.store.add_indexer("late", late)
        self.indexers["late"] = late

    @precondition(lambda self: "late" in self.indexers)
    @rule()
    def remove_indexer(self) -> None:
        self.store.remove_indexer("late")
        del self.indexers["late"]

    @invariant()
    def agrees(self) -> None:
        self.agrees_with(self.live)
        if self.staged is None:
            assert {key: q.resource_version for key, q in self.store.quarantine.items()} == self.quarantine

    def agrees_with(self, table: dict[str, Record]) -> None:
        store = self.store
        assert {r.key: plain(r) for r in store.records()} == table
        assert all((r := store.get(key)) is not None and plain(r) == table[key] for key in table)
        for namespace in ("", "n", "m"):
            expected = {key for key, r in table.items() if r.namespace == namespace}
            assert {r.key for r in store.records(namespace)} == set(store.keys(namespace)) == expected
        for name, function in self.indexers.items():
            wanted: dict[str, set[str]] = {}
            for key, r in table.items():
                for value in function(r):
                    wanted.setdefault(value, set()).add(key)
            assert {value: set(store.index_keys(name, value)) for value in store.index_values(name)} == wanted


StoreMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=25)
test_a_store_agrees_with_a_simple_model_of_it = StoreMachine.TestCase
