"""benchmarks/guard.py: what grew too much is said, with what to do; what did not is not."""

from __future__ import annotations

import tomllib

import pytest

from benchmarks.guard import BOUNDS, EXPECTED, WAYS, complaints, reference

GOOD = {"event": 0.2, "object": 0.2, "bytes": 900.0}


def test_what_is_as_expected_is_no_matter() -> None:
    assert complaints(GOOD, GOOD) == []
    assert complaints({name: value * 1.4 for name, value in GOOD.items()}, GOOD) == []


@pytest.mark.parametrize(("name", "times"), [("event", 2.0), ("object", 2.0), ("bytes", 1.51)])
def test_a_two_fold_slow_down_and_memory_grown_by_half_are_named(name: str, times: float) -> None:
    (complaint,) = complaints({**GOOD, name: GOOD[name] * times}, GOOD)
    assert f"{times:.2g} times" in complaint
    assert "--record" in complaint


def test_what_is_recorded_is_what_is_bounded() -> None:
    expected = tomllib.loads(EXPECTED.read_text())
    assert tuple(expected) == WAYS
    assert all(figures.keys() == BOUNDS.keys() for figures in expected.values())


def test_the_reference_does_something() -> None:
    assert reference(5) > 0
