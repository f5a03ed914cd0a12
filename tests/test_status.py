from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.errors import (
    Forbidden,
    IdleTimeout,
    InformerError,
    Invalid,
    NetworkError,
    NotFound,
    ResourceExpired,
    Unauthorized,
)
from aioinformer.failures import Failure, Reporter
from aioinformer.listwatch import InitialList, ListWatch, Step
from aioinformer.resource import GroupVersionResource
from aioinformer.status import STALE_AFTER, InformerState, InformerStatus, Monitor

if TYPE_CHECKING:
    from collections.abc import Sequence


class Driven:
    """A monitor over a real machine, with the reflector's calls made by hand and a clock to set."""

    def __init__(self, *, initial_list: InitialList = "consistent") -> None:
        self.now = 100.0
        self.changes = 0
        self.machine = ListWatch(Random(1), initial_list=initial_list)
        self.told: list[Failure] = []
        reporter = Reporter(GroupVersionResource("", "v1", "pods"), self.told.append)
        self.monitor = Monitor("pods.v1 in n", self.machine, lambda: self.now, self.changed, reporter, "n")

    def changed(self) -> None:
        self.changes += 1

    def request(self) -> None:
        self.monitor.requested(self.machine.request())

    def page(self, token: str = "") -> None:
        self.request()
        self.monitor.heard()
        self.monitor.ended(self.machine.page("10", token, self.now), None)

    def watch(self) -> None:
        self.request()
        self.machine.opened(self.now)
        self.monitor.heard()

    def fail(self, error: InformerError) -> Step:
        step = self.machine.failed(error, self.now)
        self.monitor.ended(step, error)
        return step

    def live(self) -> Driven:
        self.page()
        self.watch()
        return self


@pytest.fixture
def driven() -> Driven:
    return Driven()


def states(driven: Driven) -> tuple[InformerState, InformerState]:
    return driven.monitor.state(synced=False), driven.monitor.state(synced=True)


def levels(caplog: pytest.LogCaptureFixture) -> Sequence[int]:
    return [each.levelno for each in caplog.records]


class TestState:
    def test_until_the_first_snapshot_is_whole_it_is_syncing(self, driven: Driven) -> None:
        assert driven.monitor.state(synced=False) is InformerState.SYNCING
        driven.page("more")
        assert driven.monitor.state(synced=False) is InformerState.SYNCING

    def test_with_a_watch_open_it_is_live_and_between_two_watches_it_is_resuming(self, driven: Driven) -> None:
        driven.live()
        assert driven.monitor.state(synced=True) is InformerState.LIVE
        driven.monitor.ended(driven.machine.ended(driven.now + 5), None)
        assert driven.monitor.state(synced=True) is InformerState.RESUMING
        driven.watch()
        assert driven.monitor.state(synced=True) is InformerState.LIVE

    def test_a_quiet_watch_stays_live(self, driven: Driven) -> None:
        driven.live().now += 10 * STALE_AFTER
        assert driven.monitor.state(synced=True) is InformerState.LIVE

    def test_a_minute_without_a_watch_or_a_sign_of_life_makes_it_stale(self, driven: Driven) -> None:
        driven.live().fail(NetworkError("reset"))
        driven.now += STALE_AFTER - 1
        assert driven.monitor.state(synced=True) is InformerState.RESUMING
        driven.now += 1
        assert driven.monitor.state(synced=True) is InformerState.STALE
        driven.watch()
        assert driven.monitor.state(synced=True) is InformerState.LIVE

    def test_a_watch_that_was_cut_after_a_long_silence_was_current_until_then(self, driven: Driven) -> None:
        driven.live().now += 10 * STALE_AFTER
        driven.fail(NetworkError("reset"))
        assert driven.monitor.state(synced=True) is InformerState.RESUMING
        assert driven.monitor.stale_at(synced=True) == driven.now + STALE_AFTER

    def test_a_connection_that_was_silent_past_its_deadline_was_dead_all_the_time(self, driven: Driven) -> None:
        driven.live().now += 10 * STALE_AFTER
        driven.fail(IdleTimeout("silence"))
        assert driven.monitor.state(synced=True) is InformerState.STALE
        assert driven.monitor.stale_at(synced=True) is None
        driven.watch()
        assert driven.monitor.state(synced=True) is InformerState.LIVE

    def test_failures_in_a_row_put_staleness_off_no_further(self, driven: Driven) -> None:
        driven.live().fail(NetworkError("reset"))
        stale_at = driven.monitor.stale_at(synced=True)
        driven.now += STALE_AFTER / 2
        driven.request()
        driven.fail(NetworkError("refused"))
        assert driven.monitor.stale_at(synced=True) == stale_at

    def test_a_stream_that_is_refused_is_no_refusal_of_the_resource(self) -> None:
        driven = Driven(initial_list="stream")
        driven.request()
        driven.fail(Invalid(422, message="sendInitialEvents is forbidden"))
        assert driven.monitor.state(synced=True) is InformerState.RESUMING
        driven.request()
        driven.fail(Invalid(422, message="no such field"))
        assert driven.monitor.state(synced=True) is InformerState.REFUSED

    def test_a_new_snapshot_under_way_is_resuming(self, driven: Driven) -> None:
        driven.live().fail(ResourceExpired(410))
        driven.request()
        driven.monitor.heard()
        assert driven.monitor.state(synced=True) is InformerState.RESUMING

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (Unauthorized(401), InformerState.DENIED),
            (Forbidden(403), InformerState.DENIED),
            (NotFound(404), InformerState.MISSING),
        ],
    )
    def test_what_only_a_person_can_mend_is_a_state_until_the_server_accepts_again(
        self, driven: Driven, error: InformerError, state: InformerState
    ) -> None:
        driven.request()
        driven.fail(error)
        assert states(driven) == (state, state)
        assert driven.changes == 1
        assert driven.monitor.blocked_by is error
        driven.request()
        assert states(driven) == (state, state)
        driven.monitor.heard()
        assert driven.monitor.blocked_by is None
        assert states(driven) == (InformerState.SYNCING, InformerState.RESUMING)

    def test_a_failure_that_mends_itself_blocks_nobody(self, driven: Driven) -> None:
        driven.request()
        driven.fail(NetworkError("refused"))
        assert driven.monitor.blocked_by is None
        assert driven.monitor.state(synced=False) is InformerState.SYNCING


class TestFigures:
    def test_the_last_error_stays_with_its_moment(self, driven: Driven) -> None:
        assert (driven.monitor.last_error, driven.monitor.last_error_at) == (None, None)
        error = NetworkError("reset")
        before = datetime.now(UTC)
        driven.live().fail(error)
        driven.watch()
        assert driven.monitor.last_error is error
        assert driven.monitor.last_error_at is not None
        assert before <= driven.monitor.last_error_at <= datetime.now(UTC)

    def test_attempts_count_failures_since_the_last_progress(self, driven: Driven) -> None:
        driven.live()
        for expected in (1, 2, 3):
            driven.fail(NetworkError("refused"))
            assert driven.monitor.attempts == expected
        driven.watch()
        assert driven.monitor.attempts == 3
        driven.machine.events("11", driven.now)
        assert driven.monitor.attempts == 0

    def test_the_next_retry_counts_down_until_it_is_made(self, driven: Driven) -> None:
        assert driven.monitor.next_retry is None
        step = driven.live().fail(NetworkError("refused"))
        assert driven.monitor.next_retry == pytest.approx(step.pause)
        driven.now += step.pause / 2
        assert driven.monitor.next_retry == pytest.approx(step.pause / 2)
        driven.now += 60
        assert driven.monitor.next_retry == 0
        driven.request()
        assert driven.monitor.next_retry is None

    def test_the_age_is_that_of_the_last_sign_of_life(self, driven: Driven) -> None:
        assert driven.monitor.age is None
        driven.live().now += 7
        assert driven.monitor.age == 7
        driven.monitor.heard()
        assert driven.monitor.age == 0


class TestLog:
    @pytest.fixture(autouse=True)
    def everything(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "aioinformer.status")

    def test_a_normal_life_is_debug(self, driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
        driven.live().monitor.ended(driven.machine.ended(driven.now + 5), None)
        driven.watch()
        driven.fail(NetworkError("reset"))
        assert set(levels(caplog)) == {logging.DEBUG}

    def test_what_a_person_has_to_mend_is_a_warning_that_says_what_comes_next(
        self, driven: Driven, caplog: pytest.LogCaptureFixture
    ) -> None:
        step = driven.fail(Forbidden(403, "Forbidden", "no list for you"))
        [line] = caplog.records
        assert line.levelno == logging.WARNING
        text = line.getMessage()
        for part in ("pods.v1 in n", "no list for you", "next: park", f"{step.pause:.1f} s", "failure 1"):
            assert part in text

    def test_falling_back_to_pages_is_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        Driven(initial_list="stream").fail(Invalid(422, message="sendInitialEvents is forbidden"))
        assert levels(caplog) == [logging.WARNING]

    def test_a_cache_gone_stale_is_a_warning_that_says_for_how_long(
        self, driven: Driven, caplog: pytest.LogCaptureFixture
    ) -> None:
        driven.live().fail(NetworkError("reset"))
        driven.now += STALE_AFTER + 5
        driven.fail(NetworkError("refused"))
        assert caplog.records[-1].levelno == logging.WARNING
        assert "nothing heard for 65 s" in caplog.records[-1].getMessage()

    def test_a_percent_sign_in_an_error_is_no_placeholder(
        self, driven: Driven, caplog: pytest.LogCaptureFixture
    ) -> None:
        driven.fail(Forbidden(403, message="100% %s"))
        assert "100% %s" in caplog.text


def status(state: InformerState, *, synced: bool = True) -> InformerStatus:
    return InformerStatus("pods.v1", state, synced, "5", 1, 0, None, None, 0, None, 0.0, 0, (0,))


def test_a_status_is_a_frozen_snapshot() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        status(InformerState.LIVE).state = InformerState.STALE  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "pods.v1 is live, 1 objects"),
        ({"quarantined": 2}, "pods.v1 is live, 1 objects, 2 in quarantine"),
        ({"last_error": NetworkError("reset"), "attempts": 1}, "; 1 failure, the last: reset"),
        ({"last_error": NetworkError("reset"), "attempts": 2, "next_retry": 1.5}, "; 2 failures in a row, the last: reset; next try in 1.5 s"),
        ({"last_error": NetworkError("reset")}, "; overcome since: reset"),
        ({"last_error": InformerError("a defect"), "failure": InformerError("a defect")}, "; because: a defect"),
    ],
)  # fmt: skip
def test_it_explains_itself_in_one_line(changes: dict[str, Any], said: str) -> None:
    """A failure that was overcome is not told as one that lasts."""
    assert dataclasses.replace(status(InformerState.LIVE), **changes).explain().endswith(said)


def test_it_is_ready_when_synced_and_followed_or_about_to_be() -> None:
    ready = {InformerState.LIVE, InformerState.RESUMING, InformerState.DEGRADED}
    assert {state for state in InformerState if status(state).ready} == ready
    assert not any(status(state, synced=False).ready for state in InformerState)
