"""The fault verbs on open watches, as a client sees them through a socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from tests.testing.fault_bench import NODES, PODS, Bench, Stream, on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Fault
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
async def test_a_stall_stops_the_bytes_of_what_is_under_way_until_healed() -> None:
    async with Bench() as bench:
        stalled = await bench.watch()
        fault = bench.server.stall()
        bench.create("x")
        assert await stalled.is_silent()
        assert bench.server.open_watches() == 1
        fresh = await bench.watch(resourceVersion="1")
        assert await fresh.name() == ("ADDED", "x")
        fault.heal()
        assert await stalled.name() == ("ADDED", "x")


@on_virtual_time
async def test_a_stall_may_stop_new_requests_too() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        fault = bench.server.stall(new_requests=True)
        bench.create("x")
        assert await stream.is_silent()
        assert await bench.is_unanswered()
        asking = asyncio.create_task(bench.ask())
        await bench.server.wait_for_requests(3)
        fault.heal()
        status, body = await asking
        assert (status, len(body["items"])) == (200, 1)


@on_virtual_time
async def test_a_write_that_stalls_is_not_done_before_it_goes_on() -> None:
    async with Bench() as bench:
        fault = bench.server.stall(new_requests=True)
        writing = asyncio.create_task(
            bench.session.post(f"{bench.server.url}/api/v1/nodes", json={"metadata": {"name": "n"}})
        )
        await asyncio.sleep(10)
        assert bench.server.list("nodes") == []
        fault.heal()
        (await writing).close()
        assert len(bench.server.list("nodes")) == 1


@on_virtual_time
async def test_a_list_stalls_in_the_middle_of_its_body() -> None:
    async with Bench() as bench:
        for number in range(300):
            bench.server.create("pods", {"metadata": {"name": f"p{number:03}"}, "spec": {"text": "x" * 10_000}})
        listing = Stream(await bench.open(PODS))
        received = await listing.within(1)
        fault = bench.server.stall()
        while more := await listing.within(60):  # it was under way already
            received += more
        fault.heal()
        rest = await listing.rest()
        assert len(rest) > 100_000
        assert len(json.loads(received + rest)["items"]) == 300


@on_virtual_time
async def test_a_watch_that_ended_while_stalled_says_so_once_healed() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        fault = bench.server.stall()
        bench.create("x")
        bench.server.end_cleanly()
        assert await stream.is_silent()
        fault.heal()
        assert await stream.name() == ("ADDED", "x")
        assert await stream.rest() == b""


@on_virtual_time
async def test_a_stalled_watch_whose_time_is_up_ends_once_healed() -> None:
    async with Bench() as bench:
        stream = await bench.watch(timeoutSeconds="5")
        fault = bench.server.stall()
        assert await stream.is_silent()
        fault.heal()
        assert await stream.rest() == b""


@on_virtual_time
async def test_a_stalled_watch_can_be_cut() -> None:
    async with Bench() as bench:
        stream = await bench.watch()
        bench.server.stall()
        bench.create("x")
        bench.server.cut()
        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.rest()


@on_virtual_time
async def test_a_slow_link_takes_its_time_with_watches_and_lists() -> None:
    async with Bench() as bench:
        loop = asyncio.get_running_loop()
        bench.create("x")
        with bench.server.slow(10):
            stream = await bench.watch(resourceVersion="0")
            begun = loop.time()
            line = await stream.response.content.readline()
            assert loop.time() - begun == pytest.approx(len(line) / 10, rel=0.02)
            begun = loop.time()
            async with bench.session.get(bench.server.url + PODS) as response:
                body = await response.read()
            assert loop.time() - begun == pytest.approx(len(body) / 10, rel=0.02)
        begun = loop.time()
        assert await bench.status() == 200
        assert loop.time() - begun < 1


@on_virtual_time
async def test_a_slow_body_goes_on_at_full_speed_once_healed() -> None:
    async with Bench() as bench:
        bench.create("x")
        fault = bench.server.slow(1)
        stream = await bench.watch(resourceVersion="0")
        await asyncio.sleep(5)
        fault.heal()
        begun = asyncio.get_running_loop().time()
        assert await stream.name() == ("ADDED", "x")
        assert asyncio.get_running_loop().time() - begun < 0.1


@pytest.mark.parametrize("rate", [0, -1])
def test_a_link_is_not_slower_than_slow(rate: float) -> None:
    with pytest.raises(ValueError, match="stall"):
        ApiServer().slow(rate)


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


HOLDS: list[Callable[[FaultVerbs], Fault]] = [
    lambda verbs: verbs.stall(),
    lambda verbs: verbs.slow(1e-9),
    lambda verbs: verbs.stale(5),
]


@pytest.mark.parametrize("hold", HOLDS)
@on_virtual_time
async def test_what_holds_watches_up_holds_those_who_are_meant(hold: Callable[[FaultVerbs], Fault]) -> None:
    async with Bench() as bench:
        mine, yours = await bench.watch(client="me"), await bench.watch(client="you")
        fault = hold(bench.server.on("pods", client="me"))
        bench.create("x")
        assert await yours.name() == ("ADDED", "x")
        held = await mine.within(60)
        assert len(held) <= 1
        fault.heal()
        assert json.loads(held + await mine.response.content.readline())["object"]["metadata"]["name"] == "x"
        watch = next(watch for watch in bench.server.watches() if watch.client == "you")
        hold(bench.server.on(watch=watch))
        bench.create("y")
        assert await mine.name() == ("ADDED", "y")
        assert len(await yours.within(60)) <= 1
