"""Bodies on the wire, over a socket of their own: short ones whole, long ones in pieces."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from aioinformer.testing import answers
from aioinformer.testing.conditions import Slowed
from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.link import Link
from aioinformer.testing.requests import Journal, Request
from aioinformer.testing.statuses import ApiServerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


@asynccontextmanager
async def served(pieces: Sequence[bytes], *slowed: Slowed, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    faults = Faults(lambda: None)
    for fault in slowed:
        faults.begin(fault)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        link = Link(Request("GET", "/", "get"), request.transport, faults=faults, journal=Journal())
        return await answers.parts(request, pieces, link)

    async with (
        RawTestServer(handle, host="127.0.0.1") as server,
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(server.make_url("/"), headers=headers) as response,
    ):
        yield response


async def test_a_short_body_has_a_length() -> None:
    async with served([b"[1", b",2]"], **{"Accept-Encoding": "gzip"}) as response:
        assert await response.read() == b"[1,2]"
        assert response.headers["Content-Length"] == "5"
        assert "Content-Encoding" not in response.headers


async def test_a_short_body_over_a_slow_link_comes_in_chunks() -> None:
    async with served([b"[1", b",2]"], Slowed(Target(), 1e9), **{"Accept-Encoding": "gzip"}) as response:
        assert await response.read() == b"[1,2]"
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate", "gzip"), ("identity", None)])
async def test_a_long_body_comes_in_chunks(accepted: str, encoding: str | None) -> None:
    pieces = [b"x" * 50_000] * 5
    async with served(pieces, **{"Accept-Encoding": accepted}) as response:
        body = await response.read()
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers.get("Content-Encoding") == encoding
        assert (len(body) == 250_000) is (encoding is None)


def test_an_error_may_tell_when_to_come_back() -> None:
    told = answers.error(ApiServerError(503, details={"retryAfterSeconds": 3}))
    assert (told.status, told.headers["Retry-After"]) == (503, "3")
    assert "Retry-After" not in answers.error(ApiServerError(503)).headers
