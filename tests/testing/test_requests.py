from __future__ import annotations

import asyncio

import pytest

from aioinformer.resource import GroupVersionResource
from aioinformer.testing.requests import Journal, parse_request, product

PODS = GroupVersionResource("", "v1", "pods")
DEPLOYMENTS = GroupVersionResource("apps", "v1", "deployments")
NAMESPACES = GroupVersionResource("", "v1", "namespaces")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", ("list", PODS, None, "", "")),
        ("GET", "/api/v1/namespaces/a/pods", ("list", PODS, "a", "", "")),
        ("GET", "/api/v1/namespaces/a/pods/x", ("get", PODS, "a", "x", "")),
        ("PUT", "/api/v1/namespaces/a/pods/x/status", ("update", PODS, "a", "x", "status")),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", ("create", DEPLOYMENTS, "a", "", "")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/x", ("patch", DEPLOYMENTS, "a", "x", "")),
        ("DELETE", "/apis/apps/v1/namespaces/a/deployments/x", ("delete", DEPLOYMENTS, "a", "x", "")),
        ("DELETE", "/apis/apps/v1/namespaces/a/deployments", ("deletecollection", DEPLOYMENTS, "a", "", "")),
        ("GET", "/api/v1/namespaces", ("list", NAMESPACES, None, "", "")),
        ("GET", "/api/v1/namespaces/a", ("get", NAMESPACES, None, "a", "")),
        ("PUT", "/api/v1/namespaces/a/status", ("update", NAMESPACES, None, "a", "status")),
        ("GET", "/api/v1/namespaces/a/pods/x/proxy/b/c", ("get", PODS, "a", "x", "proxy/b/c")),
        ("GET", "/api/v1", ("get", None, None, "", "")),
        ("GET", "/apis/apps/v1", ("get", None, None, "", "")),
        ("GET", "/api/v1/No-Resource", ("get", None, None, "", "")),
        ("GET", "/version", ("get", None, None, "", "")),
        ("GET", "/", ("get", None, None, "", "")),
    ],
)
def test_what_paths_mean(
    method: str, path: str, expected: tuple[str, GroupVersionResource | None, str | None, str, str]
) -> None:
    found = parse_request(method, path, {})
    assert (found.verb, found.resource, found.namespace, found.name, found.subresource) == expected


@pytest.mark.parametrize(
    ("spelling", "verb"), [("true", "watch"), ("True", "watch"), ("1", "watch"), ("false", "list"), ("0", "list")]
)
def test_a_watch_is_a_list_that_says_so(spelling: str, verb: str) -> None:
    assert parse_request("GET", "/api/v1/pods", {"watch": spelling}).verb == verb


def test_requests_are_numbered_and_get_their_status_later() -> None:
    journal = Journal()
    first = journal.arrived(parse_request("GET", "/api/v1/pods", {}))
    journal.arrived(parse_request("GET", "/version", {}))
    journal.answered(first, 200)
    assert [(each.number, each.status) for each in journal.requests] == [(1, 200), (2, 0)]


@pytest.mark.parametrize(
    ("user_agent", "client"),
    [
        ("dashboard", "dashboard"),
        ("kubectl/v1.37.2 (linux/amd64) kubernetes/abc", "kubectl"),
        ("curl 8", "curl"),
        ("", ""),
    ],
)
def test_a_client_is_what_it_calls_itself_without_its_version(user_agent: str, client: str) -> None:
    assert parse_request("GET", "/version", {}, user_agent).client == product(user_agent) == client


async def test_waiting_ends_when_the_condition_comes_true_and_not_before() -> None:
    journal = Journal()
    waiting = asyncio.create_task(journal.until(lambda: len(journal.requests) == 2))
    for done in (False, True):
        journal.arrived(parse_request("GET", "/version", {}))
        await asyncio.sleep(0)
        assert waiting.done() is done


async def test_waiting_for_what_holds_already_returns_at_once() -> None:
    async with asyncio.timeout(0):
        await Journal().until(lambda: True)


async def test_giving_up_waiting_leaves_nothing_behind() -> None:
    journal = Journal()
    calls: list[None] = []

    def never() -> bool:
        calls.append(None)
        return False

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await journal.until(never)
    asked = len(calls)
    journal.changed()
    assert len(calls) == asked
