from __future__ import annotations

import pytest

from aioinformer import errors
from aioinformer.errors import (
    APIError,
    ConfigurationError,
    Conflict,
    Forbidden,
    IdleTimeout,
    InformerError,
    MalformedResponse,
    NetworkError,
    NotFound,
    ResourceExpired,
    Unauthorized,
    UnknownResource,
    api_error,
)
from aioinformer.transitions import TABLE, After, Happening, Pause, Rule, State, happening

ERRORS = {
    Happening.EXPIRED,
    Happening.TOO_LARGE,
    Happening.UNAVAILABLE,
    Happening.NETWORK,
    Happening.IDLE,
    Happening.MALFORMED,
    Happening.UNAUTHORIZED,
    Happening.FORBIDDEN,
    Happening.NOT_FOUND,
    Happening.REFUSED,
    Happening.OTHER,
}
OF_A_WATCH = {Happening.EVENT, Happening.BOOKMARK, Happening.CLEAN_END, Happening.SHORT_END}
ROWS = [(state, what, rule) for state, rows in TABLE.items() for what, rule in rows.items()]


def test_the_table_says_what_follows_everything_that_can_happen_in_a_state() -> None:
    assert {state: set(rows) for state, rows in TABLE.items()} == {
        State.STREAMING: ERRORS | OF_A_WATCH | {Happening.SNAPSHOT_END, Happening.UNABLE, Happening.DISTRUSTED},
        State.LISTING: ERRORS | {Happening.PAGE, Happening.LAST_PAGE, Happening.DISTRUSTED},
        State.WATCHING: ERRORS | OF_A_WATCH | {Happening.DISTRUSTED},
    }


def test_a_distrusted_cache_is_fetched_anew_at_once() -> None:
    assert {rule for _, what, rule in ROWS if what is Happening.DISTRUSTED} == {Rule(After.SNAPSHOT)}


@pytest.mark.parametrize(("state", "what", "rule"), ROWS, ids=lambda part: part.name if hasattr(part, "name") else "")
def test_every_error_waits(state: State, what: Happening, rule: Rule) -> None:
    if what in ERRORS:
        assert rule.pause is not Pause.NONE
        assert rule.after in {After.RESUME, After.SNAPSHOT, After.FALL_BACK}
    if what is Happening.EXPIRED:
        assert rule == Rule(After.SNAPSHOT, Pause.RELIST)


def test_a_snapshot_is_committed_only_at_its_end() -> None:
    assert {(state, what) for state, what, rule in ROWS if rule.after is After.COMMIT} == {
        (State.STREAMING, Happening.SNAPSHOT_END),
        (State.LISTING, Happening.LAST_PAGE),
    }


def test_nothing_waits_as_long_as_all_goes_well() -> None:
    well = {rule for _, what, rule in ROWS if what not in ERRORS and rule.after in {After.GO_ON, After.COMMIT}}
    assert well == {Rule(After.GO_ON), Rule(After.COMMIT)}
    assert TABLE[State.WATCHING][Happening.CLEAN_END] == Rule(After.RESUME)
    assert TABLE[State.LISTING][Happening.PAGE] == Rule(After.GO_ON)


def test_only_a_stream_falls_back_to_pages() -> None:
    assert {state for state, _, rule in ROWS if rule.after is After.FALL_BACK} == {State.STREAMING}


def test_a_mere_network_failure_never_costs_a_relist_of_a_watch() -> None:
    for what in (Happening.NETWORK, Happening.UNAVAILABLE, Happening.IDLE, Happening.MALFORMED):
        assert TABLE[State.WATCHING][what] == Rule(After.RESUME, Pause.BACKOFF)


def test_callers_are_told_at_once_of_what_only_a_person_can_mend() -> None:
    told = {what for _, what, rule in ROWS if rule.final}
    assert told == {Happening.UNAUTHORIZED, Happening.FORBIDDEN, Happening.NOT_FOUND, Happening.REFUSED}
    assert all(
        rule.final for state in State for what, rule in TABLE[state].items() if what in told - {Happening.REFUSED}
    )
    assert not TABLE[State.STREAMING][Happening.REFUSED].final


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (api_error(400), Happening.REFUSED),
        (api_error(401), Happening.UNAUTHORIZED),
        (api_error(403), Happening.FORBIDDEN),
        (api_error(404), Happening.NOT_FOUND),
        (api_error(405), Happening.REFUSED),
        (api_error(409), Happening.OTHER),
        (api_error(410), Happening.EXPIRED),
        (api_error(415), Happening.REFUSED),
        (api_error(418), Happening.OTHER),
        (api_error(422), Happening.REFUSED),
        (api_error(429), Happening.UNAVAILABLE),
        (api_error(500), Happening.UNAVAILABLE),
        (api_error(503), Happening.UNAVAILABLE),
        (api_error(500, "Expired"), Happening.EXPIRED),
        (api_error(504, "Timeout", causes=["ResourceVersionTooLarge"]), Happening.TOO_LARGE),
        (NetworkError(), Happening.NETWORK),
        (IdleTimeout(), Happening.IDLE),
        (MalformedResponse(), Happening.MALFORMED),
        (UnknownResource(404), Happening.NOT_FOUND),
        (ConfigurationError(), Happening.UNAUTHORIZED),
        (InformerError(), Happening.OTHER),
    ],
    ids=str,
)
def test_an_error_means_what_its_class_says(error: InformerError, what: Happening) -> None:
    assert happening(error) is what


def test_every_answer_of_a_server_has_a_meaning() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, APIError)]
    assert {happening(kind(400)) for kind in kinds} <= ERRORS
    named = [ResourceExpired, Unauthorized, Forbidden, NotFound]
    assert Happening.OTHER not in {happening(kind(400)) for kind in named}
    assert happening(Conflict(409)) is Happening.OTHER
