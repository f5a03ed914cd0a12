"""Random writes, random faults, many informers and subscribers: when it settles, everybody agrees with the server."""

from __future__ import annotations

import os
import random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.convergence.machine import Convergence

ASKED_FOR = os.environ.get("AIOINFORMER_EXAMPLES", "")
"""How many examples to run, with random seeds; left out, a few that are the same every time."""

CONVERGENCE = settings(
    max_examples=int(ASKED_FOR or 200),
    derandomize=not ASKED_FOR,
    print_blob=True,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs and jitter are drawn from the generator that Hypothesis seeds, so that an example does the same again."""
    dice = SimpleNamespace(Random=lambda: random.Random(random.random()), uniform=random.uniform)
    monkeypatch.setattr("aioinformer.mirror.random", dice)


def test_everything_converges() -> None:
    run_state_machine_as_test(Convergence, settings=CONVERGENCE)
