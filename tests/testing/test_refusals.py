"""Answers in the server's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.refusals import AnswerFields, Refusal, Revoked, Scripted, StreamingRejected, dictated
from aioinformer.testing.requests import parse_request
from aioinformer.testing.statuses import GroupResource

if TYPE_CHECKING:
    from aiohttp import web

PODS = GroupResource("", "pods")
LIST = parse_request("GET", "/api/v1/namespaces/a/pods", {})
WATCH = parse_request("GET", "/api/v1/pods", {"watch": "1"})
STREAM = parse_request("GET", "/apis/apps/v1/deployments", {"watch": "1", "sendInitialEvents": "true"})


def said(response: web.Response | None) -> dict[str, Any]:
    assert response is not None
    assert isinstance(response.body, bytes)
    body: dict[str, Any] = json.loads(response.body)
    assert body["code"] == response.status
    return body


def test_a_dictated_status_has_the_usual_reason_for_its_code_unless_told_otherwise() -> None:
    assert said(dictated(503, {}))["reason"] == "ServiceUnavailable"
    body = said(dictated(500, {"reason": "Broken", "message": "out of order"}))
    assert (body["reason"], body["message"]) == ("Broken", "out of order")


def test_seconds_to_wait_are_said_in_the_header_and_in_the_status() -> None:
    response = dictated(429, {"retry_after": 7})
    assert response.headers["Retry-After"] == "7"
    assert said(response)["details"] == {"retryAfterSeconds": 7}


def test_a_date_to_wait_for_is_said_in_the_header_alone() -> None:
    response = dictated(503, {"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"})
    assert response.headers["Retry-After"] == "Fri, 31 Dec 1999 23:59:59 GMT"
    assert "details" not in said(response)


def test_a_body_is_sent_as_it_is() -> None:
    response = dictated(502, {"body": b"<h1>Bad Gateway</h1>", "content_type": "text/html", "retry_after": 1})
    assert (response.status, response.body, response.content_type) == (502, b"<h1>Bad Gateway</h1>", "text/html")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("status", "fields"), [(999, {}), (500, {"body": b"", "reason": "Broken"})])
def test_what_makes_no_sense_is_not_said(status: int, fields: AnswerFields) -> None:
    with pytest.raises(ValueError, match=r"999|no reason"):
        dictated(status, fields)


def scripted(left: int | None, *verbs: str) -> Scripted:
    return Faults(lambda: None).begin(Scripted(Target(), lambda: dictated(500, {}), left, verbs))


def test_a_script_answers_so_often_and_is_over() -> None:
    fault = scripted(2)
    assert fault.answer(LIST) is not fault.answer(LIST), "a response can be sent once only"
    assert not fault.in_force


def test_a_script_without_a_count_goes_on_until_healed() -> None:
    fault = scripted(None)
    assert all(fault.answer(LIST) for _ in range(5))
    assert fault.in_force


def test_a_script_for_some_verbs_does_not_count_the_others() -> None:
    fault = scripted(1, "watch")
    assert fault.answer(LIST) is None
    assert fault.in_force
    assert fault.answer(WATCH) is not None


@pytest.mark.parametrize("left", [0, -1])
def test_a_script_for_no_request_is_a_mistake(left: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        scripted(left)


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        (
            "/api/v1/namespaces/a/pods",
            {},
            'pods is forbidden: User "me" cannot list resource "pods" in API group "" in the namespace "a"',
        ),
        (
            "/apis/apps/v1/deployments",
            {"watch": "1"},
            'deployments.apps is forbidden: User "me" cannot watch resource "deployments" in API group "apps" at the cluster scope',
        ),
        (
            "/api/v1/namespaces/a/pods/x/status",
            {},
            'pods "x" is forbidden: User "me" cannot get resource "pods/status" in API group "" in the namespace "a"',
        ),
    ],
)
def test_what_is_revoked_is_denied_in_the_words_of_rbac(path: str, query: dict[str, str], message: str) -> None:
    body = said(Revoked(Target(), "me").answer(parse_request("GET", path, query)))
    assert (body["message"], body["reason"], body["code"]) == (message, "Forbidden", 403)


def test_nobody_is_denied_what_is_no_resource() -> None:
    assert Revoked(Target(), "me").answer(parse_request("GET", "/version", {})) is None


def test_the_feature_gate_speaks_like_a_real_server() -> None:
    body = said(StreamingRejected(Target(), 422).answer(STREAM))
    message = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    assert body["message"] == f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {message}'
    assert body["reason"] == "Invalid"
    assert body["details"] == {
        "group": "meta.k8s.io",
        "kind": "ListOptions",
        "causes": [{"reason": "FieldValueForbidden", "message": f"Forbidden: {message}", "field": "sendInitialEvents"}],
    }


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (400, "BadRequest", "sendInitialEvents is not supported"),
        (405, "MethodNotAllowed", 'watch is not supported on resources of kind "deployments.apps"'),
    ],
)
def test_other_servers_have_other_words(status: int, reason: str, message: str) -> None:
    body = said(StreamingRejected(Target(), status).answer(STREAM))
    assert (body["code"], body["reason"], body["message"]) == (status, reason, message)


@pytest.mark.parametrize("status", [None, 422])
def test_lists_and_plain_watches_pass(status: int | None) -> None:
    fault = StreamingRejected(Target(), status)
    assert fault.answer(LIST) is fault.answer(WATCH) is None


def test_a_server_that_ignores_the_option_refuses_nothing() -> None:
    assert StreamingRejected(Target(), None).answer(STREAM) is None


def test_no_server_refuses_it_by_another_code() -> None:
    with pytest.raises(ValueError, match="not 404"):
        StreamingRejected(Target(), 404)


def test_a_refusal_is_nothing_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        Refusal(Target()).answer(LIST)
