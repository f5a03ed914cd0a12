"""docs/fidelity.md, "Known differences": each is one, on the embedded server and on a real one; nothing is claimed by heart."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from tests.testing.conftest import Http
from tests.testing.differences import DIFFERENCES, NAMESPACE, Difference

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane


async def shown(difference: Difference, url: str, session: aiohttp.ClientSession) -> object:
    """What a server does, in a namespace that is there."""
    http = Http(session, url)
    await http("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    return await difference.shown(http)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.matter)
async def test_the_embedded_server_does_what_the_page_says(difference: Difference) -> None:
    async with ApiServer() as server, aiohttp.ClientSession() as session:
        assert await shown(difference, server.url, session) == difference.answers[0]


@pytest.mark.control_plane
@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.matter)
async def test_the_real_one_does_otherwise(difference: Difference, control_plane: ControlPlane) -> None:
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(control_plane.ca_file)))
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        assert await shown(difference, control_plane.url, session) == difference.answers[1]
