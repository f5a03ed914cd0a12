"""transport.py: a redirect would carry the credentials along, so none is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from aioinformer import APIError
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from tests.conftest import ClientOf, Serve

PATH = "/api/v1/pods"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["the same server", "another one"])
async def test_a_redirect_is_refused_and_the_credentials_stay_here(
    serve: Serve, client_of: ClientOf, status: int, where: str
) -> None:
    """Whatever its kind, and wherever it leads."""
    asked: list[str] = []

    async def target(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"kind": "PodList", "items": []})

    elsewhere = await serve(target)

    async def redirect(request: web.Request) -> web.Response:
        if request.path != PATH:
            return await target(request)
        base = elsewhere if where == "another one" else ""
        return web.Response(status=status, headers={"Location": f"{base}/elsewhere"})

    async with Transport(client_of(await serve(redirect), token="secret")) as transport:
        with pytest.raises(APIError, match="redirects are not followed") as caught:
            await transport.read(PATH)
    assert caught.value.status == status
    assert asked == []
