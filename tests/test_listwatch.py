"""The requests of list-then-watch, and what holds whatever a server does; one state each is in ``listwatch/``."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.errors import (
    Forbidden,
    Invalid,
    MalformedResponse,
    NetworkError,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
)
from aioinformer.listwatch import ListWatch, Request
from aioinformer.transitions import After, State
from tests.listwatch.scripted import LIST, STREAM, Conversation, page, watch, watching


def test_the_first_request_is_a_watch_that_streams_the_initial_objects() -> None:
    assert Conversation().asked == [
        Request(
            State.STREAMING,
            {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "timeoutSeconds": "300",
                "sendInitialEvents": "true",
                "resourceVersionMatch": "NotOlderThan",
            },
            begins_snapshot=True,
        )
    ]


def test_a_healthy_server_is_asked_exactly_once() -> None:
    """The stream that brought the snapshot goes on as the watch."""
    server = Conversation().opens().event("").event("").bookmark("").initial_events_end("7").event("8").bookmark("9")
    assert server.asked == [STREAM]
    assert [step.after for step in server.steps if step.after is not After.GO_ON] == [After.COMMIT]
    assert server.machine.resource_version == "9"


def test_a_list_is_asked_for_without_a_version_and_its_further_pages_by_their_token_alone() -> None:
    server = Conversation(initial_list="consistent").page("70", "t1").page("71", "t2").page("72")
    assert server.asked == [LIST, page("t1"), page("t2"), watch("70")]
    assert server.waits == [0.0, 0.0, 0.0]


def test_a_list_from_the_watch_cache_says_so_on_its_first_page_only() -> None:
    server = Conversation(initial_list="cached").page("70", "t1").page("70")
    assert server.asked == [
        Request(
            State.LISTING,
            {"limit": "500", "resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"},
            begins_snapshot=True,
        ),
        page("t1"),
        watch("70"),
    ]


def test_a_later_list_from_the_watch_cache_may_not_be_older_than_what_is_known() -> None:
    server = Conversation(initial_list="cached").page("70").opens().event("75").fails(ResourceExpired(410))
    assert server.asked[-1].query == {
        "limit": "500",
        "resourceVersion": "75",
        "resourceVersionMatch": "NotOlderThan",
    }


@pytest.mark.parametrize(("page_size", "query"), [(0, {}), (1, {"limit": "1"}), (499, {"limit": "499"})])
def test_the_page_size_is_the_callers(page_size: int, query: dict[str, str]) -> None:
    assert Conversation(initial_list="consistent", page_size=page_size).asked[0].query == query


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_list_of_any_number_of_pages_is_watched_from_its_first_pages_version(pages: int) -> None:
    """Sizes 0 to 500 are one page, 501 two, 1001 three: only the tokens count."""
    server = Conversation(initial_list="consistent")
    for number in range(1, pages):
        server.page(f"{number}0", f"t{number}")
    server.page(f"{pages}0")
    assert len(server.asked) == pages + 1
    assert server.asked[-1] == watch("10")


def test_the_length_of_a_watch_is_drawn_anew_for_each_request() -> None:
    machine = ListWatch(Random(1))
    machine.opened(0)
    machine.bookmark("1", 0, initial_events_end=True)
    seconds = [int(machine.request().query["timeoutSeconds"]) for _ in range(50)]
    assert 300 <= min(seconds) < max(seconds) <= 600


def test_a_page_is_asked_for_without_ever_naming_a_version_too() -> None:
    """The server refuses a version beside a ``continue`` token."""
    server = Conversation(initial_list="cached").page("70", "t1").fails(NetworkError()).page("70", "t2")
    for request in server.asked[1:]:
        assert "continue" in request.query
        assert "resourceVersion" not in request.query
        assert "resourceVersionMatch" not in request.query


def test_only_the_first_request_of_a_snapshot_begins_it() -> None:
    server = Conversation(initial_list="consistent").page("70", "t1").page("70").opens().fails(ResourceExpired(410))
    assert [request.begins_snapshot for request in server.asked] == [True, False, False, True]


def test_the_version_follows_events_and_bookmarks_in_their_order() -> None:
    server = watching("10")
    seen: list[str] = []
    for say in (server.event, server.event, server.bookmark, server.event):
        say(str(11 + len(seen)))
        seen.append(server.machine.resource_version)
    assert seen == ["11", "12", "13", "14"]


def test_an_event_whose_version_could_not_be_read_leaves_the_version_where_it_was() -> None:
    server = watching("10").event("").ends()
    assert server.asked[-1] == watch("10")


def test_a_version_of_any_length_is_handed_back_as_it_came() -> None:
    huge = "9" * 40
    assert watching("10").event(huge).ends().asked[-1] == watch(huge)


def test_nothing_counts_as_reached_before_the_snapshot_is_whole() -> None:
    server = Conversation().opens().event("41").bookmark("42")
    assert server.machine.resource_version == ""
    listing = Conversation(initial_list="consistent").page("70", "t1")
    assert listing.machine.resource_version == ""


ERRORS = st.sampled_from(
    [
        NetworkError(),
        MalformedResponse(),
        ServerError(503),
        Forbidden(403),
        Invalid(422),
        ResourceExpired(410),
        ResourceExpired(410, continue_token="offer"),
        ResourceVersionTooLarge(504),
    ]
)
WATCH_SAYS = st.one_of(st.sampled_from(["event", "bookmark", "initial_events_end", "ends"]), ERRORS)
LIST_SAYS = st.one_of(st.sampled_from(["page", "last page"]), ERRORS)


def say_something(server: Conversation, data: st.DataObject) -> None:
    """Let the server say whatever may come in its state, opening the watch first where there is something to read."""
    server.after(data.draw(st.sampled_from([0.0, 0.5, 30.0])))
    says = data.draw(LIST_SAYS if server.machine.state is State.LISTING else WATCH_SAYS)
    version = str(len(server.steps) + 1)
    if not isinstance(says, str):
        server.fails(says)
    elif says == "page":
        server.page(version, f"token-{version}")
    elif says == "last page":
        server.page(version)
    elif says == "ends":
        server.opens().ends()
    else:
        getattr(server, says)(version)


@given(st.data(), st.sampled_from(["stream", "consistent", "cached"]))
def test_whatever_a_server_does_every_request_makes_sense(data: st.DataObject, initial_list: str) -> None:
    server = Conversation(initial_list=initial_list)  # type: ignore[arg-type]  # drawn from its choices
    for _ in range(data.draw(st.integers(1, 30))):
        say_something(server, data)
    for request in server.asked:
        is_first = "continue" not in request.query and request.state is not State.WATCHING
        assert not request.begins_snapshot or is_first
        assert not ("continue" in request.query and "resourceVersion" in request.query)
        if request.state is State.WATCHING:
            assert request.query["resourceVersion"].isdecimal()
    assert all(0.0 <= wait <= 60.0 for wait in server.waits)


@given(st.lists(ERRORS, min_size=10, max_size=30))
def test_whatever_a_server_refuses_with_it_is_not_asked_in_a_tight_loop(errors: list[NetworkError]) -> None:
    """At most the first failure is free (an expired version costs nothing the first time)."""
    server = Conversation()
    for error in errors:
        server.fails(error)
    assert sum(wait == 0.0 for wait in server.waits) <= 1
    assert sum(server.waits) >= 20.0
