"""How responses stall, trickle, and lose their connection. Time is virtual."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing.conditions import Refused, Slowed, Stalled
from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.link import Link, Links, reset
from aioinformer.testing.requests import Journal, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable

pytestmark = pytest.mark.looptime


class Wire(asyncio.Transport):
    """A transport that only remembers whether it was closed, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.ended_by = ""

    def abort(self) -> None:
        self.ended_by = self.ended_by or "abort"

    def close(self) -> None:
        self.ended_by = self.ended_by or "close"

    def is_closing(self) -> bool:
        return bool(self.ended_by)


class Bench:
    """A link, with what has been written to it and when."""

    def __init__(self, number: int = 1) -> None:
        journal = Journal()
        self.faults = Faults(journal.changed)
        self.wire = Wire()
        self.link = Link(Request("GET", "/", "get", number=number), self.wire, faults=self.faults, journal=journal)
        self.written: list[tuple[float, bytes]] = []

    async def write(self, data: bytes) -> None:
        self.written.append((round(asyncio.get_running_loop().time(), 3), data))

    async def send(self, data: bytes) -> None:
        await self.link.send(self.write, data)

    @property
    def text(self) -> bytes:
        return b"".join(data for _, data in self.written)


async def begun(awaitable: Awaitable[Any]) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(awaitable)
    assert isinstance(task, asyncio.Task)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def cancelled(task: asyncio.Task[Any]) -> None:
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_without_faults_all_is_written_at_once() -> None:
    bench = Bench()
    await bench.send(b"abc")
    assert bench.written == [(0, b"abc")]


async def test_a_stalled_link_sends_nothing_until_healed() -> None:
    bench = Bench()
    stalled = bench.faults.begin(Stalled(Target(), None))
    sending = await begun(bench.send(b"abc"))
    await asyncio.sleep(1e6)
    assert bench.written == []
    stalled.heal()
    await sending
    assert bench.text == b"abc"


async def test_a_link_is_stalled_as_long_as_any_fault_says_so() -> None:
    bench = Bench()
    first, second = (bench.faults.begin(Stalled(Target(), None)) for _ in range(2))
    waiting = await begun(bench.link.clear())
    second.heal()
    await asyncio.sleep(1)
    assert not waiting.done()
    first.heal()
    await waiting


async def test_a_link_that_is_not_meant_is_clear() -> None:
    bench = Bench(number=2)
    bench.faults.begin(Stalled(Target(), 1))
    await bench.link.clear()


@pytest.mark.parametrize(
    ("rate", "written"),
    [
        (20, [(0, b"ab"), (0.1, b"cd"), (0.2, b"e")]),
        (1, [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d"), (4, b"e")]),
        (1000, [(0, b"abcde")]),
    ],
)
async def test_a_slow_link_keeps_to_its_rate(rate: float, written: list[tuple[float, bytes]]) -> None:
    bench = Bench()
    bench.faults.begin(Slowed(Target(), rate))
    assert bench.link.is_slow
    await bench.send(b"abcde")
    assert bench.written == written


async def test_the_rate_holds_from_one_piece_to_the_next() -> None:
    bench = Bench()
    bench.faults.begin(Slowed(Target(), 10))
    await bench.send(b"a")
    await bench.send(b"b")
    assert bench.written == [(0, b"a"), (0.1, b"b")]


async def test_a_slow_link_that_is_healed_sends_the_rest_at_once() -> None:
    bench = Bench()
    slowed = bench.faults.begin(Slowed(Target(), 1))
    sending = await begun(bench.send(b"abcde"))
    await asyncio.sleep(0.5)
    slowed.heal()
    await sending
    assert bench.written == [(0, b"a"), (0.5, b"bcde")]
    assert not bench.link.is_slow


async def test_a_slow_link_may_stall() -> None:
    bench = Bench()
    bench.faults.begin(Slowed(Target(), 1))
    sending = await begun(bench.send(b"ab"))
    stalled = bench.faults.begin(Stalled(Target(), None))
    await asyncio.sleep(10)
    assert bench.text == b"a"
    stalled.heal()
    await sending
    assert bench.text == b"ab"


@pytest.mark.parametrize("hold", [Stalled(Target(), None), Slowed(Target(), 1)])
async def test_what_is_held_up_can_be_cancelled(hold: Stalled | Slowed) -> None:
    bench = Bench()
    bench.faults.begin(hold)
    await cancelled(await begun(bench.send(b"ab")))


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    """Writing would be an error; the cancellation that follows the loss of a connection is on its way."""
    bench = Bench()
    bench.link.drop()
    await cancelled(await begun(bench.send(b"a")))
    assert bench.written == []


async def test_a_request_may_be_refused() -> None:
    bench = Bench()
    assert not bench.link.is_refused
    bench.faults.begin(Refused(Target()))
    assert bench.link.is_refused


async def test_a_reset_drops_the_connection_and_waits_for_the_end() -> None:
    bench = Bench()
    task = await begun(bench.link.reset())
    assert bench.wire.ended_by == "abort"
    await cancelled(task)


async def test_hanging_up_sends_what_was_written_and_waits_for_the_end() -> None:
    bench = Bench()
    task = await begun(bench.link.hang_up())
    assert bench.wire.ended_by == "close"
    await cancelled(task)


async def test_those_who_wait_at_a_fault_are_dropped_and_the_others_are_not() -> None:
    links, held, free = Links(), Bench(), Bench()
    with links.open(held.link), links.open(free.link):
        held.faults.begin(Stalled(Target(), None))
        waiting = await begun(held.link.clear())
        links.drop_held()
        assert (held.wire.ended_by, free.wire.ended_by) == ("abort", "")
        await cancelled(waiting)


async def test_the_meant_requests_are_reset_while_they_are_under_way() -> None:
    links, meant, over, other = Links(), Bench(1), Bench(1), Bench(2)
    with links.open(over.link):
        pass
    with links.open(meant.link), links.open(other.link):
        links.reset(Target(number=1))
    assert [bench.wire.ended_by for bench in (meant, over, other)] == ["abort", "", ""]


def test_a_connection_that_is_none_needs_no_reset() -> None:
    reset(None)


@pytest.mark.looptime(False)
async def test_a_reset_is_a_tcp_reset() -> None:
    """And not an orderly end, which the other side might take for the end of a body."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
        reset(transport)
        reset(transport)
        await asyncio.sleep(0)
        linger = accepted.fileno() < 0 or accepted.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert linger in (True, struct.pack("ii", 1, 0))
        client.setblocking(True)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(client.recv, 1)
