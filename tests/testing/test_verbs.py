"""The fault verbs on open watches, as a client sees them through a socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from tests.testing.fault_bench import NODES, PODS, Bench, on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.verbs import FaultVerbs

ENDS: list[Callable[[FaultVerbs], object]] = [
    lambda verbs: verbs.cut(),
    lambda verbs: verbs.cut(mid_line=True),
    lambda verbs: verbs.end_cleanly(),
    lambda verbs: verbs.end_cleanly(mid_line=True),
    lambda verbs: verbs.end_cleanly(after=1),
    lambda verbs: verbs.emit_error(500),
]


@on_virtual_time
async def test_a_cut_loses_what_was_not_sent() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.create("x")
        bench.server.cut()
        assert bench.server.open_watches() == 0
        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.rest()


@on_virtual_time
async def test_a_cut_in_mid_line_leaves_half_of_an_event() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.create("x", "y")
        bench.server.cut(mid_line=True)
        half = await stream.response.content.readany()
        assert half.startswith(b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1"')
        assert b"\n" not in half
        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.rest()


@on_virtual_time
async def test_a_clean_end_comes_after_what_was_pending() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.create("x")
        bench.server.end_cleanly()
        assert await stream.name() == ("ADDED", "x")
        assert await stream.rest() == b""


@on_virtual_time
async def test_a_clean_end_may_come_in_mid_line() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.server.end_cleanly(mid_line=True)
        half = await stream.rest()
        assert half.startswith(b'{"type":"BOOKMARK"')
        assert b"\n" not in half


@on_virtual_time
async def test_watches_can_be_kept_short_until_healed() -> None:
    async with Bench() as bench:
        loop = asyncio.get_running_loop()
        before = await bench.watch()
        with bench.server.end_cleanly(after=7) as fault:
            await asyncio.sleep(2)
            started = loop.time()
            after = await bench.watch()
            bench.create("x")
            assert await before.name() == await after.name() == ("ADDED", "x")
            assert await before.rest() == b""
            assert loop.time() - started == pytest.approx(5, abs=0.1)
            assert await after.rest() == b""
            assert loop.time() - started == pytest.approx(7, abs=0.1)
        assert not fault.in_force
        assert await (await bench.watch()).is_silent()


@on_virtual_time
async def test_healed_in_time_a_short_watch_goes_on() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        with bench.server.end_cleanly(after=7):
            await asyncio.sleep(6)
        assert await stream.is_silent()


def test_a_watch_ends_in_mid_line_now_or_never() -> None:
    with pytest.raises(ValueError, match="now"):
        ApiServer().end_cleanly(after=1, mid_line=True)  # type: ignore[call-overload]


@on_virtual_time
async def test_watches_of_no_length_have_no_body_not_even_the_state() -> None:
    async with Bench() as bench:
        bench.create("x")
        with bench.server.end_cleanly(after=0):
            assert await (await bench.watch(resourceVersion="0")).rest() == b""
        assert bench.server.open_watches() == 0


@on_virtual_time
async def test_an_error_event_carries_the_status_and_ends_the_watch() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.create("x")
        bench.server.emit_error(429, reason="Busy", message="later", retry_after=7)
        assert await stream.name() == ("ADDED", "x")
        event = await stream.next()
        body = event["object"]
        assert (event["type"], body["kind"], body["code"]) == ("ERROR", "Status", 429)
        assert (body["reason"], body["message"], body["details"]) == ("Busy", "later", {"retryAfterSeconds": 7})
        assert await stream.rest() == b""


@on_virtual_time
async def test_garbage_is_put_into_open_watches_and_answers_the_next_read() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.server.garbage(body=b"<html>", content_type="text/html")
        bench.create("x")
        assert await stream.response.content.readline() == b"<html>\n"
        assert await stream.name() == ("ADDED", "x")
        assert await bench.status("/version") == 200
        async with bench.session.get(bench.server.url + PODS) as response:
            assert (response.status, response.content_type, await response.read()) == (200, "text/html", b"<html>")
        assert await bench.status() == 200


@on_virtual_time
async def test_garbage_may_go_on_until_healed() -> None:
    async with Bench() as bench:
        with bench.server.garbage(times=None):
            for _ in range(3):
                async with bench.session.get(bench.server.url + PODS, params={"watch": "1"}) as response:
                    assert response.content_type == "application/json"
                    with pytest.raises(ValueError, match="Expecting value"):
                        json.loads(await response.text())
        assert await bench.status() == 200


@on_virtual_time
async def test_bookmarks_are_dropped_until_healed() -> None:
    async with Bench(ApiServer(bookmark_interval=10)) as bench:
        stream = await bench.watch(allowWatchBookmarks="1")
        with bench.server.drop_bookmarks():
            bench.server.send_bookmarks()
            assert await stream.is_silent()
        bench.server.send_bookmarks()
        assert await stream.name() == ("BOOKMARK", bench.server.resource_version)


STREAMING = {
    "resourceVersion": "",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


@pytest.mark.parametrize("initial", [False, True])
@on_virtual_time
async def test_the_bookmark_that_ends_the_state_is_dropped_only_if_wanted(initial: bool) -> None:  # noqa: FBT001 - a parameter
    async with Bench() as bench:
        bench.create("x")
        bench.server.drop_bookmarks(initial=initial)
        stream = await bench.watch(**STREAMING)
        assert await stream.name() == ("ADDED", "x")
        if initial:
            assert await stream.is_silent()
        else:
            assert (await stream.name())[0] == "BOOKMARK"


@on_virtual_time
async def test_history_expires_for_all() -> None:
    async with Bench() as bench:
        version = bench.server.resource_version
        pods, nodes = await bench.watch(), await bench.watch(NODES)
        bench.create("x")
        bench.server.expire_history()
        assert await pods.name() == ("ADDED", "x")
        assert await pods.rest() == await nodes.rest() == b""
        for path in (PODS, NODES):
            event = await (await bench.watch(path, resourceVersion=version)).next()
            assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await (await bench.watch()).is_silent()


@on_virtual_time
async def test_history_expires_for_one_resource() -> None:
    async with Bench() as bench:
        version = bench.server.resource_version
        pods, nodes = await bench.watch(), await bench.watch(NODES)
        bench.server.on("pods").expire_history()
        assert await pods.rest() == b""
        assert await nodes.is_silent()
        assert (await (await bench.watch(resourceVersion=version)).next())["object"]["code"] == 410
        assert await (await bench.watch(NODES, resourceVersion=version)).is_silent()
        assert await bench.status(resourceVersion=version, resourceVersionMatch="Exact") == 410


@on_virtual_time
async def test_a_watch_can_be_spoilt_for_one_object() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.create("x", "y")
        with bench.server.undecodable("default/x"):
            assert (await stream.next())["object"]["metadata"]["labels"] == 0
            assert (await stream.next())["object"]["metadata"]["labels"] == {"x": "1"}
            _, body = await bench.ask()
            assert [item["metadata"]["labels"] for item in body["items"]] == [0, {"x": "1"}]
            _, body = await bench.ask("/api/v1/namespaces/default/pods/x")
            assert body["metadata"]["labels"] == 0
        _, body = await bench.ask("/api/v1/namespaces/default/pods/x")
        assert body["metadata"]["labels"] == {"x": "1"}
        assert bench.server.get("pods", "x")["metadata"]["labels"] == {"x": "1"}


@pytest.mark.parametrize("end", ENDS)
@on_virtual_time
async def test_ends_reach_those_who_are_meant_and_nobody_else(end: Callable[[FaultVerbs], object]) -> None:
    async with Bench() as bench:
        server = bench.server
        for client, path in (("me", PODS), ("you", PODS), ("me", NODES), ("me", "/api/v1/namespaces/a/pods")):
            await bench.watch(path, client=client)

        async def left() -> list[int]:
            await asyncio.sleep(2)
            return [watch.number for watch in server.watches()]

        end(server.on("nodes", client="you"))
        assert await left() == [1, 2, 3, 4]
        end(server.on(namespace="a"))
        assert await left() == [1, 2, 3]
        end(server.on("pods", client="me"))
        assert await left() == [2, 3]
        end(server.on(watch=server.watches("nodes")[0]))
        assert await left() == [2]
        end(server.on("pods"))
        assert await left() == []
