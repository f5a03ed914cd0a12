from __future__ import annotations

import inspect

import pytest

from aioinformer import errors
from aioinformer.errors import (
    APIError,
    BadRequest,
    CacheSyncError,
    CacheSyncTimeout,
    ConfigurationError,
    Conflict,
    Forbidden,
    IdleTimeout,
    InformerConflict,
    InformerError,
    Invalid,
    InvalidOption,
    InvalidSelector,
    MethodNotAllowed,
    NotFound,
    NotRunning,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnknownResource,
    WaitTimeout,
    api_error,
)

EXCEPTIONS = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
}


def test_every_exception_is_in_the_tree_and_public() -> None:
    assert all(issubclass(kind, InformerError) for kind in EXCEPTIONS.values())
    assert {*EXCEPTIONS, "api_error"} == set(errors.__all__)


def test_the_tree_drawn_in_the_docstring_names_every_exception() -> None:
    drawing = errors.__doc__ or ""
    assert [name for name in EXCEPTIONS if name not in drawing] == []


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (CacheSyncTimeout, TimeoutError),
        (WaitTimeout, TimeoutError),
        (IdleTimeout, TimeoutError),
        (InvalidOption, ValueError),
        (InvalidSelector, ValueError),
        (InformerConflict, ValueError),
        (NotRunning, RuntimeError),
        (UnknownResource, LookupError),
    ],
)
def test_what_python_has_a_name_for_is_also_that(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, InformerError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, MethodNotAllowed),
        (409, Conflict),
        (410, ResourceExpired),
        (415, Invalid),
        (422, Invalid),
        (429, TooManyRequests),
        (500, ServerError),
        (503, ServerError),
        (504, ServerError),
        (599, ServerError),
        (302, APIError),
        (406, APIError),
        (499, APIError),
    ],
)
def test_a_status_has_its_class(status: int, kind: type[APIError]) -> None:
    assert type(api_error(status)) is kind


@pytest.mark.parametrize("reason", ["Expired", "Gone"])
def test_an_expired_version_is_known_by_its_reason_whatever_the_status(reason: str) -> None:
    assert type(api_error(500, reason)) is ResourceExpired


@pytest.mark.parametrize(
    ("message", "causes"),
    [
        ("Timeout: Too large resource version: 9, current: 5", ()),
        ("Too large resource version: 9, current: 5", ()),
        ("whatever", ("FieldValueInvalid", "ResourceVersionTooLarge")),
    ],
    ids=["1.17", "before", "typed"],
)
def test_a_version_too_large_is_known_by_its_cause_or_by_the_legacy_messages(
    message: str, causes: tuple[str, ...]
) -> None:
    error = api_error(504, "Timeout", message, causes=causes, retry_after=1)
    assert type(error) is ResourceVersionTooLarge
    assert isinstance(error, ServerError)
    assert error.retry_after == 1


def test_an_api_error_keeps_what_the_server_said() -> None:
    error = api_error(403, "Forbidden", "pods is forbidden", retry_after=2.5, continue_token="token")
    assert (error.status, error.reason, error.message) == (403, "Forbidden", "pods is forbidden")
    assert (error.retry_after, error.continue_token) == (2.5, "token")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (api_error(403, "Forbidden", "pods is forbidden"), "403 Forbidden: pods is forbidden"),
        (api_error(403, "", "pods is forbidden"), "403 Forbidden: pods is forbidden"),
        (api_error(502), "502 ServerError"),
        (api_error(500, "InternalError"), "500 InternalError"),
    ],
)
def test_an_api_error_reads_well_however_little_the_server_said(error: APIError, text: str) -> None:
    assert str(error) == text


def test_an_api_error_has_no_wait_and_no_offer_unless_the_server_gave_one() -> None:
    error = APIError(500)
    assert error.retry_after is None
    assert error.continue_token == ""


def test_sync_errors_carry_a_copy_of_the_reason_of_each_informer() -> None:
    refused: dict[str, InformerError] = {"pods.v1": Forbidden(403)}
    error = CacheSyncError("pods.v1 cannot sync", refused)
    late = CacheSyncTimeout("pods.v1 is late", {"pods.v1": None})
    refused.clear()
    assert [type(reason) for reason in error.errors.values()] == [Forbidden]
    assert late.errors == {"pods.v1": None}
    assert str(error) == "pods.v1 cannot sync"
    assert str(late) == "pods.v1 is late"


def test_a_plain_exception_says_its_message() -> None:
    assert str(ConfigurationError("no kubeconfig")) == "no kubeconfig"
