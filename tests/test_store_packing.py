"""store.py: packed records are the records they were, to readers, to events, and to a relist."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aioinformer import burst, compression, packing, table
from aioinformer.batches import Delta, Deltas, SnapshotPage
from aioinformer.compression import Codec
from aioinformer.dense import DenseRecord, PackedRecord
from aioinformer.objects import KubeObject, Record, Stored, digest
from aioinformer.packing import LARGEST
from aioinformer.store import Store
from aioinformer.wire import decode_event
from benchmarks.pods import encoded, modified, pod
from tests.stored import commit, gone, page, put, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

BUDGET = 880
"""Bytes of Python's own allocations for a pod of 7 kB. It takes 764, of which its compressed bytes are 502."""


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary is made of the first few kilobytes."""
    monkeypatch.setattr(packing, "WORTHWHILE", 50_000)


def off_the_wire(document: dict[str, Any]) -> Record:
    """Each time with strings and bytes of its own, as from a connection."""
    delta = decode_event(b'{"type":"ADDED","object":%b}' % encoded(document))
    assert isinstance(delta, Delta)
    assert isinstance(delta.record, Record)
    return delta.record


def pods(count: int) -> list[Record]:
    return [off_the_wire(pod(number)) for number in range(count)]


def by_node(record: Stored) -> Iterable[str]:
    return [KubeObject(record)["spec"]["nodeName"]]


def pack_all(store: Store) -> None:
    while store.pack():
        pass


def packed_store(count: int = 100) -> Store:
    store = Store({"node": by_node})
    store.apply(put(*pods(count)))
    pack_all(store)
    assert store.storage.packed == count
    return store


def seen(records: Iterable[Stored]) -> list[tuple[Any, ...]]:
    return [(r.key, r.namespace, r.name, r.uid, r.resource_version, r.labels, r.raw) for r in records]


def test_every_way_to_read_gives_what_was_there_before() -> None:
    store, records = packed_store(), pods(100)
    assert all(type(record) is PackedRecord for record in store.records())
    assert seen(store.records()) == seen(records)
    for namespace in {record.namespace for record in records}:
        assert seen(store.records(namespace)) == seen(r for r in records if r.namespace == namespace)
    for record in records:
        there = [each for each in records if by_node(each) == by_node(record)]
        assert seen(store.by_index("node", next(iter(by_node(record))))) == seen(there)
    assert not any(store.is_damaged(record.key) for record in records)
    assert [store.digest(record.key) for record in records] == [digest(record) for record in records]


def test_a_view_that_somebody_holds_is_not_touched_by_packing() -> None:
    store, records = Store(), pods(100)
    store.apply(put(*records))
    views = [KubeObject(record) for record in store.records()]
    half_read = views[3]["spec"]
    pack_all(store)
    assert store.storage.packed == 100
    assert views[3]["spec"] is half_read
    assert [view.to_json() for view in views] == [record.raw for record in records]


def test_old_is_the_packed_object_that_was_there() -> None:
    store = packed_store()
    before = store.get(pods(1)[0].key)
    [change] = store.apply(put(off_the_wire(modified(pod(0), 2_000_000))))
    assert change.old is before
    assert change.old is not None
    assert change.old.raw == pods(1)[0].raw
    assert KubeObject(change.old)["status"]["containerStatuses"][0]["restartCount"] == 0
    [removal] = store.apply(gone(off_the_wire(modified(pod(1), 2_000_001))))
    assert type(removal.old) is PackedRecord
    assert removal.final is not None
    assert removal.final.resource_version == "2000001"


def test_the_same_version_again_is_no_change_to_a_packed_object() -> None:
    store = packed_store()
    before = store.records()
    assert store.apply(put(*pods(100))) == []
    assert all(a is b for a, b in zip(store.records(), before, strict=True))
    assert store.storage.waiting == 0


def test_a_relist_that_finds_nothing_new_keeps_every_packed_record_and_key_and_tells_nothing() -> None:
    store = packed_store()
    before, keys = store.records(), {id(record.key) for record in store.records()}
    assert snapshot(store, *pods(100)) == []
    assert all(a is b for a, b in zip(store.records(), before, strict=True))
    assert set(map(id, store.keys())) == keys
    assert {id(key) for key in store._live.indexes["node"].by_key} == keys
    assert (store.storage.packed, store.storage.waiting) == (100, 0)


def test_a_relist_tells_what_changed_whatever_is_packed() -> None:
    store, records = packed_store(), pods(100)
    before = store.records()
    changed = off_the_wire(modified(pod(7), 2_000_000))
    records[7] = changed
    assert [(c.key, c.old, c.new) for c in snapshot(store, *records[1:])] == [
        (before[0].key, before[0], None),
        (changed.key, before[7], changed),
    ]
    assert (store.storage.packed, store.storage.waiting) == (98, 1)


def test_what_is_distrusted_is_compared_byte_by_byte_packed_or_not() -> None:
    store, records = packed_store(), pods(100)
    forged = msgspec.structs.replace(records[7], raw=records[7].raw.replace(b"Running", b"Pending"))
    store.distrust(record.key for record in records)
    records[7] = forged
    assert [(c.key, c.new) for c in snapshot(store, *records)] == [(forged.key, forged)]


def test_what_a_snapshot_brings_is_packed_while_it_is_staged() -> None:
    store = Store()
    store.begin_snapshot()
    store.stage(page(*pods(100)))
    pack_all(store)
    assert not store.can_pack
    assert len(commit(store)) == 100
    assert store.storage.packed == 100


def test_a_first_copy_waits_in_one_piece_each_and_what_replaces_it_as_it_came() -> None:
    """So that what is let go later leaves no small holes, of which a relist leaves few."""
    store, records = Store(), pods(20)
    snapshot(store, *records)
    assert all(type(record) is DenseRecord for record in store.records())
    assert seen(store.records()) == seen(records)
    changed = off_the_wire(modified(pod(7), 2_000_000))
    records[7] = changed
    snapshot(store, *records)
    assert store.get(changed.key) is changed


def test_objects_of_a_first_copy_share_equal_labels_before_they_are_packed() -> None:
    store = Store()
    snapshot(store, *(msgspec.structs.replace(record, labels={"app": "web"}) for record in pods(20)))
    assert len({id(record.labels) for record in store.records()}) == 1


def test_of_a_snapshot_under_way_what_has_just_come_is_packed_first_and_of_the_cache_what_came_first() -> None:
    store = Store()
    store.begin_snapshot()
    store.stage(page(*pods(100)))
    store.pack()
    commit(store)
    first, last = 100 - table.PACKED_AT_ONCE, table.PACKED_AT_ONCE
    assert [type(record) for record in store.records()] == [DenseRecord] * first + [PackedRecord] * last
    store.apply(put(*(off_the_wire(pod(number)) for number in range(100, 200))))
    store.pack()
    packed = [type(record) is PackedRecord for record in store.records()]
    assert packed == [True] * (100 + table.PACKED_AT_ONCE - first) + [False] * (100 - table.PACKED_AT_ONCE + first)


class TestBounds:
    def test_a_burst_leaves_no_more_waiting_than_its_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever packs as long as the store is pressed, as the applier does, keeps it within that and a slice."""
        monkeypatch.setattr(burst, "BURST", 100_000)
        monkeypatch.setattr(packing, "BURST", 100_000)
        cache, records = Store(), pods(300)
        for start in range(0, 300, 20):
            cache.apply(put(*records[start : start + 20]))
            while cache.is_pressed and cache.pack():
                pass
            assert cache._live.waiting_bytes <= 100_000
        assert cache.storage.packed > 250

    def test_packing_gives_the_loop_its_turns(self) -> None:
        cache = Store()
        cache.apply(put(*pods(300)))
        packed = [0]
        while cache.pack():
            packed.append(cache.storage.packed)
        assert max(after - before for before, after in pairwise(packed)) <= table.PACKED_AT_ONCE

    def test_a_list_of_what_waits_leaves_no_room_behind_when_nothing_does(self) -> None:
        cache = packed_store(300)
        assert sys.getsizeof(cache._live._waiting) == sys.getsizeof({})

    def test_a_packed_pod_takes_less_than_a_kilobyte(self) -> None:
        """All of Python's allocations of the cache: records, keys, labels, namespaces, dictionary."""
        count = 5000
        gc.collect()
        tracemalloc.start()
        try:
            cache = Store()
            for start in range(0, count, 500):
                cache.apply(put(*(off_the_wire(pod(number)) for number in range(start, start + 500))))
                pack_all(cache)
            gc.collect()
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert cache.storage.packed == count
        assert used / count < BUDGET


class TestBadInput:
    def test_a_stream_of_wildly_different_shapes_is_kept_right_and_costs_few_dictionaries(self) -> None:
        cache = Store()
        dice = Random(5)
        expected: dict[str, bytes] = {}
        for number in range(1500):
            shape = (number // 100) % 4
            match shape:
                case 0:
                    raw = encoded(pod(number))
                case 1:
                    raw = json.dumps({"data": dice.randbytes(1000).hex()}).encode()
                case 2:
                    raw = json.dumps({"l": [dice.choice("xyz") for _ in range(dice.randrange(500))]}).encode()
                case _:
                    raw = dice.randbytes(1500)
            expected[f"n/{number}"] = raw
            cache.apply(put(Record(f"n/{number}", "", "1", {}, raw)))
            if number % 10 == 0:
                pack_all(cache)
        pack_all(cache)
        assert {record.key: record.raw for record in cache.records()} == expected
        assert 1 < cache.storage.dictionaries < 10
        assert cache.storage.packed > 500

    def test_tiny_and_huge_objects_are_kept_as_they_came_and_the_rest_is_packed(self) -> None:
        cache = Store()
        odd = [
            Record("n/tiny", "", "1", {}, b"{ }"),
            Record("n/empty", "", "1", {}, b""),
            Record("n/huge", "", "1", {}, b"x" * 3_000_000),
            Record("n/just-too-large", "", "1", {}, b"x" * (LARGEST + 1)),
        ]
        large = Record("n/just-not-too-large", "", "1", {}, b"x" * LARGEST)
        cache.apply(put(*pods(100), *odd, large))
        pack_all(cache)
        assert all(cache.get(record.key) is record for record in odd)
        assert seen(cache.records()[-1:]) == seen([large])
        assert (cache.storage.packed, cache.storage.waiting) == (101, 0)

    def test_without_a_compressor_everything_is_kept_plain_and_the_status_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compression, "zstd", None)
        cache, records = Store(), pods(100)
        cache.apply(put(*records))
        assert (cache.can_pack, cache.is_pressed, cache.pack()) == (False, False, False)
        assert all(a is b for a, b in zip(cache.records(), records, strict=True))
        status = cache.storage
        assert (status.mode, status.packed, status.waiting, status.ratio) == ("plain", 0, 0, None)
        assert "no compression on this platform" in status.note

    def test_a_compressor_that_fails_leaves_everything_plain_within_bounds_and_the_status_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(self: Codec, data: bytes) -> bytes:
            raise ValueError("compression failed: no reason")

        monkeypatch.setattr(Codec, "compress", fail)
        monkeypatch.setattr(packing, "BURST", 200_000)
        monkeypatch.setattr(burst, "BURST", 200_000)
        cache, records = Store(), pods(300)
        for record in records:
            cache.apply(put(record))
            pack_all(cache)
            assert cache._live.waiting_bytes <= 200_000 + 8000
        assert all(a is b for a, b in zip(cache.records(), records, strict=True))
        assert (cache.storage.mode, cache.storage.packed) == ("compressed", 0)
        assert cache.storage.note == "compression failed: no reason"


class TestStatus:
    def test_it_says_what_is_packed_what_waits_and_how_well_it_went(self) -> None:
        cache = packed_store()
        cache.apply(put(off_the_wire(pod(1000))))
        status = cache.storage
        assert (status.mode, status.packed, status.waiting, status.dictionaries) == ("compressed", 100, 1, 1)
        assert status.packed_bytes == sum(len(r.blob) for r in cache.records() if isinstance(r, PackedRecord))
        assert status.ratio is not None
        assert 0.05 < status.ratio < 0.15
        assert status.note == ""

    def test_a_small_store_stays_plain_and_the_note_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = Store()
        assert cache.storage.note == ""
        cache.apply(put(*pods(3)))
        assert not cache.can_pack
        assert "too little to be packed" in cache.storage.note
        monkeypatch.setattr(packing, "WORTHWHILE", 5000)
        cache.apply(put(*pods(20)))
        pack_all(cache)
        assert cache.storage.note == ""

    def test_a_plain_store_never_packs(self) -> None:
        cache, records = Store(storage="plain"), pods(100)
        cache.apply(Deltas([Delta(deleted=False, record=record) for record in records], "9"))
        cache.begin_snapshot()
        cache.stage(SnapshotPage([]))
        assert (cache.can_pack, cache.is_pressed, cache.pack()) == (False, False, False)
        assert (cache.storage.mode, cache.storage.note) == ("plain", "")
        assert cache.records() == records
