"""The listening socket: who gets in, and when."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from aioinformer.testing.listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"


class Greeter(asyncio.Protocol):
    """Says hello."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[Listener]:
    listener = Listener(HOST, port, Greeter)
    try:
        yield listener
    finally:
        await listener.aclose()


async def greeting(listener: Listener) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, listener.port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_it_is_shut_until_it_is_opened() -> None:
    async with listening() as listener:
        assert not listener.is_open
        with pytest.raises(ConnectionRefusedError):
            await greeting(listener)
        listener.open()
        assert listener.is_open
        assert await greeting(listener) == b"hello"


async def test_it_opens_and_shuts_at_once_and_keeps_its_port() -> None:
    async with listening() as listener:
        port = listener.port
        for _ in range(3):
            listener.open()
            assert await greeting(listener) == b"hello"
            listener.shut()
            with pytest.raises(ConnectionRefusedError):
                await greeting(listener)
        assert listener.port == port


async def test_opening_or_shutting_twice_changes_nothing() -> None:
    async with listening() as listener:
        listener.shut()
        listener.open()
        listener.open()
        assert await greeting(listener) == b"hello"


async def test_nobody_else_gets_the_port_while_it_is_shut() -> None:
    async with listening() as listener:
        listener.open()
        listener.shut()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((HOST, listener.port))


async def test_who_had_just_connected_when_it_was_shut_is_reset() -> None:
    async with listening() as listener:
        listener.open()
        with socket.create_connection((HOST, listener.port)) as client:
            client.setblocking(False)
            listener.shut()
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(client, 1)


async def test_a_connection_that_is_half_made_when_it_is_shut_is_reset() -> None:
    """From the system's accept to the first byte, asyncio takes some turns of the loop."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    async with listening() as listener:
        for turns in range(5):
            listener.open()
            with socket.create_connection((HOST, listener.port)) as client:
                client.setblocking(False)
                for _ in range(turns):
                    await asyncio.sleep(0)
                listener.shut()
                with suppress(ConnectionResetError):  # past the last turn it was made, and greeted
                    assert await loop.sock_recv(client, 5) == b"hello"
                    continue
                assert turns < 4
    assert asyncio.all_tasks() == before


async def test_closing_waits_for_connections_half_made_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    listener = Listener(HOST, 0, Greeter)
    listener.open()
    with socket.create_connection((HOST, listener.port)):
        await asyncio.sleep(0)
        await listener.aclose()
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await greeting(listener)


async def test_after_closing_the_port_is_free() -> None:
    async with listening() as listener:
        port = listener.port
    async with listening(port) as listener:
        listener.open()
        assert await greeting(listener) == b"hello"


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with listening() as listener:
        listener.open()
        with pytest.raises(OSError, match="in use"):
            Listener(HOST, listener.port, Greeter)
