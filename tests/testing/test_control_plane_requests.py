"""control_plane_requests.py: what is asked of etcd and the API server, against an etcd that only counts."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aioinformer.testing.control_plane_binaries import ControlPlaneError
from aioinformer.testing.control_plane_requests import FAILURES, compact, probe_api_server, probe_etcd
from aioinformer.testing.control_plane_site import Site, free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@asynccontextmanager
async def etcd(directory: Path, calls: list[tuple[str, str]], *, status: int = 200) -> AsyncGenerator[Site]:
    """A site whose etcd writes down what it is asked and gives out revisions from 41."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        value = base64.b64decode(body.get("value", "")).decode() or body.get("revision", "")
        calls.append((request.path, value))
        return web.json_response({"header": {"revision": str(40 + len(calls))}}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port is not None
        (api_port,) = free_ports(1)
        yield Site(directory, api_port, server.port)


async def test_compaction_is_announced_twice_and_then_done(tmp_path: Path) -> None:
    """The second announcement puts the newest revision out of reach, and that is the one compacted to."""
    calls: list[tuple[str, str]] = []
    async with etcd(tmp_path, calls) as site:
        assert await compact(site) == 42
    assert calls == [("/v3/kv/put", "0"), ("/v3/kv/put", "42"), ("/v3/kv/compaction", "42")]


async def test_an_etcd_that_refuses_is_an_error_that_names_the_call(tmp_path: Path) -> None:
    """A failed compaction is not taken for a done one."""
    async with etcd(tmp_path, [], status=500) as site:
        with pytest.raises(ControlPlaneError, match="etcd did not carry out kv/put"):
            await compact(site)
        with pytest.raises(FAILURES):
            await probe_etcd(site)


async def test_a_healthy_etcd_passes_its_probe_and_an_absent_api_server_does_not(tmp_path: Path) -> None:
    """Probes return or raise one of FAILURES; a CA file that is not written yet is one, too."""
    async with etcd(tmp_path, []) as site:
        await probe_etcd(site)
        with pytest.raises(FAILURES):
            await probe_api_server(site)
