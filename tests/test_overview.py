"""overview.py: one status for several collections."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from aioinformer import InformerState
from aioinformer.overview import newest_failure, overall, overall_age, overall_stale_at

if TYPE_CHECKING:
    from aioinformer.feed import Feed

LIVE, SYNCING, RESUMING, STALE = (
    InformerState.LIVE, InformerState.SYNCING, InformerState.RESUMING, InformerState.STALE,
)  # fmt: skip
DENIED, MISSING, DEGRADED, IDLE = (
    InformerState.DENIED, InformerState.MISSING, InformerState.DEGRADED, InformerState.IDLE,
)  # fmt: skip


def feed(state: InformerState, **monitor: Any) -> Feed:
    known: dict[str, Any] = {"age": None, "last_error_at": None} | monitor
    return cast(
        "Feed", SimpleNamespace(state=state, stale_at=monitor.get("stale_at"), monitor=SimpleNamespace(**known))
    )


@pytest.mark.parametrize(
    ("states", "synced", "expected"),
    [
        ([LIVE], True, LIVE),
        ([DENIED], False, DENIED),
        ([SYNCING], True, SYNCING),
        ([IDLE, IDLE], False, IDLE),
        ([LIVE, LIVE], True, LIVE),
        ([LIVE, RESUMING], True, RESUMING),
        ([LIVE, STALE, RESUMING], True, STALE),
        ([LIVE, SYNCING], False, SYNCING),
        ([LIVE, SYNCING], True, RESUMING),
        ([LIVE, DENIED], True, DEGRADED),
        ([RESUMING, MISSING], True, DEGRADED),
        ([STALE, DENIED], True, STALE),
        ([SYNCING, DENIED], False, SYNCING),
        ([DENIED, MISSING], False, DENIED),
    ],
)
def test_the_state_of_the_whole(states: list[InformerState], synced: bool, expected: InformerState) -> None:  # noqa: FBT001
    assert overall([feed(state) for state in states], synced=synced) is expected


def test_the_age_is_that_of_the_followed_one_that_has_been_silent_longest() -> None:
    """One that is refused is silent for a reason, unless all are."""
    assert overall_age([feed(LIVE, age=3.0), feed(LIVE, age=5.0), feed(DENIED, age=900.0)]) == 5.0
    assert overall_age([feed(DENIED, age=7.0), feed(DENIED, age=9.0)]) == 9.0
    assert overall_age([feed(SYNCING)]) is None


def test_it_turns_stale_with_the_first_of_them() -> None:
    assert overall_stale_at([feed(LIVE), feed(RESUMING, stale_at=70.0), feed(RESUMING, stale_at=60.0)]) == 60.0
    assert overall_stale_at([feed(LIVE)]) is None


def test_the_failure_told_is_the_latest() -> None:
    first, second = (feed(LIVE, last_error_at=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    assert newest_failure([first, second, feed(LIVE)]) is second
    assert newest_failure([first]) is first
