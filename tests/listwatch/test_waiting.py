"""How long to wait: Retry-After, jitter, and the silence after which a watch is dead."""

from __future__ import annotations

from random import Random

import pytest

from aioinformer.errors import APIError, Forbidden, IdleTimeout, NetworkError, ServerError, TooManyRequests
from tests.listwatch.scripted import LIST, STREAM, Conversation, page, watch, watching


class Lucky(Random):
    """Draws the shortest wait."""

    def uniform(self, a: float, b: float) -> float:
        return a

    def randint(self, a: int, b: int) -> int:
        return a


@pytest.mark.parametrize("error", [TooManyRequests(429, retry_after=12), ServerError(503, retry_after=12)])
def test_retry_after_is_waited_out_in_full_before_resuming_without_a_relist(error: APIError) -> None:
    server = Conversation(random=Lucky()).streams("10").fails(error)
    assert server.asked == [STREAM, watch("10")]
    assert server.waits == [12.0]


def test_retry_after_does_not_bring_all_informers_back_in_the_same_instant() -> None:
    assert watching("10").fails(TooManyRequests(429, retry_after=12)).waits == [12.8]


def test_retry_after_is_obeyed_in_the_middle_of_a_list() -> None:
    server = Conversation(initial_list="consistent").page("70", "t1").fails(TooManyRequests(429, retry_after=3))
    assert server.asked == [LIST, page("t1"), page("t1")]
    assert server.waits == [0.0, 3.8]


def test_retry_after_is_obeyed_when_a_snapshot_is_streamed() -> None:
    server = Conversation().fails(TooManyRequests(429, retry_after=3))
    assert server.asked == [STREAM, STREAM]
    assert server.waits == [3.8]


def test_the_slow_end_of_the_backoff_is_half_a_minute_and_never_less_than_half_of_it() -> None:
    assert Conversation(random=Lucky()).fails(Forbidden(403)).waits == [15.0]
    assert Conversation().fails(Forbidden(403)).waits == [30.0]


def test_many_machines_that_fail_together_do_not_come_back_together() -> None:
    waits = set()
    for seed in range(20):
        server = Conversation(random=Random(seed))
        for _ in range(6):
            server.fails(NetworkError())
        waits.add(server.waits[-1])
    assert len(waits) == 20
    assert max(waits) - min(waits) > 10


def test_a_watch_of_unknown_rhythm_is_dead_half_a_minute_after_its_own_timeout() -> None:
    assert watching("10").machine.silence == 330.0


def test_three_missed_bookmarks_mean_that_a_watch_is_dead() -> None:
    server = watching("10").after(60).bookmark("11").after(70).bookmark("12").after(50).bookmark("13")
    assert server.machine.silence == 210.0


def test_one_bookmark_is_no_rhythm() -> None:
    """A server may send one as soon as it has caught up."""
    assert watching("10").after(1).bookmark("11").machine.silence == 330.0


def test_events_between_bookmarks_do_not_shorten_the_rhythm() -> None:
    server = watching("10").bookmark("11").after(50).event("12").after(10).bookmark("13")
    assert server.machine.silence == 180.0


def test_what_passed_between_two_watches_is_no_rhythm() -> None:
    server = watching("10").bookmark("11").after(60).bookmark("12").ends().after(1000).opens()
    server.after(40).bookmark("13").after(50).bookmark("14")
    assert server.machine.silence == 180.0


def test_however_quick_the_bookmarks_come_ten_seconds_of_silence_are_none() -> None:
    assert watching("10").after(1).bookmark("11").after(1).bookmark("12").machine.silence == 10.0


def test_a_silent_watch_resumes_on_a_new_connection() -> None:
    server = watching("10").bookmark("11").after(60).bookmark("12").after(180).fails(IdleTimeout())
    assert server.asked == [watch("10"), watch("12")]
    assert server.waits == [0.8]


def test_bookmarks_that_come_close_together_once_do_not_cut_healthy_watches_for_ever() -> None:
    """Two bookmarks within a second, then one each minute: after a few false alarms the deadline is long enough."""
    server = watching("10").bookmark("11").after(1).bookmark("12")
    for _ in range(8):
        server.after(server.machine.silence).fails(IdleTimeout()).opens().bookmark("12").after(1).bookmark("12")
    assert server.machine.silence > 60.0
