"""While the snapshot is streamed (KEP-3157): what ends it early, and what comes next."""

from __future__ import annotations

import pytest

from aioinformer.errors import (
    APIError,
    BadRequest,
    Forbidden,
    IdleTimeout,
    InformerError,
    Invalid,
    MalformedResponse,
    MethodNotAllowed,
    NetworkError,
    NotFound,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from aioinformer.listwatch import STREAM_AGAIN_AFTER
from aioinformer.transitions import After, Happening, State
from tests.listwatch.scripted import LIST, STREAM, Conversation, watch


def test_the_snapshot_is_whole_at_the_bookmark_that_says_so_and_at_no_other() -> None:
    server = Conversation().opens().event("1").bookmark("2")
    assert {step.after for step in server.steps} == {After.GO_ON}
    server.initial_events_end("3")
    assert server.last.after is After.COMMIT
    assert server.last.happening is Happening.SNAPSHOT_END
    assert server.machine.state is State.WATCHING
    assert server.machine.resource_version == "3"


@pytest.mark.parametrize(
    "refusal",
    [
        BadRequest(400),
        MethodNotAllowed(405),
        Invalid(415),
        Invalid(422),
        MalformedResponse(),
        APIError(409),
        IdleTimeout(),
    ],
    ids=["400", "405", "415", "422", "not the protocol", "another status", "stalled"],
)
def test_a_server_that_cannot_stream_is_asked_for_pages_after_a_wait(refusal: InformerError) -> None:
    server = Conversation().fails(refusal)
    assert server.asked == [STREAM, LIST]
    assert server.waits == [0.8]
    assert server.last.after is After.FALL_BACK
    assert not server.last.final


def test_a_stream_that_stalls_half_way_is_given_up_for_pages() -> None:
    server = Conversation().opens().event("").fails(IdleTimeout())
    assert server.asked == [STREAM, LIST]


@pytest.mark.parametrize("seconds", [0.0, 0.5, 20.0])
def test_a_clean_end_before_the_bookmark_falls_back_to_pages(seconds: float) -> None:
    """client-go opens the same stream again at once, for ever (a server that ignores ``sendInitialEvents`` may do this)."""
    server = Conversation().opens().event("").after(seconds).ends()
    assert server.asked == [STREAM, LIST]
    assert server.waits == [0.8]


def test_an_empty_stream_that_ends_falls_back_to_pages() -> None:
    server = Conversation().opens().ends()
    assert server.asked == [STREAM, LIST]
    assert server.waits == [0.8]


def test_a_server_that_ignores_the_request_to_stream_is_found_out_by_its_plain_bookmarks() -> None:
    server = Conversation().opens().bookmark("1").event("").bookmark("2")
    assert server.asked == [STREAM]
    server.bookmark("3")
    assert server.last.happening is Happening.UNABLE
    assert server.asked == [STREAM, LIST]


def test_plain_bookmarks_are_counted_per_stream() -> None:
    server = Conversation().opens().bookmark("1").bookmark("2").fails(NetworkError())
    server.opens().bookmark("1").bookmark("2")
    assert server.asked == [STREAM, STREAM]


@pytest.mark.parametrize(
    "failure",
    [NetworkError(), ServerError(500), ServerError(503), TooManyRequests(429), ResourceVersionTooLarge(504)],
    ids=["network", "500", "503", "429", "too large"],
)
def test_a_failure_that_passes_is_waited_out_and_the_stream_starts_clean(failure: InformerError) -> None:
    server = Conversation().fails(failure).fails(failure)
    assert server.asked == [STREAM, STREAM, STREAM]
    assert server.waits == [0.8, 1.6]
    assert all(request.begins_snapshot for request in server.asked)


def test_a_break_before_the_bookmark_drops_what_had_arrived() -> None:
    server = Conversation().opens().event("").event("").fails(NetworkError())
    assert server.asked == [STREAM, STREAM]
    assert server.machine.resource_version == ""


def test_a_stream_that_breaks_half_way_again_and_again_is_given_up_for_pages() -> None:
    server = Conversation()
    for _ in range(3):
        server.opens().event("").fails(NetworkError())
    assert server.asked == [STREAM, STREAM, STREAM, LIST]
    assert server.last.happening is Happening.UNABLE
    assert server.waits == [0.8, 1.6, 3.2]


def test_refused_connections_say_nothing_about_streaming() -> None:
    server = Conversation()
    for _ in range(10):
        server.fails(NetworkError())
    assert server.asked == [STREAM] * 11


def test_refused_connections_after_one_broken_stream_say_nothing_about_streaming() -> None:
    """An API server that restarts breaks one stream, then refuses connections for a while."""
    server = Conversation().opens().event("").fails(NetworkError())
    for _ in range(5):
        server.fails(NetworkError())
    assert server.asked == [STREAM] * 7


def test_streams_broken_before_a_whole_snapshot_are_forgotten_with_it() -> None:
    server = Conversation()
    for _ in range(2):
        server.opens().event("").fails(NetworkError())
    server.streams("5").fails(ResourceExpired(410)).opens().event("").fails(NetworkError())
    assert server.asked[-1] == STREAM


def test_an_expired_stream_starts_again_ever_more_slowly() -> None:
    server = Conversation().fails(ResourceExpired(410)).fails(ResourceExpired(410)).fails(ResourceExpired(410))
    assert server.asked == [STREAM] * 4
    assert server.waits == [0.8, 1.6, 3.2]


@pytest.mark.parametrize("refusal", [Forbidden(403), NotFound(404)], ids=["403", "404"])
def test_what_only_a_person_can_mend_is_reported_at_once_and_tried_at_the_slow_end(refusal: InformerError) -> None:
    server = Conversation().fails(refusal).fails(refusal)
    assert server.asked == [STREAM, STREAM, STREAM]
    assert server.waits == [30.0, 30.0]
    assert all(step.final for step in server.steps)


def test_credentials_that_stay_refused_are_reported_and_tried_with_backoff() -> None:
    server = Conversation().fails(Unauthorized(401)).fails(Unauthorized(401))
    assert server.asked == [STREAM, STREAM, STREAM]
    assert server.waits == [0.8, 1.6]
    assert all(step.final for step in server.steps)


def test_that_a_server_cannot_stream_is_remembered_for_a_good_while() -> None:
    server = Conversation().fails(Invalid(422)).page("5").opens()
    server.after(STREAM_AGAIN_AFTER - 10).fails(ResourceExpired(410))
    assert server.asked == [STREAM, LIST, watch("5"), LIST]
    server.page("9").opens().after(20).fails(ResourceExpired(410))
    assert server.asked[-1] == STREAM


def test_a_server_that_was_asked_not_to_stream_never_is() -> None:
    for initial_list in ("consistent", "cached"):
        server = Conversation(initial_list=initial_list)
        server.page("5").opens().after(2 * STREAM_AGAIN_AFTER).fails(ResourceExpired(410))
        assert {request.state for request in server.asked} == {State.LISTING, State.WATCHING}


def test_no_bytes_for_thirty_seconds_are_too_long_in_a_stream() -> None:
    assert Conversation().opens().machine.silence == 30.0


def test_events_of_a_stream_are_no_progress_before_it_is_whole() -> None:
    """Otherwise a stream that breaks in the same place for ever would be asked for at full speed for ever."""
    server = Conversation().fails(NetworkError()).opens().event("").fails(NetworkError())
    assert server.waits == [0.8, 1.6]
    assert server.machine.failures == 2


def test_a_whole_snapshot_is_progress() -> None:
    server = Conversation().fails(NetworkError()).fails(NetworkError()).streams("5")
    assert server.machine.failures == 0
    assert server.fails(NetworkError()).waits == [0.8, 1.6, 0.8]
