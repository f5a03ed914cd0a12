"""While the snapshot is listed page by page: what goes wrong, and what comes next."""

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
from aioinformer.transitions import After, Happening
from tests.listwatch.scripted import LIST, STREAM, Conversation, page, watch


def listing() -> Conversation:
    """A server that is asked for pages."""
    return Conversation(initial_list="consistent")


def test_a_list_of_one_page_is_whole_with_it() -> None:
    server = listing().page("70")
    assert server.last.after is After.COMMIT
    assert server.last.happening is Happening.LAST_PAGE
    assert server.asked == [LIST, watch("70")]


@pytest.mark.parametrize(
    "failure",
    [NetworkError(), MalformedResponse(), IdleTimeout(), ServerError(500), TooManyRequests(429)],
    ids=["network", "not the protocol", "stalled", "500", "429"],
)
def test_a_failure_that_passes_costs_one_page_and_not_the_list(failure: InformerError) -> None:
    server = listing().page("70", "t1").fails(failure).fails(failure).page("71", "t2").page("72")
    assert server.asked == [LIST, page("t1"), page("t1"), page("t1"), page("t2"), watch("70")]
    assert server.waits == [0.0, 0.8, 1.6, 0.0, 0.0]


@pytest.mark.parametrize("failure", [NetworkError(), MalformedResponse(), ServerError(503)])
def test_a_first_page_that_is_asked_for_again_begins_the_snapshot_again(failure: InformerError) -> None:
    """It comes from a later version, at which what an earlier try had handed on may be gone."""
    assert listing().fails(failure).asked == [LIST, LIST]


def test_a_page_that_came_is_no_progress_before_the_list_is_whole() -> None:
    server = listing().page("70", "t1").fails(NetworkError()).page("70", "t2").fails(NetworkError())
    assert server.waits == [0.0, 0.8, 0.0, 1.6]


def test_an_expired_continue_token_goes_on_from_the_servers_offer() -> None:
    expired = ResourceExpired(410, "Expired", continue_token="offer")
    server = listing().page("70", "t1").fails(expired).page("90", "t3").page("90")
    assert server.asked == [LIST, page("t1"), page("offer"), page("t3"), watch("70")]
    assert server.waits == [0.0, 0.8, 0.0, 0.0]


def test_an_offer_is_taken_once_in_a_list() -> None:
    expired = ResourceExpired(410, "Expired", continue_token="offer")
    server = listing().page("70", "t1").fails(expired).page("90", "t3").fails(expired)
    assert server.asked == [LIST, page("t1"), page("offer"), page("t3"), LIST]
    assert server.waits == [0.0, 0.8, 0.0, 1.6]


def test_the_next_list_may_take_an_offer_again() -> None:
    expired = ResourceExpired(410, "Expired", continue_token="offer")
    server = listing().page("70", "t1").fails(expired).fails(expired).page("80", "t1").fails(expired)
    assert server.asked == [LIST, page("t1"), page("offer"), LIST, page("t1"), page("offer")]


def test_an_expired_continue_token_without_an_offer_restarts_the_list() -> None:
    server = listing().page("70", "t1").fails(ResourceExpired(410)).page("80", "t1").fails(ResourceExpired(410))
    assert server.asked == [LIST, page("t1"), LIST, page("t1"), LIST]
    assert server.waits == [0.0, 0.8, 0.0, 1.6]
    assert server.page("90").asked[-1] == watch("90")


def test_a_restarted_list_streams_when_streaming_is_due_again() -> None:
    server = Conversation().fails(Invalid(422)).page("70", "t1").after(4000).fails(ResourceExpired(410))
    assert server.asked == [STREAM, LIST, page("t1"), STREAM]


def test_a_cached_list_whose_version_is_too_large_is_asked_for_without_one() -> None:
    server = Conversation(initial_list="cached").page("70").opens().event("75").fails(ResourceExpired(410))
    server.fails(ResourceVersionTooLarge(504, "Timeout"))
    assert server.asked[-1] == LIST
    assert server.waits[-1] == 0.8


def test_a_cached_list_names_the_version_again_once_it_is_known_to_be_there() -> None:
    server = Conversation(initial_list="cached").fails(ResourceVersionTooLarge(504)).page("60").opens()
    server.fails(ResourceExpired(410))
    assert server.asked[-1].query["resourceVersion"] == "60"


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403), NotFound(404), BadRequest(400), MethodNotAllowed(405), Invalid(415)],
    ids=["403", "404", "400", "405", "415"],
)
def test_what_only_a_person_can_mend_is_reported_at_once_and_tried_at_the_slow_end(refusal: InformerError) -> None:
    server = listing().fails(refusal).fails(refusal)
    assert server.asked == [LIST, LIST, LIST]
    assert server.waits == [30.0, 30.0]
    assert [step.final for step in server.steps] == [True, True]


def test_a_refused_continue_token_begins_again_and_is_not_final() -> None:
    """A 400 on a later page may be about the token: a list from the beginning tells."""
    server = listing().page("70", "t1").fails(BadRequest(400)).page("80")
    assert server.asked[:3] == [LIST, page("t1"), LIST]
    assert [step.final for step in server.steps] == [False, False, False]


def test_credentials_that_stay_refused_are_reported_and_the_page_tried_with_backoff() -> None:
    server = listing().page("70", "t1").fails(Unauthorized(401)).fails(Unauthorized(401))
    assert server.asked == [LIST, page("t1"), page("t1"), page("t1")]
    assert server.waits == [0.0, 0.8, 1.6]
    assert server.last.final


def test_any_other_answer_restarts_the_list_with_backoff() -> None:
    server = listing().page("70", "t1").fails(APIError(418)).fails(APIError(418))
    assert server.asked == [LIST, page("t1"), LIST, LIST]
    assert server.waits == [0.0, 0.8, 1.6]


def test_no_bytes_for_thirty_seconds_are_too_long_in_a_list() -> None:
    assert listing().machine.silence == 30.0
