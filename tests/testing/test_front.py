"""The front: HTTP that can be shut and opened."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from aioinformer.testing.front import Front

HOST = "127.0.0.1"


class Doorman:
    """Answers at once, except who asks to wait."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.dismissed = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/wait":
            self.waiting.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.dismissed += 1
        return web.Response(text="come in")


async def fetched(session: aiohttp.ClientSession, front: Front, path: str = "/") -> str:
    async with session.get(f"http://{HOST}:{front.port}{path}") as response:
        return await response.text()


async def test_it_answers_while_it_is_open() -> None:
    front = Front(HOST, 0, Doorman().handle)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await fetched(session, front)
        front.open()
        assert await fetched(session, front) == "come in"
    await front.aclose()


async def test_shutting_resets_connections_in_use_and_idle_ones() -> None:
    doorman = Doorman()
    front = Front(HOST, 0, doorman.handle)
    front.open()
    async with aiohttp.ClientSession() as session:
        assert await fetched(session, front) == "come in"  # its connection is kept
        waiting = asyncio.create_task(fetched(session, front, "/wait"))
        await doorman.waiting.wait()
        front.shut()
        with pytest.raises(aiohttp.ClientOSError):
            await waiting
        assert doorman.dismissed == 1
        with pytest.raises(aiohttp.ClientConnectorError):
            await fetched(session, front)
        front.open()
        assert await fetched(session, front) == "come in"
    await front.aclose()


async def test_closing_ends_whoever_still_waits() -> None:
    doorman = Doorman()
    front = Front(HOST, 0, doorman.handle)
    front.open()
    async with aiohttp.ClientSession() as session:
        waiting = asyncio.create_task(fetched(session, front, "/wait"))
        await doorman.waiting.wait()
        before = asyncio.get_running_loop().time()
        await front.aclose()
        assert asyncio.get_running_loop().time() - before < 1
        with pytest.raises(aiohttp.ClientError):
            await waiting
    assert doorman.dismissed == 1
