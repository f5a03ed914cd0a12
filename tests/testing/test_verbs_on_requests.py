"""The fault verbs on new requests and connections, as a client sees them through a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from tests.testing.fault_bench import NODES, PODS, Bench, on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Fault
    from aioinformer.testing.verbs import FaultVerbs

LOCAL = "/api/v1/namespaces/a/pods"
STREAMING = {"resourceVersion": "", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
REFUSALS: list[Callable[[FaultVerbs], Fault]] = [
    lambda verbs: verbs.respond(403, times=None),
    lambda verbs: verbs.revoke(),
]


@on_virtual_time
async def test_a_server_that_is_down_refuses_connections_and_has_reset_those_there_were() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        port = bench.server.port
        fault = bench.server.refuse()
        assert bench.server.open_watches() == 0
        with pytest.raises(aiohttp.ClientError, match="reset by peer"):
            await stream.rest()
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await bench.ask()
        assert isinstance(caught.value.os_error, ConnectionRefusedError)
        fault.heal()
        assert await bench.status() == 200
        assert bench.server.port == port


@on_virtual_time
async def test_a_server_that_is_down_for_two_reasons_comes_back_when_both_are_gone() -> None:
    async with Bench() as bench:
        first, second = bench.server.refuse(), bench.server.refuse()
        for fault in (first, second):
            with pytest.raises(aiohttp.ClientConnectorError):
                await bench.ask()
            fault.heal()
        assert await bench.status() == 200


@on_virtual_time
async def test_a_server_that_was_told_to_be_down_starts_that_way() -> None:
    server = ApiServer()
    fault = server.refuse()
    async with Bench(server) as bench:
        with pytest.raises(aiohttp.ClientConnectorError):
            await bench.ask()
        fault.heal()
        assert await bench.status() == 200


@on_virtual_time
async def test_down_for_a_part_only_its_requests_are_reset() -> None:
    async with Bench() as bench:
        mine, yours = await bench.watch(client="me"), await bench.watch(client="you")
        with bench.server.on("pods", client="me").refuse():
            with pytest.raises(aiohttp.ClientError):
                await mine.rest()
            with pytest.raises(aiohttp.ClientOSError, match="reset"):
                await bench.ask(client="me")
            assert await bench.status(NODES, client="me") == 200
            assert await bench.status(client="you") == 200
            bench.create("x")
            assert await yours.name() == ("ADDED", "x")
        assert await bench.status(client="me") == 200
    unanswered = {(request.client, request.path) for request in bench.server.requests if request.status == 0}
    assert unanswered == {("me", PODS)}


@on_virtual_time
async def test_a_request_that_waits_is_reset_too() -> None:
    async with Bench(ApiServer(version_wait=1000)) as bench:
        waiting = asyncio.create_task(bench.ask(resourceVersion="99"))
        await bench.server.wait_for_requests(1)
        bench.server.on("pods").refuse()
        with pytest.raises(aiohttp.ClientOSError):
            await waiting


@on_virtual_time
async def test_answers_can_be_dictated_to_the_next_requests() -> None:
    async with Bench() as bench:
        fault = bench.server.on("pods").respond(429, verb="list", times=2, retry_after=7)
        async with bench.session.get(bench.server.url + PODS) as response:
            body = await response.json()
            said = response.status, response.headers["Retry-After"], body["details"]["retryAfterSeconds"]
            assert said == (429, "7", 7)
        assert await bench.status(NODES) == 200
        assert await bench.status(PODS, watch="1", timeoutSeconds="1") == 200
        assert fault.in_force
        assert [await bench.status() for _ in range(2)] == [429, 200]
        assert not fault.in_force


@on_virtual_time
async def test_answers_can_be_dictated_until_healed() -> None:
    async with Bench() as bench:
        with bench.server.respond(503, times=None):
            assert [await bench.status("/version") for _ in range(3)] == [503] * 3
        assert await bench.status("/version") == 200


@on_virtual_time
async def test_a_dictated_answer_may_be_any_bytes_with_a_date_to_wait_for() -> None:
    async with Bench() as bench:
        date = "Fri, 31 Dec 1999 23:59:59 GMT"
        bench.server.respond(502, body=b"<h1>Bad Gateway</h1>", content_type="text/html", retry_after=date)
        async with bench.session.get(bench.server.url + PODS) as response:
            assert (response.status, response.content_type) == (502, "text/html")
            assert (await response.read(), response.headers["Retry-After"]) == (b"<h1>Bad Gateway</h1>", date)


@on_virtual_time
async def test_scripts_are_played_in_the_order_they_were_made() -> None:
    async with Bench() as bench:
        bench.server.on("pods").respond(500, times=2)
        bench.server.respond(429)
        paths = (PODS, NODES, PODS, PODS, NODES)
        assert [await bench.status(path) for path in paths] == [500, 429, 500, 200, 200]


def test_a_mistake_in_a_dictated_answer_is_found_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="999"):
        ApiServer().respond(999)
    with pytest.raises(ValueError, match="at least 1"):
        ApiServer().respond(500, times=0)


@on_virtual_time
async def test_rights_can_be_revoked_in_a_namespace_or_everywhere_and_granted_again() -> None:
    async with Bench() as bench:

        async def statuses() -> list[int]:
            return [await bench.status(path) for path in (PODS, LOCAL, "/api/v1/namespaces/b/pods", NODES)]

        local = bench.server.on("pods").revoke("a")
        assert await statuses() == [200, 403, 200, 200]
        everywhere = bench.server.on("pods").revoke()
        assert await statuses() == [403, 403, 403, 200]
        everywhere.heal()
        local.heal()
        assert await statuses() == [200] * 4


@on_virtual_time
async def test_rights_can_be_revoked_for_one_verb() -> None:
    async with Bench() as bench:
        bench.server.on("pods").revoke(verb="watch")
        assert [await bench.status(), await bench.status(watch="1")] == [200, 403]


@on_virtual_time
async def test_open_watches_outlive_the_right_to_them_unless_cut() -> None:
    async with Bench() as bench:
        stream, elsewhere = await bench.watch(LOCAL), await bench.watch()
        bench.server.on("pods").revoke("a")
        bench.server.create("pods", {"metadata": {"name": "x", "namespace": "a"}})
        assert await stream.name() == ("ADDED", "x")
        bench.server.on("pods").revoke("a", cut=True)
        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.rest()
        assert await elsewhere.name() == ("ADDED", "x")
        assert await elsewhere.is_silent()


def test_rights_are_revoked_in_the_namespace_that_is_meant() -> None:
    server = ApiServer()
    with pytest.raises(ValueError, match="the namespace a, not for b"):
        server.on("pods", namespace="a").revoke("b")
    server.on("pods", namespace="a").revoke("a")


@pytest.mark.parametrize("refuse", REFUSALS)
@on_virtual_time
async def test_refusals_concern_those_who_are_meant(refuse: Callable[[FaultVerbs], Fault]) -> None:
    async with Bench() as bench:
        requests = [(path, client) for path in (PODS, LOCAL, NODES) for client in ("me", "you")]
        parts = {
            "all": (bench.server, set(requests)),
            "pods": (bench.server.on("pods"), {each for each in requests if each[0] != NODES}),
            "namespace": (bench.server.on(namespace="a"), {each for each in requests if each[0] == LOCAL}),
            "client": (bench.server.on(client="me"), {each for each in requests if each[1] == "me"}),
            "pods of a client": (bench.server.on("pods", client="me"), {(PODS, "me"), (LOCAL, "me")}),
        }
        for name, (verbs, meant) in parts.items():
            fault = refuse(verbs)
            refused = {each for each in requests if await bench.status(each[0], client=each[1]) == 403}
            assert refused == meant, name
            fault.heal()
        assert {await bench.status(path, client=client) for path, client in requests} == {200}


@pytest.mark.parametrize("status", [422, 400, 405])
@on_virtual_time
async def test_streaming_lists_are_refused_and_lists_are_not(status: int) -> None:
    async with Bench() as bench:
        fault = bench.server.reject_streaming_lists(status)
        assert await bench.status(watch="1", **STREAMING) == status
        assert await bench.status() == 200
        assert await (await bench.watch()).is_silent()
        fault.heal()
        bench.create("x")
        assert await (await bench.watch(**STREAMING)).name() == ("ADDED", "x")


@on_virtual_time
async def test_a_server_that_does_not_know_streaming_lists_sends_the_state_and_never_says_that_it_is_whole() -> None:
    async with Bench(ApiServer(bookmark_interval=1e9)) as bench:
        bench.create("x")
        bench.server.reject_streaming_lists(None)
        stream = await bench.watch(**STREAMING, allowWatchBookmarks="1")
        assert await stream.name() == ("ADDED", "x")
        assert await stream.is_silent()


@on_virtual_time
async def test_a_stale_replica_shows_its_version_until_healed() -> None:
    async with Bench() as bench:
        bench.create("x")
        version = bench.server.resource_version
        with bench.server.stale(version):
            bench.create("y")
            bench.server.delete("pods", "x")
            _, body = await bench.ask()
            assert [item["metadata"]["name"] for item in body["items"]] == ["x"]
            assert body["metadata"]["resourceVersion"] == version
            assert await bench.status("/api/v1/namespaces/default/pods/x") == 200
            assert await bench.status("/api/v1/namespaces/default/pods/y") == 404
            stream = await bench.watch(resourceVersion=version)
            ahead = await bench.watch()
            assert await stream.is_silent()
        assert [await stream.name(), await stream.name()] == [("ADDED", "y"), ("DELETED", "x")]
        assert await ahead.is_silent()
        _, body = await bench.ask()
        assert [item["metadata"]["name"] for item in body["items"]] == ["y"]


@on_virtual_time
async def test_a_stale_replica_has_never_heard_of_newer_versions() -> None:
    async with Bench() as bench:
        old = bench.server.resource_version
        bench.create("x")
        version = bench.server.resource_version
        bench.server.stale(old)
        status, body = await bench.ask(resourceVersion=version)
        message = f"Timeout: Too large resource version: {version}, current: {old}"
        assert (status, body["message"]) == (504, message)
        stream = await bench.watch(**{**STREAMING, "resourceVersion": version})
        event = await stream.next()
        assert (event["type"], event["object"]["message"]) == ("ERROR", message)


@on_virtual_time
async def test_a_read_that_waits_for_a_stale_replica_is_answered_when_it_catches_up() -> None:
    async with Bench() as bench:
        old = bench.server.resource_version
        bench.create("x")
        fault = bench.server.stale(old)
        asking = asyncio.create_task(bench.ask(resourceVersion=bench.server.resource_version))
        await asyncio.sleep(1)
        fault.heal()
        status, body = await asking
        assert (status, len(body["items"])) == (200, 1)


@on_virtual_time
async def test_one_of_two_replicas_may_be_stale() -> None:
    async with Bench() as bench:
        bench.server.on(client="me").stale(bench.server.resource_version)
        bench.create("x")
        counts = [len((await bench.ask(client=client))[1]["items"]) for client in ("me", "you")]
        assert counts == [0, 1]


@pytest.mark.parametrize("version", ["3", "1000000"])
def test_a_replica_is_stale_within_history(version: str) -> None:
    server = ApiServer()
    server.compact()
    with pytest.raises(ValueError, match="history reaches from"):
        server.stale(version)


@on_virtual_time
async def test_tokens_expire_and_open_watches_go_on() -> None:
    server = ApiServer(token="secret")
    async with Bench(server) as bench:

        async def status(token: str | None, client: str = "me") -> int:
            headers = {"Authorization": f"Bearer {token}", "User-Agent": client}
            async with bench.session.get(server.url + PODS, headers=headers) as response:
                return response.status

        headers = {"Authorization": "Bearer secret"}
        async with bench.session.get(server.url + PODS, params={"watch": "1"}, headers=headers) as stream:
            server.on(client="me").expire_tokens()
            assert server.token != "secret"
            assert [await status("secret"), await status(server.token)] == [401, 200]
            assert await status("secret", "you") == 200
            server.expire_tokens()
            assert [await status("secret", "you"), await status(server.token, "you")] == [401, 200]
            bench.create("x")
            assert b'"x"' in await stream.content.readline()


@pytest.mark.parametrize(
    "verb",
    [
        lambda verbs: verbs.respond(500),
        lambda verbs: verbs.refuse(),
        lambda verbs: verbs.revoke(),
        lambda verbs: verbs.stall(new_requests=True),
        lambda verbs: verbs.reject_streaming_lists(),
        lambda verbs: verbs.expire_tokens(),
    ],
)
@on_virtual_time
async def test_what_happens_to_new_requests_does_not_happen_to_an_open_watch(
    verb: Callable[[FaultVerbs], object],
) -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        with pytest.raises(ValueError, match="makes no new requests"):
            verb(bench.server.on(watch=bench.server.watches()[0]))
        assert await stream.is_silent()


@pytest.mark.parametrize("part", [{"client": "me"}, {"namespace": "a"}])
def test_history_is_nobody_s_own(part: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="whoever reads it"):
        ApiServer().on("pods", **part).expire_history()  # type: ignore[arg-type]
