"""packing.py: what is packed reads the same; dictionaries are made, judged and made anew, and not too often."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from aioinformer import compression, packing
from aioinformer.burst import BURST
from aioinformer.compression import Codec
from aioinformer.objects import KubeObject, Record
from aioinformer.packing import LARGEST, WORTHWHILE, Packer
from benchmarks.pods import encoded, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.dense import PackedRecord

ANYTHING = st.text(st.characters(exclude_categories=[]))
"""Lone surrogates, too: JSON may have them, escaped."""
UIDS = st.uuids().map(str)


def pods(count: int, start: int = 0) -> list[Record]:
    return [record_of(encoded(pod(number))) for number in range(start, start + count)]


def record_of(raw: bytes) -> Record:
    meta = json.loads(raw)["metadata"]
    key = f"{meta['namespace']}/{meta['name']}"
    return Record(key, meta["uid"], meta["resourceVersion"], meta["labels"], raw)


def nonsense(number: int, size: int = 5000) -> Record:
    """What cannot be compressed."""
    return Record(f"n/{number}", "", "", {}, Random(number).randbytes(size))


def odd(number: int) -> Record:
    """Unlike any pod, and any other odd one but for its letters."""
    letters = "".join(Random(number).choices("abcdefgh", k=4000))
    return Record(f"n/odd-{number}", "u", "1", {}, json.dumps({"metadata": {}, "data": letters}).encode())


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


@pytest.fixture
def packer() -> Packer:
    """One that has learnt pods."""
    packer = Packer()
    packer.learn(pods(64))
    return packer


def packed(packer: Packer, record: Record) -> PackedRecord:
    result = packer.pack(record.key, record)
    assert result is not None
    return result


class TestPackedRecord:
    def test_a_view_of_it_is_a_view_of_the_object(self, packer: Packer) -> None:
        record = pods(1, 500)[0]
        view, plain = KubeObject(packed(packer, record)), KubeObject(record)
        assert view.to_dict() == plain.to_dict()
        assert view == plain
        assert hash(view) == hash(plain)

    def test_its_representation_shows_no_body(self, packer: Packer) -> None:
        found = packed(packer, pods(1, 7)[0])
        assert repr(found) == f"<PackedRecord {found.key} resourceVersion=1000007 {len(found.blob)} bytes>"


class TestLearning:
    def test_there_has_to_be_something_to_learn_from(self) -> None:
        packer = Packer()
        assert not packer.is_ready(WORTHWHILE - 1)
        assert packer.is_ready(WORTHWHILE)
        assert packer.pack("n/a", pods(1)[0]) is None

    def test_once_there_is_a_dictionary_anything_is_packed_at_once(self, packer: Packer) -> None:
        assert packer.is_ready(1)
        assert not packer.has_to_learn
        assert packer.dictionaries == 1

    def test_what_nothing_can_be_learnt_from_is_tried_again_with_twice_as_much(self) -> None:
        packer, empty = Packer(), [Record("n/a", "", "", {}, b"")]
        packer.learn(empty)
        assert packer.note.startswith("no dictionary can be made")
        assert (packer.dictionaries, packer.is_ready(2 * WORTHWHILE - 1), packer.is_ready(2 * WORTHWHILE)) == (
            0,
            False,
            True,
        )
        for _ in range(20):
            packer.learn(empty)
        assert packer.is_ready(BURST)
        packer.learn(pods(64))
        assert (packer.note, packer.dictionaries) == ("", 1)

    def test_a_dictionary_that_no_longer_suits_is_made_anew_once_there_is_enough_to_learn_from(
        self, packer: Packer
    ) -> None:
        for record in pods(400):
            packed(packer, record)
        for number in range(700):
            packer.pack("n/a", odd(number))
        assert packer.has_to_learn
        assert not packer.is_ready(WORTHWHILE - 1)
        assert packer.is_ready(WORTHWHILE)
        before = packer.ratio or 0
        packer.learn([odd(number) for number in range(300)])
        assert (packer.has_to_learn, packer.dictionaries, packer.is_ready(1)) == (False, 2, True)
        for number in range(300):
            packer.pack("n/a", odd(number))
        assert (packer.ratio or 1) < 1.1 * before

    def test_one_that_cannot_be_made_anew_is_kept(self, packer: Packer) -> None:
        packer.learn([])
        assert packer.note == ""
        assert packed(packer, pods(1, 9)[0]).raw == pods(1, 9)[0].raw

    def test_what_is_packed_stays_readable_when_dictionaries_change(self, packer: Packer) -> None:
        record = pods(1, 9)[0]
        found = packed(packer, record)
        packer.learn([odd(number) for number in range(64)])
        assert found.raw == record.raw

    @pytest.mark.parametrize("kinds", [2, 5])
    def test_shapes_that_change_all_the_time_cost_ever_fewer_dictionaries(
        self, kinds: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each takes twice as many bytes to earn as the last, so their number is the logarithm of what was packed."""
        monkeypatch.setattr(packing, "WORTHWHILE", 64 * 1024)
        packer = Packer()
        makers: list[Callable[[int], Record]] = [lambda n: pods(1, n)[0], odd, nonsense]
        packed_bytes = 0
        for phase in range(12):
            maker = makers[phase % min(kinds, len(makers))]
            records = [maker(1000 * phase + number) for number in range(300)]
            for record in records:
                if packer.has_to_learn:
                    packer.learn(records)
                found = packer.pack(record.key, record)
                assert found is None or found.raw == record.raw
                packed_bytes += len(record.raw)
        assert 2 <= packer.dictionaries <= 2 + (packed_bytes // (64 * 1024)).bit_length()


class TestBadInput:
    def test_what_would_not_get_smaller_is_not_packed_and_the_note_says_so(self) -> None:
        packer = Packer()
        packer.learn([nonsense(number) for number in range(64)])
        assert [packer.pack("n/a", nonsense(number)) for number in range(64, 100)] == [None] * 36
        assert "hardly get smaller" in packer.note
        assert (packer.ratio or 0) > 1

    def test_what_gets_smaller_is_not_spoken_of(self, packer: Packer) -> None:
        packed(packer, pods(1)[0])
        assert packer.note == ""
        assert packer.ratio is not None
        assert packer.ratio < 0.1

    def test_objects_of_three_bytes_stay_as_they_are(self, packer: Packer) -> None:
        assert packer.pack("n/a", Record("n/a", "", "", {}, b"{ }")) is None

    def test_an_object_is_packed_up_to_a_size_that_holds_up_nobody(self, packer: Packer) -> None:
        assert packer.size(Record("n/a", "", "", {}, b"x" * LARGEST)) == LARGEST
        assert packer.size(Record("n/a", "", "", {}, b"x" * (LARGEST + 1))) == 0
        large = Record("n/a", "", "", {}, json.dumps({"data": "x" * (LARGEST - 100)}).encode())
        assert packed(packer, large).raw == large.raw

    def test_without_a_compressor_everything_stays_plain_and_the_note_says_why(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compression, "zstd", None)
        packer = Packer()
        assert (packer.mode, packer.size(pods(1)[0])) == ("plain", 0)
        assert packer.note == "no compression on this platform: zstandard cannot be imported"

    def test_whoever_asks_for_plain_gets_it_without_a_note(self) -> None:
        packer = Packer("plain")
        assert (packer.mode, packer.size(pods(1)[0]), packer.note, packer.ratio) == ("plain", 0, "", None)

    def test_a_compressor_that_fails_is_told_of_and_replaced_when_there_is_enough_again(
        self, packer: Packer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(self: Any, data: bytes) -> bytes:
            raise ValueError("compression failed: no reason")

        with monkeypatch.context() as failing:
            failing.setattr(Codec, "compress", fail)
            assert packer.pack("n/a", pods(1)[0]) is None
        assert packer.note == "compression failed: no reason"
        assert (packer.has_to_learn, packer.is_ready(1), packer.is_ready(BURST)) == (True, False, True)
        packer.learn(pods(64))
        assert packed(packer, pods(1, 9)[0]).raw == pods(1, 9)[0].raw
        assert packer.note == ""


class TestSharing:
    def test_equal_labels_are_one_dict(self, packer: Packer) -> None:
        first, second = (packed(packer, Record(f"n/{name}", "", "", {"app": "web"}, encoded(pod(1)))) for name in "ab")
        assert first.labels is second.labels

    def test_others_with_the_same_hash_are_not(self, packer: Packer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packing, "hash", lambda _: 5, raising=False)
        for labels in ({"app": "web"}, {"app": "other"}, {}):
            assert packed(packer, Record("n/a", "", "", labels, encoded(pod(1)))).labels == labels

    def test_so_many_sets_of_labels_are_remembered_and_no_more(
        self, packer: Packer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packing, "LABEL_SETS", 10)
        packer.expect(1000)
        for number in range(100):
            labels = {"number": str(number)}
            assert packed(packer, Record("n/a", "", "", labels, encoded(pod(1)))).labels == labels
            assert len(packer._label_sets) <= 10

    def test_few_objects_have_few_sets_of_labels_whatever_there_were_before(self, packer: Packer) -> None:
        packer.expect(5)
        for number in range(100):
            packed(packer, Record("n/a", "", "", {"number": str(number)}, encoded(pod(1))))
            assert len(packer._label_sets) <= 10
