"""The rules for list and watch options (KEP-3157 and "API Concepts")."""

from __future__ import annotations

import pytest

from aioinformer.testing import ApiServerError, BadRequestError, InvalidError
from aioinformer.testing.options import ListOptions, parse_flag


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("0", False), ("False", False), ("1", True), ("True", True), ("", True), ("yes", True)],
)
def test_flags_have_several_spellings(*, value: str | None, expected: bool) -> None:
    assert parse_flag(value) is expected


@pytest.mark.parametrize(
    ("query", "field", "complaint"),
    [
        ({"resourceVersionMatch": "Exact"}, "resourceVersionMatch", "forbidden unless resourceVersion is provided"),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
            "resourceVersionMatch",
            'forbidden for resourceVersion "0"',
        ),
        (
            {"resourceVersionMatch": "Newest", "resourceVersion": "5"},
            "resourceVersionMatch",
            'Unsupported value: "Newest": supported values: "Exact"',
        ),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "5", "continue": "x"},
            "resourceVersionMatch",
            "forbidden when continue is provided",
        ),
        ({"sendInitialEvents": "true"}, "sendInitialEvents", "sendInitialEvents is forbidden for list"),
        (
            {"watch": "1", "sendInitialEvents": "true"},
            "resourceVersionMatch",
            "requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
            "resourceVersionMatch",
            "requires setting",
        ),
        (
            {"watch": "1", "resourceVersionMatch": "NotOlderThan"},
            "resourceVersionMatch",
            "forbidden for watch unless sendInitialEvents",
        ),
        (
            {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "continue": "x"},
            "resourceVersionMatch",
            "forbidden when continue is provided",
        ),
    ],
)
def test_contradictions_are_invalid(query: dict[str, str], field: str, complaint: str) -> None:
    with pytest.raises(InvalidError) as caught:
        ListOptions.parse(query)
    body = caught.value.body
    assert body["message"].startswith('ListOptions.meta.k8s.io "" is invalid: ')
    assert body["details"]["causes"][0]["field"] == field
    assert complaint in body["message"]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"resourceVersion": "abc"}, 'invalid resource version: resourceVersion: Invalid value: "abc"'),
        ({"resourceVersion": "-1"}, "invalid resource version"),
        ({"limit": "many"}, 'parsing "many"'),
        ({"timeoutSeconds": "1.5", "watch": "1"}, 'parsing "1.5"'),
        ({"continue": "x", "resourceVersion": "5"}, "specifying resource version is not allowed when using continue"),
    ],
)
def test_nonsense_is_a_bad_request(query: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadRequestError, match=complaint):
        ListOptions.parse(query)


def test_negative_numbers_are_as_good_as_none() -> None:
    assert ListOptions.parse({"limit": "-1"}).limit == 0


def test_a_watch_from_a_version_that_is_no_number_is_a_plain_500() -> None:
    with pytest.raises(ApiServerError, match="resourceVersion: Invalid value") as caught:
        ListOptions.parse({"watch": "1", "resourceVersion": "abc"})
    assert (caught.value.status, caught.value.reason) == (500, "")


def test_a_continue_token_tolerates_version_0() -> None:
    assert ListOptions.parse({"continue": "x", "resourceVersion": "0"}).continue_token == "x"


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ({"resourceVersion": "5", "resourceVersionMatch": "Exact"}, True),
        ({"resourceVersion": "5", "limit": "1"}, True),
        ({"resourceVersion": "5"}, False),
        ({"resourceVersion": "0", "limit": "1"}, False),
        ({"resourceVersion": "5", "limit": "1", "resourceVersionMatch": "NotOlderThan"}, False),
    ],
)
def test_which_lists_are_of_exactly_one_version(*, query: dict[str, str], exact: bool) -> None:
    assert ListOptions.parse(query).is_exact is exact


STREAMING = {"watch": "1", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


@pytest.mark.parametrize(
    ("query", "state", "mark"),
    [
        ({"watch": "1"}, True, False),
        ({"watch": "1", "resourceVersion": "0", "allowWatchBookmarks": "1"}, True, True),
        ({"watch": "1", "resourceVersion": "5", "allowWatchBookmarks": "1"}, False, False),
        (STREAMING | {"sendInitialEvents": "true"}, True, True),
        (STREAMING | {"sendInitialEvents": "true", "resourceVersion": "5"}, True, True),
        (STREAMING | {"sendInitialEvents": "true", "allowWatchBookmarks": "false"}, True, False),
        (STREAMING | {"sendInitialEvents": "false"}, False, False),
    ],
)
def test_which_watches_begin_with_the_state_and_mark_its_end(*, query: dict[str, str], state: bool, mark: bool) -> None:
    options = ListOptions.parse(query)
    assert (options.starts_with_state, options.wants_end_mark) == (state, mark)
