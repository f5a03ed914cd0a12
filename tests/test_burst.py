"""burst.py: what may wait in all caches together, and when memory is given back."""

from __future__ import annotations

import sys
from threading import Thread

import pytest

from aioinformer import burst
from aioinformer.burst import BURST, DRAINED, RELUCTANT, REST, SHARE, STEP, Heap, Waiting


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default."""


class Cache:
    """Something with objects that wait."""

    def __init__(self, waiting_bytes: int) -> None:
        self.waiting_bytes = waiting_bytes


class TestWaiting:
    def test_one_cache_may_have_all_that_may_wait(self) -> None:
        waiting, cache = Waiting(), Cache(BURST)
        assert not waiting.is_too_much(cache, drain=True)
        cache.waiting_bytes += 1
        assert waiting.is_too_much(cache, drain=True)

    def test_two_caches_share_it(self) -> None:
        waiting, one, other = Waiting(), Cache(BURST // 2), Cache(BURST // 2)
        assert not waiting.is_too_much(one, drain=True)
        assert not waiting.is_too_much(other, drain=True)
        other.waiting_bytes += 1
        assert waiting.is_too_much(one, drain=True)

    def test_whatever_others_have_a_little_may_always_wait(self) -> None:
        waiting, large, small = Waiting(), Cache(2 * BURST), Cache(BURST // SHARE)
        assert waiting.is_too_much(large, drain=True)
        assert not waiting.is_too_much(small, drain=True)
        small.waiting_bytes += 1
        assert waiting.is_too_much(small, drain=True)

    def test_once_it_is_too_much_an_eighth_of_it_is_packed(self) -> None:
        waiting, cache = Waiting(), Cache(BURST + 1)
        assert waiting.is_too_much(cache, drain=True)
        cache.waiting_bytes = BURST - BURST // DRAINED + 1
        assert waiting.is_too_much(cache, drain=True)
        cache.waiting_bytes -= 1
        assert not waiting.is_too_much(cache, drain=True)
        cache.waiting_bytes = BURST
        assert not waiting.is_too_much(cache, drain=True)

    def test_or_no_more_than_there_is_too_much(self) -> None:
        waiting, cache = Waiting(), Cache(BURST + 1)
        assert waiting.is_too_much(cache, drain=False)
        cache.waiting_bytes -= 1
        assert not waiting.is_too_much(cache, drain=False)

    def test_what_is_gone_does_not_count(self) -> None:
        waiting, large, other = Waiting(), Cache(BURST), Cache(BURST)
        assert not waiting.is_too_much(large, drain=True)
        assert waiting.is_too_much(other, drain=True)
        del large
        waiting.is_too_much(other, drain=True)
        assert waiting.bytes == BURST

    def test_loops_of_several_threads_may_ask_at_once(self) -> None:
        """Each thread brings caches of its own while the others look."""
        waiting, failures = Waiting(), list[Exception]()
        caches = [[Cache(BURST // SHARE + 1) for _ in range(500)] for _ in range(4)]

        def ask(mine: list[Cache]) -> None:
            try:
                for cache in mine:
                    waiting.is_too_much(cache, drain=True)
            except RuntimeError as error:
                failures.append(error)

        threads = [Thread(target=ask, args=(mine,)) for mine in caches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert waiting.bytes == 2000 * (BURST // SHARE + 1)

    def test_what_is_left_while_more_comes_is_not_little(self) -> None:
        waiting, cache = Waiting(), Cache(BURST - 2 * BURST // DRAINED)
        waiting.is_too_much(cache, drain=True)
        assert not waiting.is_little
        cache.waiting_bytes -= 1
        assert waiting.is_little


class TestHeap:
    calls: int

    @pytest.fixture
    def seconds(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """What giving back takes."""
        seconds, times = [0.0], [0.0]

        def clock() -> float:
            times[0] += seconds[0]
            return times[0]

        monkeypatch.setattr(burst, "thread_time", clock)
        return seconds

    def heap(self) -> Heap:
        self.calls = 0

        def trim(pad: int) -> int:
            assert pad == 0
            self.calls += 1
            return 1

        return Heap(lambda: trim)

    def test_memory_is_given_back_every_so_many_bytes_and_when_all_is_packed(self, seconds: list[float]) -> None:
        heap = self.heap()
        heap.freed(STEP - 1, more=True)
        assert (self.calls, seconds) == (0, [0.0])
        heap.freed(1, more=True)
        assert self.calls == 1
        heap.freed(REST - 1, more=False)
        assert self.calls == 1
        heap.freed(1, more=False)
        assert self.calls == 2

    def test_where_it_takes_long_it_is_done_ever_less_often_and_as_before_once_it_does_not(
        self, seconds: list[float]
    ) -> None:
        heap = self.heap()
        seconds[0] = 2 * burst.LONG * RELUCTANT
        for times in (1, 2, 4, 8, 16, 32, 64, 64):
            before = self.calls
            heap.freed(STEP * min(times, RELUCTANT) - 1, more=True)
            assert self.calls == before
            heap.freed(1, more=True)
            assert self.calls == before + 1
        seconds[0] = 0.0
        heap.freed(STEP * RELUCTANT, more=True)
        heap.freed(STEP, more=True)
        assert self.calls == 10

    def test_that_more_to_give_back_takes_longer_is_no_reason_to_do_it_less_often(self, seconds: list[float]) -> None:
        heap = self.heap()
        seconds[0] = 2 * burst.LONG
        heap.freed(4 * STEP, more=True)
        for _ in range(3):
            before = self.calls
            heap.freed(2 * STEP, more=True)
            assert self.calls == before + 1
            seconds[0] = 1.5 * burst.LONG
        heap.freed(STEP, more=True)
        assert self.calls == 5

    def test_where_there_is_no_such_function_it_is_looked_for_once(self) -> None:
        looked: list[None] = []

        def find() -> None:
            looked.append(None)

        heap = Heap(find)
        for _ in range(3):
            heap.freed(STEP, more=True)
        assert len(looked) == 1

    def test_the_c_library_is_asked_whatever_it_is(self) -> None:
        trim = burst._malloc_trim()
        if sys.platform == "linux" and trim is not None:
            assert trim(0) in {0, 1}
        Heap(burst._malloc_trim).freed(STEP, more=True)
