"""Leaving the factory takes no time, whatever its informers wait for: the virtual clock does not move.

What it takes by the clock on the wall is printed (`pytest -rP`).
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import SharedInformerFactory
from tests.conformance.middleman import bookmark, event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
END = bookmark("5", ends="true")


def added(version: int) -> bytes:
    metadata = {"name": f"c{version}", "namespace": "d", "uid": f"u{version}", "resourceVersion": str(version)}
    return event("ADDED", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})


def refusal(status: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status


FLOOD = 20_000
MOMENTS = {
    "the TLS handshake": b"",
    "an answer": b"",
    "an answer about a name": b"",
    "the rest of a list": OK + b'{"kind":"ConfigMapList","items":[',
    "the rest of a streamed list": OK + added(1),
    "the rest of a line": OK + END + added(6)[:40],
    "events": OK + END,
    "the slow end of the backoff": refusal(b"403 Forbidden"),
    "Retry-After": refusal(b"429 Too Many Requests\r\nRetry-After: 600"),
    "credentials": b"",
    "its own cache, in a flood of events": OK + END + b"".join(added(6 + n) for n in range(FLOOD)),
}


class Mute:
    """A server that says one thing to whoever asks, and then nothing; ``connections`` are those it has."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self._says:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._says)
            while await reader.read(1 << 16):
                pass
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self.connections -= 1


@asynccontextmanager
async def listening(mute: Mute) -> AsyncGenerator[str]:
    """The address of such a server."""
    listener = await asyncio.start_server(mute.serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        await listener.wait_closed()


@asynccontextmanager
async def client_waiting_for(moment: str, address: str) -> AsyncGenerator[ApiClient]:
    """A client whose informers will wait for that."""
    configuration = Configuration(host=f"{'https' if 'TLS' in moment else 'http'}://{address}")
    if moment == "credentials":
        configuration.api_key["BearerToken"] = "expired"

        async def hangs(_: Any) -> None:
            await asyncio.Event().wait()

        configuration.refresh_api_key_hook = hangs
    async with ApiClient(configuration) as client:
        yield client


async def leave_while_waiting(client: ApiClient, moment: str) -> tuple[float, float]:
    """Virtual and real seconds that leaving takes."""
    before = asyncio.all_tasks()
    async with SharedInformerFactory(client) as factory:
        name = "gizmos" if "name" in moment else "configmaps"
        informer = factory.informer(name, initial_list="consistent" if moment.endswith("a list") else "stream")
        events = informer.events()
        if "flood" in moment:
            await informer.wait_for_version("100")
        else:
            await asyncio.sleep(1)
        virtual, real = asyncio.get_running_loop().time(), time.perf_counter()
    took = asyncio.get_running_loop().time() - virtual, time.perf_counter() - real
    assert asyncio.all_tasks() == before
    assert len(informer) < FLOOD
    async for _ in events:  # ends, rather than waits
        pass
    return took


@pytest.mark.parametrize("moment", MOMENTS)
async def test_leaving_takes_no_time_while_it_waits_for(moment: str) -> None:
    """No virtual time passes, no task and no connection is left."""
    mute = Mute(MOMENTS[moment])
    async with listening(mute) as address, client_waiting_for(moment, address) as client:
        virtual, real = await leave_while_waiting(client, moment)
        await asyncio.sleep(1)
        assert mute.connections == 0
    print(f"left in {real * 1000:.1f} ms while waiting for {moment}")  # noqa: T201  # a figure for a person
    assert virtual == 0.0


async def test_leaving_takes_no_time_while_it_waits_for_a_connection() -> None:
    """Nobody accepts: the first handshake packet is never answered."""
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        with closing(socket.create_connection(address)):  # fills the queue
            async with ApiClient(Configuration(host=f"http://127.0.0.1:{address[1]}")) as client:
                virtual, real = await leave_while_waiting(client, "a connection")
    print(f"left in {real * 1000:.1f} ms while waiting for a connection")  # noqa: T201  # a figure for a person
    assert virtual == 0.0
