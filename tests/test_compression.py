from __future__ import annotations

from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import compression
from aioinformer.compression import Codec, available, spread
from benchmarks.pods import encoded, pod

PODS = [encoded(pod(number)) for number in range(64)]
CODEC = Codec(PODS)


def noise(size: int, seed: int = 0) -> bytes:
    return Random(seed).randbytes(size)


class TestCodec:
    @given(st.binary() | st.text().map(str.encode) | st.sampled_from(PODS))
    def test_whatever_was_compressed_comes_back(self, data: bytes) -> None:
        assert CODEC.decompress(CODEC.compress(data)) == data

    @pytest.mark.parametrize("data", [b"", b"{}", b"a" * 3_000_000, noise(3_000_000), PODS[0] * 500])
    def test_no_size_is_too_small_or_too_large(self, data: bytes) -> None:
        assert CODEC.decompress(CODEC.compress(data)) == data

    def test_an_object_like_those_it_learnt_from_becomes_a_tenth(self) -> None:
        unseen = encoded(pod(1000))
        assert len(CODEC.compress(unseen)) < len(unseen) / 10

    @pytest.mark.parametrize("samples", [[noise(5000, n) for n in range(64)], [b"{}" * 10], [b"same" * 100] * 64])
    def test_a_dictionary_that_does_not_help_does_no_harm(self, samples: list[bytes]) -> None:
        codec = Codec(samples)
        for data in (PODS[0], noise(5000, 99), b""):
            assert codec.decompress(codec.compress(data)) == data

    @pytest.mark.parametrize("samples", [[], [b""], [b"{}"], [b"", b"{}"]])
    def test_too_little_to_learn_from_is_said(self, samples: list[bytes]) -> None:
        with pytest.raises(ValueError, match="no dictionary can be made"):
            Codec(samples)

    def test_one_that_rests_or_is_retired_decompresses_and_only_the_former_compresses_again(self) -> None:
        codec = Codec(PODS)
        frame = codec.compress(PODS[0])
        codec.rest()
        assert codec.decompress(frame) == PODS[0]
        assert codec.compress(PODS[0]) == frame
        codec.retire()
        assert codec.decompress(frame) == PODS[0]
        with pytest.raises(ValueError, match="retired"):
            codec.compress(PODS[0])

    def test_a_compressor_that_fails_is_a_value_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Failing:
            FLUSH_FRAME = 2

            def __init__(self, **_: Any) -> None:
                pass

            def compress(self, data: bytes, mode: int) -> bytes:
                raise compression.zstd.ZstdError("out of something")

        monkeypatch.setattr(compression.zstd, "ZstdCompressor", Failing)
        with pytest.raises(ValueError, match="compression failed: out of something"):
            Codec(PODS).compress(b"{}")

    def test_no_two_threads_decompress_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A context of zstandard's crashes the process when they do."""
        entered, left = Event(), Event()
        overlaps: list[bool] = []

        class Slow:
            def __init__(self, **_: Any) -> None:
                pass

            def decompress(self, frame: bytes) -> bytes:
                if frame == b"first":
                    entered.set()
                    overlaps.append(left.wait(0.05))
                left.set()
                return frame

        monkeypatch.setattr(compression.zstandard, "ZstdDecompressor", Slow)
        codec = Codec(PODS)
        first, second = (Thread(target=codec.decompress, args=(frame,)) for frame in (b"first", b"second"))
        first.start()
        assert entered.wait(5)
        second.start()
        first.join()
        second.join()
        assert overlaps == [False]


class TestSpread:
    @given(st.integers(0, 5000), st.integers(0, 300))
    def test_places_are_different_and_within(self, size: int, count: int) -> None:
        places = spread(size, count)
        assert len(set(places)) == len(places) <= min(size, count)
        assert all(0 <= place < size for place in places)
        assert places or not size or not count

    @pytest.mark.parametrize("kinds", [2, 3, 8, 10, 12, 40])
    def test_where_kinds_of_objects_take_turns_every_kind_is_among_the_samples(self, kinds: int) -> None:
        assert len({place % kinds for place in spread(1000, 64)}) >= min(kinds, 30)


def test_there_is_none_where_it_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available()
    monkeypatch.setattr(compression, "zstd", None)
    assert not available()
