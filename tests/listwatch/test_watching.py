"""While watching: what ends a watch, and what comes next."""

from __future__ import annotations

import pytest

from aioinformer.errors import (
    APIError,
    BadRequest,
    Forbidden,
    IdleTimeout,
    InformerError,
    MalformedResponse,
    MethodNotAllowed,
    NetworkError,
    NotFound,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    TooManyRequests,
    Unauthorized,
    api_error,
)
from aioinformer.listwatch import HEALTHY_WATCH, ListWatch
from aioinformer.transitions import After, Happening, State
from tests.listwatch.scripted import STREAM, Conversation, Extremes, watch, watching


def test_a_version_of_an_earlier_life_is_watched_from_and_given_up_when_it_has_expired() -> None:
    """Without a snapshot before; with one after."""
    machine = ListWatch(Extremes())
    machine.resume("17")
    assert machine.request() == watch("17")
    machine.opened(1.0)
    assert machine.failed(ResourceExpired(410), 1.0).after is After.SNAPSHOT
    assert machine.request() == STREAM


def test_a_clean_end_after_events_is_followed_at_once_from_the_last_version() -> None:
    server = watching("10").event("11").bookmark("12").event("13").ends()
    assert server.asked == [watch("10"), watch("13")]
    assert server.waits == [0.0]


def test_a_quiet_watch_that_ends_at_its_timeout_is_followed_at_once() -> None:
    server = watching("10").after(300).ends().opens().after(300).ends()
    assert server.asked == [watch("10")] * 3
    assert server.waits == [0.0, 0.0]


def test_a_clean_end_within_a_second_and_without_an_event_is_a_failure() -> None:
    server = watching("10").after(0.99).ends()
    assert server.asked == [watch("10"), watch("10")]
    assert server.waits == [0.8]
    assert server.last.happening is Happening.SHORT_END


def test_a_watch_that_lasted_a_second_is_none() -> None:
    assert watching("10").after(1.0).ends().waits == [0.0]


def test_a_third_short_watch_in_a_row_means_that_the_version_has_expired() -> None:
    """Some servers close a watch from a version they have forgotten, without a 410 (kubernetes/kubernetes#137089)."""
    server = watching("10").ends().opens().ends().opens().ends()
    assert server.asked == [watch("10"), watch("10"), watch("10"), STREAM]
    assert server.waits == [0.8, 1.6, 0.8]
    assert server.last.happening is Happening.EXPIRED


@pytest.mark.parametrize("interruption", ["event", "bookmark", "long"])
def test_short_watches_count_in_a_row_only(interruption: str) -> None:
    server = watching("10").ends().opens().ends().opens()
    if interruption == "long":
        server.after(300)
    else:
        getattr(server, interruption)("11")
    server.ends().opens().ends().opens().ends()
    assert STREAM not in server.asked


def test_a_server_that_forgets_each_version_at_once_is_relisted_ever_more_slowly() -> None:
    server = watching("10")
    relists = []
    for _ in range(4):
        server.ends().opens().ends().opens().ends()
        relists.append(server.waits[-1])
        server.streams("10")
    assert relists == [0.8, 1.6, 3.2, 6.4]


def test_a_watch_that_ends_at_once_after_a_bookmark_that_says_nothing_new_is_a_failure() -> None:
    """Otherwise a proxy that lets the first bookmark through and hangs up is asked thousands of times a second."""
    server = watching("10").bookmark("10").ends().opens().bookmark("10").ends()
    assert server.asked == [watch("10")] * 3
    assert 0.0 not in server.waits


def test_an_expired_version_costs_a_new_snapshot_after_a_wait_under_a_second() -> None:
    """A server that restarts has forgotten everybody's version: not all may come back in the same instant."""
    server = watching("10").fails(ResourceExpired(410, "Expired"))
    assert server.asked == [watch("10"), STREAM]
    assert server.waits == [0.8]


def test_versions_that_expire_again_and_again_cost_ever_longer_waits() -> None:
    server = watching("10")
    for _ in range(4):
        server.fails(ResourceExpired(410)).streams("10")
    assert server.waits == [0.8, 1.6, 3.2, 6.4]


def test_an_event_soon_after_a_relist_does_not_make_the_next_expiry_the_first_again() -> None:
    server = watching("10").fails(ResourceExpired(410)).streams("20").after(HEALTHY_WATCH - 1).event("21")
    assert server.fails(ResourceExpired(410)).waits == [0.8, 1.6]


def test_a_watch_that_lived_for_a_while_makes_the_next_expiry_the_first_again() -> None:
    server = watching("10").fails(ResourceExpired(410)).streams("20").after(HEALTHY_WATCH).bookmark("21")
    assert server.fails(ResourceExpired(410)).waits == [0.8, 0.8]


@pytest.mark.parametrize(
    "failure",
    [NetworkError(), ServerError(500), ServerError(503), TooManyRequests(429), MalformedResponse(), IdleTimeout()],
    ids=["network", "500", "503", "429", "not the protocol", "silent"],
)
def test_a_failure_that_passes_resumes_with_backoff_and_without_a_relist(failure: InformerError) -> None:
    server = watching("10").event("11")
    for _ in range(8):
        server.fails(failure)
    assert server.asked == [watch("10")] + [watch("11")] * 8
    assert server.waits == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_watch_that_breaks_in_the_middle_of_a_line_resumes_from_the_last_good_version() -> None:
    server = watching("10").event("11").event("12").fails(MalformedResponse())
    assert server.asked[-1] == watch("12")


def test_credentials_that_stay_refused_are_reported_and_tried_with_backoff() -> None:
    server = watching("10").fails(Unauthorized(401)).fails(Unauthorized(401))
    assert server.asked == [watch("10")] * 3
    assert server.waits == [0.8, 1.6]
    assert all(step.final for step in server.steps[-2:])


def test_a_forbidden_watch_is_reported_and_tried_from_its_version_at_the_slow_end() -> None:
    server = watching("10").fails(Forbidden(403)).fails(Forbidden(403))
    assert server.asked == [watch("10")] * 3
    assert server.waits == [30.0, 30.0]
    assert all(step.final for step in server.steps[-2:])


@pytest.mark.parametrize("refusal", [BadRequest(400), MethodNotAllowed(405)], ids=["400", "405"])
def test_a_watch_that_the_server_does_not_offer_is_reported_and_listed_anew_at_the_slow_end(
    refusal: InformerError,
) -> None:
    server = watching("10").fails(refusal)
    assert server.asked == [watch("10"), STREAM]
    assert server.waits == [30.0]
    assert server.last.final


def test_a_resource_that_is_gone_is_reported_and_listed_anew_at_the_slow_end() -> None:
    """Its definition may come back, with other objects."""
    server = watching("10").fails(NotFound(404)).fails(NotFound(404))
    assert server.asked == [watch("10"), STREAM, STREAM]
    assert server.waits == [30.0, 30.0]
    assert all(step.final for step in server.steps[-2:])


@pytest.mark.parametrize("answer", [APIError(418), ResourceVersionTooLarge(504)], ids=["another status", "too large"])
def test_an_answer_that_makes_no_sense_of_our_version_costs_a_new_snapshot_after_a_wait(answer: InformerError) -> None:
    server = watching("10").fails(answer)
    assert server.asked == [watch("10"), STREAM]
    assert server.waits == [0.8]


@pytest.mark.parametrize(
    "refusal",
    [APIError(418), BadRequest(400), MethodNotAllowed(405), ResourceVersionTooLarge(504)],
    ids=["another status", "400", "405", "too large"],
)
def test_a_watch_refused_after_every_snapshot_costs_ever_longer_waits(refusal: InformerError) -> None:
    """What can be listed but not watched (metrics.k8s.io answers 405) must not be listed twice a second for ever."""
    server = watching("10")
    for _ in range(6):
        server.fails(refusal).streams("10")
    assert sum(server.waits) >= 20.0


def test_a_snapshot_that_follows_a_version_too_large_names_none_even_from_the_watch_cache() -> None:
    server = Conversation(initial_list="cached").page("70").opens().fails(ResourceVersionTooLarge(504))
    assert server.asked[-1].query == {"limit": "500"}


@pytest.mark.parametrize(
    ("status", "reason", "asks"),
    [
        (410, "Expired", STREAM),
        (410, "Gone", STREAM),
        (500, "Expired", STREAM),
        (500, "InternalError", watch("10")),
        (503, "ServiceUnavailable", watch("10")),
        (504, "Timeout", watch("10")),
        (429, "TooManyRequests", watch("10")),
        (422, "Invalid", STREAM),
        (409, "Conflict", STREAM),
    ],
)
def test_an_error_in_the_stream_counts_as_the_http_status_it_names(status: int, reason: str, asks: object) -> None:
    server = watching("10").fails(api_error(status, reason))
    assert server.asked[-1] == asks


def test_an_event_and_a_bookmark_are_progress() -> None:
    for progress in ("event", "bookmark"):
        server = watching("10").fails(NetworkError()).fails(NetworkError()).opens()
        assert server.machine.failures == 2
        getattr(server, progress)("11")
        assert server.machine.failures == 0
        assert server.fails(NetworkError()).waits == [0.8, 1.6, 0.8]


@pytest.mark.parametrize("end", ["ends", "fails"])
def test_a_replay_of_what_was_known_is_no_progress(end: str) -> None:
    """A server that ignores our version and begins with the same events each time is not asked at full speed for ever."""
    server = watching("10")
    for _ in range(2):
        server.opens().event("9").event("10")
        server.ends() if end == "ends" else server.fails(ServerError(500))
    assert server.machine.resource_version == "10"
    assert server.waits == [0.8, 1.6]


def test_a_snapshot_that_was_fetched_anew_is_progress_only_if_a_watch_then_lives_on() -> None:
    server = watching("10").fails(ResourceExpired(410)).streams("20").fails(NetworkError()).opens()
    server.fails(NetworkError()).opens().event("21").fails(NetworkError())
    assert server.waits == [0.8, 0.8, 1.6, 0.8]


def test_what_is_in_doubt_is_fetched_anew_at_once() -> None:
    assert watching("10").distrusted().asked == [watch("10"), STREAM]


def test_having_connected_is_no_progress() -> None:
    server = watching("10").fails(NetworkError()).opens().fails(NetworkError()).opens().fails(NetworkError())
    assert server.waits == [0.8, 1.6, 3.2]


def test_the_stream_that_breaks_right_after_the_snapshot_resumes_from_it() -> None:
    server = Conversation().streams("5").fails(NetworkError())
    assert server.asked == [STREAM, watch("5")]
    assert server.machine.state is State.WATCHING
