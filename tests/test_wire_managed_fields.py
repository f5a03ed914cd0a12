"""wire.py: managedFields are cut from an object's bytes as it arrives, and what stands before a list's items is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aioinformer.batches import Delta, Undecodable
from aioinformer.errors import MalformedResponse
from aioinformer.wire import decode_event, decode_head, decode_item
from benchmarks.pods import encoded, pod

WITH = encoded(pod(1))
WITHOUT = encoded({**pod(1), "metadata": {k: v for k, v in pod(1)["metadata"].items() if k != "managedFields"}})
BUILT_IN = encoded({k: v for k, v in pod(1).items() if k not in {"kind", "apiVersion"}})


def raw_of(item: object) -> bytes:
    assert isinstance(item, Delta)
    return item.record.raw


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize("spacing", [(",", ":"), (", ", ": ")])
def test_managed_fields_are_cut_from_events_unless_they_are_to_be_kept(kind: str, spacing: tuple[str, str]) -> None:
    event = json.dumps({"type": kind, "object": pod(1)}, separators=spacing).encode()
    assert json.loads(raw_of(decode_event(event))) == json.loads(WITHOUT)
    assert json.loads(raw_of(decode_event(event, keep_managed_fields=True))) == pod(1)


def test_the_rest_of_an_event_is_the_bytes_that_came() -> None:
    event = b'{"type":"ADDED","object":' + WITH + b"}"
    assert raw_of(decode_event(event)) == WITHOUT
    assert raw_of(decode_event(event, keep_managed_fields=True)) == WITH


def test_they_are_cut_from_items_of_lists_too() -> None:
    assert raw_of(decode_item(WITH)) == WITHOUT
    assert raw_of(decode_item(BUILT_IN, "Pod", "v1")) == WITHOUT
    assert raw_of(decode_item(BUILT_IN, "Pod", "v1", keep_managed_fields=True)) == WITH


@pytest.mark.parametrize("managed", [None, [], "", {}, 0, [{"manager": "x"}]])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_whatever_they_are_and_wherever_they_stand_identity_and_labels_are_read(managed: Any, place: int) -> None:
    fields = [("name", "a"), ("labels", {"a": "b"})]
    fields.insert(place, ("managedFields", managed))
    item = decode_item(json.dumps({"data": {"metadata": {}}, "metadata": dict(fields)}).encode())
    assert isinstance(item, Delta)
    assert (item.record.key, item.record.labels) == ("a", {"a": "b"})
    assert json.loads(item.record.raw) == {"data": {"metadata": {}}, "metadata": {"name": "a", "labels": {"a": "b"}}}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metadata":{"name":7,"managedFields":[]}}',
        b'{"metadata":{"name":"a","managedFields":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    ],
)
def test_what_is_wrong_with_them_concerns_this_object_only(raw: bytes) -> None:
    assert isinstance(decode_item(raw), Undecodable)
    assert isinstance(decode_event(b'{"type":"ADDED","object":' + raw + b"}"), Undecodable)


def test_what_is_cut_need_not_be_text_as_nobody_can_ever_read_it() -> None:
    raw = b'{"metadata":{"name":"a","managedFields":[{"a":"\xff"}]}}'
    cut = decode_item(raw)
    assert isinstance(cut, Delta)
    assert cut.record.raw == b'{"metadata":{"name":"a"}}'
    assert isinstance(decode_item(raw, keep_managed_fields=True), Undecodable)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[', ("Pod", "v1")),
        (b'{"apiVersion":"example.com/v1","items":[', ("", "example.com/v1")),
        (b'{"items":[', ("", "")),
        (b'{"kind":"List","apiVersion":"v1","items":[', ("", "v1")),
    ],
)
def test_a_head_says_what_the_items_are(head: bytes, said: tuple[str, str]) -> None:
    assert decode_head(head) == said


@pytest.mark.parametrize(
    "head",
    [b"", b'{"metadata":{"items":[', b'{"a":"\\"items\\":[","x\\"items":[', b'[{"items":[', b'{"kind":5,"items":['],
)
def test_what_is_no_beginning_of_a_list_is_malformed(head: bytes) -> None:
    with pytest.raises(MalformedResponse, match="not a Kubernetes list"):
        decode_head(head)
