"""A server on virtual time and a client that hides nothing, to see what faults do on the wire."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, Self

import aiohttp

from aioinformer.testing import ApiServer
from aioinformer.testing.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

P = ParamSpec("P")
PODS, NODES = "/api/v1/pods", "/api/v1/nodes"
LONG = 600.0  # seconds


def on_virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on a loop whose time is virtual, and fail it for what it leaves running or has logged as an error."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def checked() -> None:
            before = asyncio.all_tasks()
            await test(*args, **kwargs)
            assert asyncio.all_tasks() == before

        with _silence(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(checked())

    return run


@contextmanager
def _silence() -> Iterator[None]:
    """Neither the HTTP server nor asyncio has anything to complain of."""
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("aiohttp", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert complaints == []


@dataclass
class Stream:
    """An open watch."""

    response: aiohttp.ClientResponse

    async def next(self) -> dict[str, Any]:
        """The next event, whole."""
        line = await self.response.content.readline()
        assert line.endswith(b"\n"), f"the stream ended after {line!r}"
        event: dict[str, Any] = json.loads(line)
        return event

    async def name(self) -> tuple[str, str]:
        """The type of the next event, and its object's name or (of a bookmark) version."""
        event = await self.next()
        metadata = event["object"]["metadata"]
        return event["type"], metadata.get("name") or metadata["resourceVersion"]

    async def rest(self) -> bytes:
        """All that comes until the end."""
        return await self.response.content.read()

    async def within(self, seconds: float) -> bytes:
        """The bytes that come next, if any come in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self.response.content.readany()
        except TimeoutError:
            return b""

    async def is_silent(self) -> bool:
        """Whether nothing comes, not even an end, for a long time."""
        try:
            async with asyncio.timeout(LONG):
                await self.response.content.readany()
        except TimeoutError:
            return True
        return False


@dataclass
class Bench:
    """A server, and what its clients see."""

    server: ApiServer = field(default_factory=ApiServer)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.server)
            self.session = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def watch(self, path: str = PODS, *, client: str = "", **query: str) -> Stream:
        """Open a watch, from now on unless told otherwise."""
        params = {"watch": "1", "resourceVersion": self.server.resource_version, **query}
        response = await self.open(path, client=client, **params)
        assert response.status == 200, await response.text()
        return Stream(response)

    async def open(self, path: str = PODS, *, client: str = "", **query: str) -> aiohttp.ClientResponse:
        """A response whose body is still to come; closed in the end."""
        headers = {"User-Agent": client or "test"}
        response = await self.session.get(self.server.url + path, params=query, headers=headers)
        self._stack.callback(response.close)
        return response

    async def ask(self, path: str = PODS, *, client: str = "", **query: str) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        response = await self.open(path, client=client, **query)
        body: dict[str, Any] = json.loads(await response.text())
        return response.status, body

    async def status(self, path: str = PODS, *, client: str = "", **query: str) -> int:
        """The status of an answer."""
        response = await self.open(path, client=client, **query)
        await response.read()
        return response.status

    async def is_unanswered(self, path: str = PODS, *, client: str = "") -> bool:
        """Whether there is no answer to a request for a long time."""
        try:
            async with asyncio.timeout(LONG):
                await self.ask(path, client=client)
        except TimeoutError:
            return True
        return False

    def create(self, *names: str) -> None:
        """Make pods."""
        for name in names:
            self.server.create("pods", {"metadata": {"name": name, "labels": {"x": "1"}}})
