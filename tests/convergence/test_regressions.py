"""What `make soak` once found, as Hypothesis shrank it: each example failed before the library was mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.convergence.follower import Terms
from tests.convergence.machine import Convergence
from tests.convergence.world import CONFIGMAPS, Place

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def state() -> Generator[Convergence]:
    """The machine, whose rules are called by hand."""
    machine = Convergence()
    try:
        yield machine
    finally:
        machine.teardown()


def test_a_task_that_took_a_slow_subscription_over_is_waited_for(state: Convergence) -> None:
    """A subscription did not know of it as long as events waited, and nobody waited until it had read them."""
    present = [Place(CONFIGMAPS, "a", name) for name in "xyz"]
    state.begin(kinds=["all"], present=present, followers=[Terms(pace=20.0)])
    state.go_on(5.0)
    state.interrupt(0)
    state.go_on(5.0)
    state.converge()
