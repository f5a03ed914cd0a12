"""An HTTP proxy between the library and a cluster, by which a test changes what passes. Any backend can stand behind it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from aioinformer.bell import Bell
from tests.hanging_up import hanging_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self

    from kubernetes_asyncio.client import Configuration

Kind: TypeAlias = Literal["list", "page", "stream", "watch"]
"""A list from its beginning, a further page of it, a watch that begins with the initial objects, or one from a version."""

WANTED = ("Authorization", "Accept")
"""The request's headers that go on to the cluster."""


@dataclass(frozen=True)
class Answer:
    """A response of the middleman's own."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def status(code: int, reason: str = "", **fields: Any) -> dict[str, Any]:
    """A ``Status`` as API servers word failures."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, **fields}


def refusal(code: int, reason: str = "", **fields: Any) -> Answer:
    """An HTTP failure with its ``Status``."""
    return Answer(code, msgspec.json.encode(status(code, reason, **fields)))


def event(kind: str, document: Mapping[str, Any]) -> bytes:
    """A line of a watch."""
    return msgspec.json.encode({"type": kind, "object": document}) + b"\n"


def error(code: int, reason: str = "") -> bytes:
    """The line with which a server ends a watch that it cannot go on with."""
    return event("ERROR", status(code, reason))


def bookmark(version: str, *, ends: str | None = None) -> bytes:
    """A bookmark; ``ends``: the value of the annotation about the end of the initial events."""
    annotations = {} if ends is None else {"annotations": {"k8s.io/initial-events-end": ends}}
    return event(
        "BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": version, **annotations}}
    )


def ends_snapshot(line: bytes) -> bool:
    """Whether a line says that the initial events are over."""
    return b'"BOOKMARK"' in line and b"initial-events-end" in line


@dataclass(frozen=True)
class Asked:
    """A request for a collection, as the library sent it."""

    kind: Kind
    query: dict[str, str]
    at: float
    """Seconds by the loop's clock."""

    @property
    def version(self) -> str | None:
        """The resource version that it names."""
        return self.query.get("resourceVersion")


@dataclass
class Twist:
    """What becomes of the next ``times`` requests of a kind: other parameters (``None``: none), or an answer at once."""

    kind: Kind
    query: Mapping[str, str | None]
    answer: Answer | None
    times: float


class Passing:
    """A watch that passes through, whole lines at a time."""

    def __init__(self, middleman: Middleman, request: web.Request, response: web.StreamResponse) -> None:
        self._middleman = middleman
        self._transport = request.transport
        self._response = response
        self._kept: list[bytes] = []
        self._pump: asyncio.Task[None] | None = None

    async def send(self, *lines: bytes) -> None:
        """Pass lines of the test's own."""
        await self._response.write(b"".join(lines))

    async def release(self) -> None:
        """Pass what ``Middleman.keeps`` kept back."""
        kept, self._kept = self._kept, []
        await self.send(*kept)

    def end(self) -> None:
        """End the watch without an error."""
        assert self._pump is not None
        self._pump.cancel()

    async def cut(self, rest: bytes = b"") -> None:
        """Send the beginning of something, then reset the connection."""
        if rest:
            await self.send(rest)
            await asyncio.sleep(0)
        assert self._transport is not None
        self._transport.abort()

    async def relay(self, upstream: aiohttp.StreamReader) -> None:
        """Pass lines until either side ends."""
        self._pump = asyncio.ensure_future(self._lines(upstream))
        try:
            await asyncio.wait({self._pump})
        finally:
            self._pump.cancel()

    async def _lines(self, upstream: aiohttp.StreamReader) -> None:
        rest = b""
        async for chunk in upstream.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self._line(line + b"\n")

    async def _line(self, line: bytes) -> None:
        middleman = self._middleman
        if middleman.keeps(line):
            self._kept.append(line)
            middleman.kept.append(line)
        else:
            await self.send(middleman.edit(line))
            middleman.passed.append(line)
        middleman.changed.ring()


class Middleman:
    """Passes requests on to the cluster of ``configuration`` and answers back.

    ``asked`` are the requests for collections so far, ``watches`` the open ones, ``passed`` the list bodies and lines that
    were passed back, ``kept`` the lines that were not. ``rephrase`` changes the parameters of
    all requests, ``edit`` lines and list bodies on their way back; ``keeps`` says which lines wait for ``Passing.release``.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._target = str(configuration.host).rstrip("/")
        self._ca_file = configuration.ssl_ca_cert
        self._stack = AsyncExitStack()
        self._twists: list[Twist] = []
        self.asked: list[Asked] = []
        self.watches: list[Passing] = []
        self.passed: list[bytes] = []
        self.kept: list[bytes] = []
        self.changed = Bell()
        self.keeps: Callable[[bytes], bool] = lambda _: False
        self.edit: Callable[[bytes], bytes] = lambda passing: passing
        self.rephrase: Callable[[dict[str, str]], dict[str, str]] = lambda query: query

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        connector = aiohttp.TCPConnector(ssl=tls, limit=0, force_close=True)
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        )
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        server = TestServer(app)
        await server.start_server(shutdown_timeout=0)
        self._stack.push_async_callback(server.close)
        self.url = str(server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def kinds(self) -> list[Kind]:
        """Of what kind the requests were."""
        return [asked.kind for asked in self.asked]

    def rewrite(self, kind: Kind, query: Mapping[str, str | None], *, times: float = 1) -> None:
        """Set (or with ``None`` remove) parameters of the next requests of a kind."""
        self._twists.append(Twist(kind, query, None, times))

    def answer(self, kind: Kind, answer: Answer, *, times: float = 1) -> None:
        """Answer the next requests of a kind in the cluster's place."""
        self._twists.append(Twist(kind, {}, answer, times))

    async def requests(self, count: int) -> None:
        """Return as soon as so many requests for collections have come."""
        await self.changed.until(lambda: len(self.asked) >= count)

    async def watch(self) -> Passing:
        """The watch that is open, as soon as there is one."""
        await self.changed.until(lambda: bool(self.watches))
        return self.watches[-1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        asked = _asked(request)
        query: dict[str, str] = asked.query
        if "/namespaces/" in request.path:  # and not of discovery
            self.asked.append(asked)
            self.changed.ring()
            twist = self._twist(asked.kind)
            if twist is not None and twist.answer is not None:
                given = twist.answer
                return web.Response(
                    status=given.status, body=given.body, headers=dict(given.headers), content_type=given.content_type
                )
            changed = {**self.rephrase(query), **(twist.query if twist is not None else {})}
            query = {name: value for name, value in changed.items() if value is not None}
        headers = {name: request.headers[name] for name in WANTED if name in request.headers}
        answered = self._session.get(self._target + request.path, params=query, headers=headers)
        async with answered as upstream:
            with hanging_up(upstream):
                return await self._pass_back(request, upstream, "watch" in query)

    async def _pass_back(
        self,
        request: web.Request,
        upstream: aiohttp.ClientResponse,
        watched: bool,  # noqa: FBT001  # its one caller's
    ) -> web.StreamResponse:
        kind = {"Content-Type": upstream.headers["Content-Type"]}
        if not watched or not upstream.ok:
            body = await upstream.read()
            self.passed.append(body)
            return web.Response(status=upstream.status, body=self.edit(body), headers=kind)
        response = web.StreamResponse(status=upstream.status, headers=kind)
        await response.prepare(request)
        passing = Passing(self, request, response)
        self.watches.append(passing)
        self.changed.ring()
        try:
            await passing.relay(upstream.content)
        finally:
            self.watches.remove(passing)
            self.changed.ring()
        return response

    def _twist(self, kind: Kind) -> Twist | None:
        for twist in self._twists:
            if twist.kind == kind and twist.times:
                twist.times -= 1
                return twist
        return None


def _asked(request: web.Request) -> Asked:
    query = dict(request.query)
    kind: Kind = "page" if "continue" in query else "list"
    if "watch" in query:
        kind = "stream" if "sendInitialEvents" in query else "watch"
    return Asked(kind, query, asyncio.get_running_loop().time())
