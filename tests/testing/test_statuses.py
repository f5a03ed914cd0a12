from __future__ import annotations

from aioinformer.testing.statuses import (
    ApiServerError,
    GroupResource,
    InvalidError,
    NotFoundError,
    TooLargeVersionError,
    success,
)


def test_a_status_body_is_complete() -> None:
    assert NotFoundError(GroupResource("apps", "deployments"), "x").body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "x" not found',
        "reason": "NotFound",
        "details": {"name": "x", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


def test_an_invalid_object_says_which_field_and_why() -> None:
    body = InvalidError(GroupResource("", "Pod"), "x", "spec.a", "Required value", cause="FieldValueRequired").body
    assert body["message"] == 'Pod "x" is invalid: spec.a: Required value'
    assert body["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"}
    ]


def test_a_version_in_the_future_says_so_in_its_cause() -> None:
    error = TooLargeVersionError(9, 5)
    assert error.message == "Timeout: Too large resource version: 9, current: 5"
    assert error.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert error.retry_after == 1


def test_an_error_by_its_code_alone_has_the_usual_reason() -> None:
    body = ApiServerError(429).body
    assert (body["reason"], body["message"], "details" in body) == ("TooManyRequests", "Too Many Requests", False)
    assert ApiServerError(429).retry_after is None


def test_an_error_may_have_no_reason() -> None:
    assert "reason" not in ApiServerError(500, "", "plain").body


def test_success_tells_what_was_deleted() -> None:
    assert success(GroupResource("", "configmaps"), "x", "u")["details"] == {
        "name": "x",
        "kind": "configmaps",
        "uid": "u",
    }
