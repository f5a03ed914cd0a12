"""Stalled, slow and stale bodies, as a client sees them through a socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from tests.testing.fault_bench import PODS, Bench, Stream, on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Fault
    from aioinformer.testing.verbs import FaultVerbs


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
