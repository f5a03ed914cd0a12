from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from aioinformer.errors import ConfigurationError, MalformedResponse, NetworkError
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from aioinformer.reflector import Body
    from tests.conftest import ClientOf, Serve

PATH = "/api/v1/pods"


async def empty_list(request: web.Request) -> web.Response:
    return web.json_response({"kind": "PodList", "items": []})


async def drained(body: Body) -> None:
    while await body.read():
        pass


async def test_a_server_is_known_by_its_address_and_a_password_is_not_part_of_it(client_of: ClientOf) -> None:
    """Proxies tell clusters apart by path."""
    async with Transport(client_of("https://me:secret@rancher:8443/k8s/clusters/c-1/")) as transport:
        assert transport.server == "https://rancher:8443/k8s/clusters/c-1"


async def raw_server(reply: bytes) -> tuple[asyncio.Server, str]:
    """A server that gives the same bytes to anybody and hangs up."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class TestStreams:
    async def test_what_has_arrived_can_be_read_while_the_rest_is_still_to_come(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        go_on = asyncio.Event()

        async def watch(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b"first")
            await go_on.wait()
            await response.write(b"second")
            return response

        async with Transport(client_of(await serve(watch))) as transport, transport.get(PATH) as body:
            assert await body.read() == b"first"
            waiting = asyncio.ensure_future(body.read())
            go_on.set()
            assert await waiting == b"second"
            assert await body.read() == b""

    async def test_leaving_an_unread_body_closes_its_connection(self, serve: Serve, client_of: ClientOf) -> None:
        cancelled = asyncio.Event()

        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return response

        async with Transport(client_of(await serve(endless))) as transport:
            async with transport.get(PATH):
                pass
            await asyncio.wait_for(cancelled.wait(), 5)

    async def test_a_body_read_to_its_end_gives_its_connection_back(self, serve: Serve, client_of: ClientOf) -> None:
        peers: list[Any] = []

        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            peers.append(request.transport.get_extra_info("peername"))
            return await empty_list(request)

        async with Transport(client_of(await serve(handler))) as transport:
            for _ in range(3):
                assert json.loads(await transport.read(PATH))["kind"] == "PodList"
        assert len(set(peers)) == 1

    async def test_a_reset_in_the_middle_is_a_network_error(self, serve: Serve, client_of: ClientOf) -> None:
        async def reset(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b"first")
            assert isinstance(request.transport, asyncio.Transport)
            request.transport.abort()
            return response

        async with Transport(client_of(await serve(reset))) as transport, transport.get(PATH) as body:
            with pytest.raises(NetworkError, match="the connection broke"):
                await drained(body)

    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ],
        ids=["hangs up", "no HTTP", "too short", "broken chunk", "endless header", "broken gzip"],
    )
    async def test_broken_http_is_a_network_error(self, client_of: ClientOf, reply: bytes) -> None:
        server, url = await raw_server(reply)
        async with server, Transport(client_of(url)) as transport:
            with pytest.raises(NetworkError):
                await transport.read(PATH)

    async def test_nobody_listening_is_a_network_error_that_names_the_server(self, client_of: ClientOf) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # bound, but not listening
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            async with Transport(client_of(url)) as transport:
                with pytest.raises(NetworkError, match=url):
                    await transport.read(PATH)

    async def test_a_server_that_never_answers_is_given_up(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def silent(request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr("aioinformer.transport.ANSWER_TIMEOUT", 0.05)
        async with Transport(client_of(await serve(silent))) as transport:
            with pytest.raises(NetworkError, match="no answer"):
                async with transport.get(PATH):
                    pass

    async def test_a_document_that_stops_half_way_is_given_up(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody else bounds the reading of a discovery document, and every look-up waits for it."""

        async def stalling(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"kind":')
            await asyncio.Event().wait()
            return response

        monkeypatch.setattr("aioinformer.transport.ANSWER_TIMEOUT", 0.05)
        async with Transport(client_of(await serve(stalling))) as transport:
            with pytest.raises(NetworkError):
                await asyncio.wait_for(transport.read(PATH), 3)

    async def test_a_document_without_end_is_given_up(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aioinformer.transport.MAX_DOCUMENT", 100_000)
        written = 0

        async def endless(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            while True:
                await response.write(b" " * 10_000)
                written += 10_000

        async with Transport(client_of(await serve(endless))) as transport:
            with pytest.raises(MalformedResponse, match=f"{PATH} is longer than 100000 bytes"):
                await transport.read(PATH)
        assert written < 20_000_000

    @pytest.mark.parametrize(
        "host", ["http://[::1", "ftp://127.0.0.1", "nonsense", "http://127.0.0.1:99999", "http://" + "a" * 70]
    )
    async def test_an_address_that_is_none_is_for_somebody_to_mend(self, client_of: ClientOf, host: str) -> None:
        async with Transport(client_of(host)) as transport:
            with pytest.raises(ConfigurationError, match="server, proxy or default headers"):
                await transport.read(PATH)

    async def test_a_header_with_a_line_break_is_for_somebody_to_mend(self, serve: Serve, client_of: ClientOf) -> None:
        client = client_of(await serve(empty_list), token="canary\nX-Other: header")
        async with Transport(client) as transport:
            with pytest.raises(ConfigurationError, match="default headers") as refused:
                await transport.read(PATH)
        assert "canary" not in repr(refused.value)
