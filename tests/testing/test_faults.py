from __future__ import annotations

import pytest

from aioinformer.testing import ApiServerError
from aioinformer.testing.faults import Faults, Forbidden, Refusal, Target
from aioinformer.testing.requests import parse_request
from aioinformer.testing.statuses import GroupResource

PODS = GroupResource("", "pods")
LIST = parse_request("GET", "/api/v1/namespaces/a/pods", {})
WATCH = parse_request("GET", "/api/v1/pods", {"watch": "1"})
OTHER = parse_request("GET", "/apis/apps/v1/deployments", {})


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        (Target(), [True, True, True]),
        (Target(PODS), [True, True, False]),
        (Target(PODS, "watch"), [False, True, False]),
        (Target(verb="list"), [True, False, True]),
        (Target(PODS, namespace="a"), [True, False, False]),
        (Target(PODS, version="v2"), [False, False, False]),
    ],
)
def test_targets(target: Target, covered: list[bool]) -> None:
    assert [target.covers(request) for request in (LIST, WATCH, OTHER)] == covered


def test_a_resource_is_no_target_for_other_paths() -> None:
    assert not Target(PODS).covers(parse_request("GET", "/version", {}))


def test_refusals_come_in_order_and_run_out() -> None:
    faults = Faults()
    faults.add(Refusal(Target(PODS), ApiServerError(500), 2))
    faults.add(Refusal(Target(), ApiServerError(429), 1))
    statuses: list[int] = []
    for request in (LIST, OTHER, WATCH, LIST, OTHER):
        try:
            faults.check(request)
        except ApiServerError as error:
            statuses.append(error.status)
        else:
            statuses.append(200)
    assert statuses == [500, 429, 500, 200, 200]


def test_forbidden_speaks_like_rbac_until_it_is_taken_back() -> None:
    faults = Faults()
    faults.add(Forbidden(Target(PODS), "me"))
    with pytest.raises(ApiServerError) as caught:
        faults.check(LIST)
    assert (
        caught.value.body["message"]
        == 'pods is forbidden: User "me" cannot list resource "pods" in API group "" in the namespace "a"'
    )
    with pytest.raises(ApiServerError, match="at the cluster scope"):
        faults.check(WATCH)
    faults.check(OTHER)
    faults.discard(Forbidden(Target(PODS), "me"))
    faults.check(LIST)


def test_forbidden_names_subresource_and_object() -> None:
    error = Forbidden(Target(PODS), "me").refuse(parse_request("GET", "/api/v1/namespaces/a/pods/x/status", {}))
    assert error is not None
    assert error.message.startswith('pods "x" is forbidden: User "me" cannot get resource "pods/status"')
