"""What there is one of per object is nothing that the garbage collector goes through, however large a cache is."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import packing
from aioinformer.batches import Change, Delta, Deltas
from aioinformer.dense import PackedRecord
from aioinformer.objects import Record
from aioinformer.store import Store
from aioinformer.wire import decode_event, decode_item

if TYPE_CHECKING:
    from collections.abc import Iterator

OBJECTS = 2_000


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is packed here is said here."""


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """A collection would untrack some of what is tracked at first: none here, so what is untracked was so from birth."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def document(number: int, version: int = 1) -> dict[str, Any]:
    metadata = {
        "name": f"pod-{number}",
        "namespace": "n",
        "uid": f"00000000-0000-4000-8000-{number:012}",
        "resourceVersion": str(version),
        "labels": {"app": f"app-{number % 20}", "team": "storefront"},
        "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
    }
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": f"node-{number % 9}", "args": ["--v=2"] * 20}}


def delta(number: int, version: int = 1) -> Delta:
    line = b'{"type":"MODIFIED","object":%b}' % json.dumps(document(number, version)).encode()
    decoded = decode_event(line)
    assert isinstance(decoded, Delta)
    return decoded


def tracked_by(make: Any) -> tuple[Any, int]:
    """What this makes, and how many objects the collector tracks more than before."""
    before = len(gc.get_objects())
    made = make()
    return made, len(gc.get_objects()) - before


def test_records_and_deltas_are_untracked() -> None:
    event = delta(1)
    item = decode_item(json.dumps(document(1)).encode(), keep_managed_fields=True)
    assert isinstance(item, Delta)
    assert isinstance(item.record, Record)
    change = Change("n/pod-1", event.record, item.record)
    for each in (event, event.record, item, item.record, change):
        assert not gc.is_tracked(each)


def test_a_batch_of_events_is_a_handful_of_objects() -> None:
    """The lists that hold them; labels are dicts, which before Python 3.14 are tracked only with what is tracked in them."""
    deltas, decoded = tracked_by(lambda: [delta(number) for number in range(OBJECTS)])
    assert decoded < 10 or gc.is_tracked(deltas[0].record.labels)
    store = Store()
    changes, applied = tracked_by(lambda: store.apply(Deltas(deltas, "1")))
    assert len(changes) == OBJECTS
    assert applied < 10


def test_a_packed_cache_is_a_handful_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the tables and of the dictionary, and a few for each of twenty sets of labels."""
    monkeypatch.setattr(packing, "WORTHWHILE", 10_000)

    def filled() -> Store:
        store = Store()
        store.apply(Deltas([delta(number) for number in range(OBJECTS)], "1"))
        while store.pack():
            pass
        return store

    store, tracked = tracked_by(filled)
    if store.storage.mode == "plain":
        pytest.skip("no compression on this platform")
    records = store.records()
    assert all(type(record) is PackedRecord and not gc.is_tracked(record) for record in records)
    assert len({id(record.labels) for record in records}) == 20
    assert tracked < 100
