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


class TestHead:
    @pytest.mark.parametrize(
        ("uid", "version", "short"),
        [
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "1234567", True),
            ("00000000-0000-0000-0000-000000000000", "0", True),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", str(2**64 - 1), True),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", str(2**64), False),
            ("8C6A2B0E-5C39-4D7F-A0B1-0123456789AB", "1", False),
            ("8c6a2b0e5c394d7fa0b10123456789ab", "1", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789abcd", "1", False),
            ("8c6a2b0e 5c39 4d7f a0b1 0123456789ab", "1", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "007", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "-1", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", " 1", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "1_0", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "\u0661", False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "9" * 5000, False),
            ("8c6a2b0e-5c39-4d7f-a0b1-0123456789ab", "", False),
            ("", "", False),
            ("", "1", False),
            ("\ud800", "\udfff", False),
        ],
    )
    def test_what_kubernetes_writes_is_short_and_all_else_comes_back_as_well(
        self, uid: str, version: str, *, short: bool
    ) -> None:
        raw = encoded(pod(1))
        found = PackedRecord("n/a", {}, head(uid, version) + CODEC.compress(raw), CODEC)
        assert (found.uid, found.resource_version, found.raw) == (uid, version, raw)
        assert (len(head(uid, version)) == 25) is short


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
