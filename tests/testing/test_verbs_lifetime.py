"""How long faults last, and that a server can be left whatever it was told to do to its clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import ApiServer
from aioinformer.testing.virtual_time import VirtualTimeLoop
from tests.testing.fault_bench import NODES, PODS, Bench, on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.faults import Fault

WIDGETS = APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)

LASTING: dict[str, Callable[[ApiServer], Fault]] = {
    "end_cleanly": lambda server: server.end_cleanly(after=100),
    "stall": lambda server: server.stall(),
    "stall all": lambda server: server.stall(new_requests=True),
    "slow": lambda server: server.slow(1),
    "refuse": lambda server: server.refuse(),
    "refuse some": lambda server: server.on("pods").refuse(),
    "respond": lambda server: server.respond(500, times=None),
    "garbage": lambda server: server.garbage(times=None),
    "drop_bookmarks": lambda server: server.drop_bookmarks(),
    "stale": lambda server: server.stale(server.resource_version),
    "reject_streaming_lists": lambda server: server.reject_streaming_lists(),
    "revoke": lambda server: server.revoke(),
    "undecodable": lambda server: server.undecodable("default/x"),
    "uninstall": lambda server: server.uninstall("widgets"),
}
lasting = pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)


def make_server() -> ApiServer:
    server = ApiServer(version_wait=1000)
    server.register(WIDGETS)
    return server


@lasting
@on_virtual_time
async def test_a_server_is_left_at_once_with_any_fault_in_force(fault: Callable[[ApiServer], Fault]) -> None:
    """Whatever its clients are doing: watching, listing, waiting for an answer."""
    server = make_server()
    for number in range(200):
        server.create("pods", {"metadata": {"name": f"p{number}"}, "spec": {"text": "x" * 10_000}})
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(read_bufsize=1024) as session:

        async def read(path: str) -> None:
            async with session.get(server.url + path) as response:
                await response.read()

        async with server:
            paths = (PODS, f"{PODS}?watch=1", f"{NODES}?watch=1", f"{PODS}?resourceVersion=9999")
            clients = [asyncio.create_task(read(path)) for path in paths]
            await server.wait_for_watches(2)
            made = fault(server)
            server.create("nodes", {"metadata": {"name": "n"}})
            server.create("pods", {"metadata": {"name": "x"}})
            clients.append(asyncio.create_task(read(f"{PODS}?watch=1")))
            await asyncio.sleep(1)
            before = loop.time()
        assert loop.time() - before < 0.5
        async with asyncio.timeout(1):
            await asyncio.gather(*clients, return_exceptions=True)
    assert made.in_force


@lasting
@on_virtual_time
async def test_a_fault_that_was_healed_leaves_no_trace(fault: Callable[[ApiServer], Fault]) -> None:
    async with Bench(make_server()) as bench:
        with fault(bench.server) as made:
            assert made.in_force
        assert not made.in_force
        bench.create("x")
        stream = await bench.watch(resourceVersion="", sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
        assert (await stream.next())["object"]["metadata"]["labels"] == {"x": "1"}
        status, body = await bench.ask()
        assert (status, len(body["items"])) == (200, 1)
        assert await bench.status("/apis/example.com/v1/widgets") == 200
        assert await stream.is_silent()


@lasting
@on_virtual_time
async def test_healing_the_server_heals_everything(fault: Callable[[ApiServer], Fault]) -> None:
    async with Bench(make_server()) as bench:
        made = [fault(bench.server), bench.server.on("nodes").stall(new_requests=True)]
        bench.server.heal()
        assert [each.in_force for each in made] == [False, False]
        assert await bench.status() == await bench.status(NODES) == 200


@on_virtual_time
async def test_healing_a_part_heals_what_was_made_for_just_that_part() -> None:
    async with Bench() as bench:
        server = bench.server
        everything = server.respond(500, times=None)
        pods, mine = server.on("pods").slow(1), server.on("pods", client="me").slow(1)
        narrower = server.on("pods").revoke("a", verb="list")
        server.on("pods").heal()
        assert [each.in_force for each in (everything, pods, mine, narrower)] == [True, False, True, False]


@on_virtual_time
async def test_faults_made_before_the_server_runs_are_in_force_when_it_does_and_when_it_comes_back() -> None:
    server = make_server()
    server.on("pods").respond(500, times=2)
    fault = server.on("nodes").revoke()
    for expected in ([500, 403], [500, 403], [200, 403]):
        async with Bench(server) as bench:
            assert [await bench.status(PODS), await bench.status(NODES)] == expected
    assert fault.in_force


DONE_AT_ONCE: dict[str, Callable[[ApiServer], object]] = {
    "cut": lambda server: server.cut(),
    "cut in mid-line": lambda server: server.cut(mid_line=True),
    "end_cleanly": lambda server: server.end_cleanly(),
    "emit_error": lambda server: server.emit_error(500),
    "expire_history": lambda server: server.expire_history(),
    "expire_tokens": lambda server: server.expire_tokens(),
    "send_bookmarks": lambda server: server.send_bookmarks(),
}


@pytest.mark.parametrize("act", [*LASTING.values(), *DONE_AT_ONCE.values()], ids=[*LASTING, *DONE_AT_ONCE])
def test_verbs_may_be_used_while_the_loop_stands_still(act: Callable[[ApiServer], object]) -> None:
    """As from a test that is synchronous itself, and runs its loop only now and then."""
    server = make_server()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        bench = Bench(server)
        runner.run(bench.__aenter__())
        runner.run(bench.watch())
        act(server)
        runner.run(asyncio.sleep(1))
        server.heal()
        runner.run(asyncio.sleep(1))
        with server.on("nodes").slow(1):
            assert runner.run(bench.status("/apis/example.com/v1/widgets")) in (200, 401)
        runner.run(bench.__aexit__())


@on_virtual_time
async def test_a_stalled_client_that_gives_up_leaves_no_task_behind() -> None:
    async with Bench() as bench:
        before = asyncio.all_tasks()
        bench.server.stall(new_requests=True)
        assert await bench.is_unanswered()
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == before


def test_what_is_done_at_once_returns_nothing() -> None:
    server = ApiServer()
    done: list[object] = [
        server.cut(),  # type: ignore[func-returns-value]
        server.end_cleanly(),
        server.emit_error(500),  # type: ignore[func-returns-value]
        server.expire_history(),  # type: ignore[func-returns-value]
        server.expire_tokens(),  # type: ignore[func-returns-value]
    ]
    assert done == [None] * 5


def test_an_unknown_resource_is_no_part() -> None:
    with pytest.raises(LookupError):
        ApiServer().on("widgets")


@on_virtual_time
async def test_watches_are_the_requests_that_opened_them() -> None:
    async with Bench() as bench:
        await bench.watch("/api/v1/namespaces/a/pods", client="me")
        await bench.watch(NODES)
        (watch,) = bench.server.watches("pods")
        assert (watch.verb, watch.namespace, watch.client, watch.status) == ("watch", "a", "me", 200)
        assert len(bench.server.watches()) == 2


@on_virtual_time
async def test_a_custom_resource_is_uninstalled_and_installed_again() -> None:
    path = "/apis/example.com/v1/widgets"
    async with Bench(make_server()) as bench:
        bench.server.create("widgets", {"metadata": {"name": "w"}})
        stream = await bench.watch(path)
        with bench.server.uninstall("widgets"):
            assert await stream.name() == ("DELETED", "w")
            assert await stream.rest() == b""
            async with bench.session.get(bench.server.url + path) as response:
                assert (response.status, await response.text()) == (404, "404 page not found\n")
        status, body = await bench.ask(path)
        assert (status, body["items"]) == (200, [])
