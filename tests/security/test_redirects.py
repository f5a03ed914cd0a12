"""No redirect is followed: it would carry the credentials to wherever it points."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from aioinformer import SharedInformerFactory
from aioinformer.errors import APIError
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from tests.conftest import ClientOf, Serve
    from tests.security.certificates import Certificates
    from tests.security.overhearing import Overheard

PATH = "/api/v1/pods"


class Redirecting:
    """Sends everybody to ``target``; what arrives on another path was sent after a redirect."""

    def __init__(self, status: int = 307, target: str = "") -> None:
        self.status = status
        self.target = target
        self.paths: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        return web.Response(status=self.status, headers={"Location": self.target or "/elsewhere"})


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("where", ["same host", "other host", "other scheme", "other user"])
async def test_a_redirect_is_an_error_and_nobody_else_hears_of_the_request(
    serve: Serve, client_of: ClientOf, certificates: Certificates, status: int, where: str
) -> None:
    elsewhere = Redirecting()
    other = await serve(elsewhere)
    secure = await serve(elsewhere, tls=certificates.server("IP:127.0.0.1")) if where == "other scheme" else ""
    target = {
        "same host": "/elsewhere",
        "other host": f"{other}/elsewhere",
        "other scheme": f"{secure}/elsewhere",
        "other user": other.replace("://", "://user:password@") + "/elsewhere",
    }[where]
    first = Redirecting(status, target)
    async with Transport(client_of(await serve(first), token="t", ssl_ca_cert=certificates.authority)) as transport:
        with pytest.raises(APIError) as refused:
            await transport.read(PATH)
    assert refused.value.status == status
    assert "redirects are not followed" in str(refused.value)
    assert "elsewhere" not in str(refused.value)
    assert (first.paths, elsewhere.paths) == ([PATH], [])


async def test_nor_is_one_that_comes_after_a_401(serve: Serve, client_of: ClientOf) -> None:
    elsewhere, asked = Redirecting(), list[str]()
    target = await serve(elsewhere)

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Authorization"])
        status = 401 if len(asked) == 1 else 308
        return web.Response(status=status, headers={"Location": f"{target}{PATH}"})

    async def refresh() -> None:
        client.configuration.api_key["BearerToken"] = "Bearer new"

    client = client_of(await serve(handler), token="old")
    async with Transport(client, refresh) as transport:
        with pytest.raises(APIError, match="308 Redirect"):
            await transport.read(PATH)
    assert asked == ["Bearer old", "Bearer new"]
    assert elsewhere.paths == []


async def test_an_informer_that_is_redirected_says_so_and_stays_where_it_is(
    serve: Serve, client_of: ClientOf, overheard: Overheard
) -> None:
    elsewhere = Redirecting()
    first = Redirecting(302, await serve(elsewhere))
    async with SharedInformerFactory(client_of(await serve(first), token="t")) as factory:
        informer = factory.informer("pods")
        await overheard.attempt_over.wait()
        assert "302 Redirect: redirects are not followed" in informer.explain_sync()
        for _ in range(10):
            await asyncio.sleep(0)
    assert elsewhere.paths == []
