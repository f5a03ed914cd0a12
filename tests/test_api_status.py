"""What a failed response says."""

from __future__ import annotations

import json

import pytest

from aioinformer.api_status import MAX_MESSAGE, MAX_REASON, status_error
from aioinformer.errors import (
    APIError,
    Forbidden,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    TooManyRequests,
)

DEEP = b"[" * 20_000 + b"]" * 20_000


STATUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "no",
    "reason": "Forbidden",
    "code": 403,
}


def failed(status: int = 500, retry_after: float | None = None, /, **fields: object) -> APIError:
    return status_error(status, json.dumps({**STATUS, **fields}).encode(), retry_after)


def test_a_status_says_what_failed() -> None:
    error = failed(403)
    assert type(error) is Forbidden
    assert (error.status, error.reason, error.message) == (403, "Forbidden", "no")
    assert (error.retry_after, error.continue_token) == (None, "")


def test_a_status_says_how_long_to_wait() -> None:
    assert failed(429, details={"retryAfterSeconds": 7}).retry_after == 7.0
    assert failed(429, details={"retryAfterSeconds": 0}).retry_after is None


def test_the_header_counts_before_the_body() -> None:
    assert failed(429, 3.0, details={"retryAfterSeconds": 7}).retry_after == 3.0
    assert failed(429, 0.0, details={"retryAfterSeconds": 7}).retry_after == 0.0
    assert status_error(503, b"busy", 3.0).retry_after == 3.0


@pytest.mark.parametrize("seconds", [-5, -(10**400), None, "7", [], True])
def test_a_wait_that_is_none_is_ignored(seconds: object) -> None:
    assert failed(429, details={"retryAfterSeconds": seconds}).retry_after in {None, 1.0}


def test_no_server_makes_us_wait_for_ever() -> None:
    wait = failed(429, details={"retryAfterSeconds": 10**400}).retry_after
    assert wait is not None
    assert 60 <= wait <= 86_400


def test_a_status_names_its_causes() -> None:
    causes = [
        {"reason": "FieldValueInvalid"},
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"},
    ]
    assert type(failed(504, reason="Timeout", code=504, details={"causes": causes})) is ResourceVersionTooLarge


def test_an_expired_list_may_offer_to_go_on() -> None:
    error = failed(410, reason="Expired", code=410, metadata={"continue": "offer"})
    assert type(error) is ResourceExpired
    assert error.continue_token == "offer"


@pytest.mark.parametrize(
    "oddity",
    [
        {"details": None},
        {"details": []},
        {"details": {"retryAfterSeconds": None, "causes": None}},
        {"details": {"causes": [None, 5, {}, {"reason": None}]}},
        {"metadata": None},
        {"metadata": {"continue": None}},
        {"message": None},
        {"message": {"a": 1}},
        {"status": 5, "extra": [1]},
    ],
)
def test_no_oddity_of_a_status_hides_what_failed(oddity: dict[str, object]) -> None:
    assert type(failed(500, **{**STATUS, "code": 410, "reason": "Expired", **oddity})) is ResourceExpired


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"busy",
        b"<html>",
        b"[]",
        b"null",
        b'"\xff"',
        b'{"message":"\xff"}',
        b'{"code":16,"message":"of a proxy"}',
        b'{"kind":"Pod","code":404}',
        DEEP,
    ],
)
def test_a_body_that_is_no_status_leaves_the_http_status(body: bytes) -> None:
    error = status_error(503, body)
    assert type(error) is ServerError
    assert (error.status, error.message) == (503, "")


def test_a_status_without_a_code_has_the_http_status() -> None:
    assert type(failed(429, code=None, reason="")) is TooManyRequests


@pytest.mark.parametrize(
    "code",
    [b"0", b"1", b"-410", b"200", b"302", b"600", b"1e3", b"true", b'"410"', b"null", b"1" + b"0" * 40, b"9" * 5000],
    ids=lambda code: code[:9].decode(),
)
def test_a_code_that_is_no_failures_is_not_believed(code: bytes) -> None:
    error = status_error(503, b'{"kind":"Status","code":%b}' % code)
    assert str(error) == "503 ServerError"


def test_a_long_explanation_is_cut() -> None:
    """It stays in the status and in log lines for as long as the failure lasts."""
    error = failed(message="m" * 100_000, reason="r" * 100_000)
    assert (len(error.message), len(error.reason)) == (MAX_MESSAGE, MAX_REASON)
    assert len(str(error)) < 5000


def test_an_explanation_of_several_lines_is_one_line_of_a_log() -> None:
    """Or a server could write log lines in the name of others."""
    error = failed(reason="Bad\x1b[31m", message="first\n2030-01-01 CRITICAL second\r\n\x00\u2028\u202ethird")
    assert str(error) == "403 Bad [31m: first 2030-01-01 CRITICAL second third"
    assert error.message.startswith("first\n2030")
