"""dense.py: whatever form an object is kept in, it reads as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.compression import Codec
from aioinformer.dense import DenseRecord, PackedRecord, dense, head, parts
from aioinformer.objects import Record
from benchmarks.pods import encoded, pod

CODEC = Codec([encoded(pod(number)) for number in range(64)])
ANYTHING = st.text(st.characters(exclude_categories=[]))
"""Lone surrogates, too: JSON may have them, escaped."""
UIDS = st.uuids().map(str)
FIELDS = ("key", "uid", "resource_version", "labels", "raw", "namespace", "name")


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Every byte, uid, version and name, whatever they are."""
    key = f"{draw(ANYTHING)}/{draw(ANYTHING).replace('/', '')}"
    version = draw(ANYTHING | st.integers(0).map(str))
    return Record(key, draw(ANYTHING | UIDS), version, {"a": "b"}, draw(st.binary()))


@given(records())
def test_a_dense_record_reads_as_it_came(record: Record) -> None:
    found = dense(record, record.labels)
    assert [getattr(found, field) for field in FIELDS] == [getattr(record, field) for field in FIELDS]


@given(records())
def test_a_packed_record_reads_as_it_came(record: Record) -> None:
    blob = head(record.uid, record.resource_version) + CODEC.compress(record.raw)
    found = PackedRecord(record.key, record.labels, blob, CODEC)
    assert [getattr(found, field) for field in FIELDS] == [getattr(record, field) for field in FIELDS]


@given(records())
def test_its_parts_are_the_same_in_every_form(record: Record) -> None:
    expected = (record.uid, record.resource_version, record.raw)
    assert parts(record) == expected
    assert parts(dense(record, {})) == expected


def test_representations_show_no_body() -> None:
    record = Record("n/a", "u", "7", {}, b'{"secret":1}')
    assert repr(dense(record, {})) == "<DenseRecord n/a resourceVersion=7 23 bytes>"
    assert repr(PackedRecord("n/a", {}, head("u", "7"), CODEC)) == "<PackedRecord n/a resourceVersion=7 11 bytes>"


def test_a_dense_record_cannot_be_changed() -> None:
    record = DenseRecord("n/a", {}, b"")
    with pytest.raises(AttributeError):
        record.blob = b"x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # as it should be
