"""The ceilings: the same bytes read by a socket, by aiohttp and by our transport, with nothing done to them but counting newlines."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer.transport import Transport
from benchmarks.result import Span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["LIST", "STREAM", "WATCH", "aiohttp_span", "socket_span", "transport_span"]

WATCH = "/api/v1/pods?watch=true&resourceVersion=2000000"
STREAM = "/api/v1/pods?watch=true&sendInitialEvents=true"
LIST = "/api/v1/pods?limit=500"
READ = 256 * 1024
NEWLINES_PER_EVENT = 3
"""The event's own, and those of the two ends of its chunk."""


async def aiohttp_span(url: str, events: int) -> Span:
    """The time from the first bytes of a watch to the last of so many events."""
    async with (
        aiohttp.ClientSession(read_bufsize=READ) as session,
        session.get(url, timeout=aiohttp.ClientTimeout()) as answer,
    ):
        return await _counted(answer.content.readany, events)


async def transport_span(url: str, events: int) -> Span:
    """As ``aiohttp_span``, by what informers read with."""
    target = urlsplit(url)
    host = f"{target.scheme}://{target.netloc}"
    async with (
        ApiClient(Configuration(host=host)) as client,
        Transport(client) as transport,
        transport.get(target.path, dict(parse_qsl(target.query))) as body,
    ):
        return await _counted(body.read, events)


async def _counted(read: Callable[[], Awaitable[bytes]], events: int) -> Span:
    chunk = await read()
    started, seen = Span.now(), 0
    while chunk:
        seen += chunk.count(b"\n")
        if seen >= events:
            return started.elapsed()
        chunk = await read()
    raise RuntimeError(f"the watch ended after {seen} of {events} events")


def socket_span(url: str, events: int) -> Span:
    """As ``aiohttp_span``, by a blocking socket that does not even take the chunks apart."""
    target = urlsplit(url)
    with socket.create_connection((target.hostname, target.port)) as connection:
        connection.sendall(b"GET %b?%b HTTP/1.1\r\n\r\n" % (target.path.encode(), target.query.encode()))
        buffer = bytearray(READ)
        connection.recv_into(buffer, 1)
        started, seen = Span.now(), 0
        while size := connection.recv_into(buffer):
            seen += buffer.count(b"\n", 0, size)
            if seen >= events * NEWLINES_PER_EVENT:
                return started.elapsed()
    raise RuntimeError(f"the watch ended after {seen // NEWLINES_PER_EVENT} of {events} events")
