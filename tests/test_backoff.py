from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aioinformer.backoff import Backoff
from tests.listwatch.scripted import Extremes


def test_the_ceiling_doubles_from_under_a_second_to_half_a_minute() -> None:
    backoff = Backoff(Extremes())
    assert [backoff.next() for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_the_ceiling_and_the_first_wait_can_be_chosen() -> None:
    backoff = Backoff(Extremes(), initial=0.1, cap=0.3)
    assert [backoff.next() for _ in range(4)] == [0.1, 0.2, 0.3, 0.3]


def test_only_a_reset_makes_the_next_failure_the_first_again() -> None:
    backoff = Backoff(Extremes())
    backoff.next()
    backoff.next()
    assert backoff.failures == 2
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next() == 0.8


def test_the_slow_end_is_slow_from_the_first_failure_and_counts_as_one() -> None:
    backoff = Backoff(Extremes())
    assert [backoff.slowest(), backoff.slowest()] == [30.0, 30.0]
    assert backoff.failures == 2
    assert backoff.next() == 3.2


@given(st.integers(0, 2**32), st.lists(st.booleans(), min_size=1, max_size=20))
def test_waits_are_drawn_from_nothing_to_the_ceiling_or_from_its_upper_half(seed: int, slow: list[bool]) -> None:
    backoff = Backoff(Random(seed))
    for failures, is_slow in enumerate(slow):
        wait = backoff.slowest() if is_slow else backoff.next()
        assert (15.0 if is_slow else 0.0) <= wait <= (30.0 if is_slow else min(30.0, 0.8 * 2**failures))


def test_a_failure_that_lasts_for_days_does_not_overflow() -> None:
    backoff = Backoff(Extremes())
    backoff.failures = 100_000
    assert backoff.next() == 30.0
