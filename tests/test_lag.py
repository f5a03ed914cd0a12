"""lag.py: since when the oldest of what waits has waited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.lag import RESOLUTION, Lag

steps = st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 3), st.integers(0, 4)), max_size=60)


@given(steps=steps)
def test_it_is_the_age_of_the_oldest_but_for_its_resolution(steps: list[tuple[float, int, int]]) -> None:
    """Whatever is offered and taken when; and no more is remembered than what waits."""
    lag, now = Lag(), 0.0
    waiting: list[float] = []
    for passed, offered, taken in steps:
        now += passed
        if offered:
            waiting += [now] * offered
            lag.offered(offered, len(waiting), now)
        del waiting[:taken]
        told = lag.seconds(len(waiting), now, replaying=False, behind=False)
        if waiting:
            assert now - waiting[0] - 1e-9 <= told <= now - waiting[0] + RESOLUTION + 1e-9
        else:
            assert told == 0.0
        assert len(lag._marks) <= len(waiting) + taken + 2


def test_a_replay_has_waited_since_it_began() -> None:
    lag = Lag()
    lag.started(3.0)
    assert lag.seconds(0, 5.0, replaying=True, behind=False) == pytest.approx(2.0)


def test_what_was_merged_has_waited_since_the_first_fell_behind() -> None:
    lag = Lag()
    lag.fell_behind(4.0)
    assert lag.seconds(0, 5.0, replaying=False, behind=True) == pytest.approx(1.0)
