from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import errors
from aioinformer.errors import APIError, MalformedResponse, NetworkError
from aioinformer.transport import Transport, _retry_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aioinformer.transport import ResponseBody
    from tests.conftest import ClientOf, Serve

PATH = "/api/v1/pods"


async def empty_list(request: web.Request) -> web.Response:
    return web.json_response({"kind": "PodList", "items": []})


def answering(status: int, body: object = None, **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=named)

    return answer


async def drained(body: ResponseBody) -> None:
    while await body.read():
        pass


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


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, errors.BadRequest),
            (403, errors.Forbidden),
            (404, errors.NotFound),
            (405, errors.MethodNotAllowed),
            (409, errors.Conflict),
            (410, errors.ResourceExpired),
            (415, errors.Invalid),
            (422, errors.Invalid),
            (429, errors.TooManyRequests),
            (500, errors.ServerError),
            (503, errors.ServerError),
        ],
    )
    async def test_a_failure_says_what_its_status_object_says(
        self, serve: Serve, client_of: ClientOf, status: int, kind: type[APIError]
    ) -> None:
        said = {"kind": "Status", "code": status, "reason": "Because", "message": "as it is"}
        async with Transport(client_of(await serve(answering(status, said)))) as transport:
            with pytest.raises(kind) as caught:
                await transport.read(PATH)
        assert type(caught.value) is kind
        assert (caught.value.status, caught.value.reason, caught.value.message) == (status, "Because", "as it is")

    @pytest.mark.parametrize("stalls", [False, True])
    async def test_a_failure_is_read_to_its_end_or_as_far_as_it_comes(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, *, stalls: bool
    ) -> None:
        said = json.dumps({"kind": "Status", "reason": "Expired", "metadata": {"continue": "offered"}}).encode()

        async def in_parts(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=410, headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(said[:20])
            for _ in range(100):  # until the client has the first part
                await asyncio.sleep(0)
            await response.write(said[20:])
            await (asyncio.Event().wait() if stalls else response.write_eof())
            return response

        if stalls:
            monkeypatch.setattr("aioinformer.transport.ERROR_BODY_TIMEOUT", 0.2)
        async with Transport(client_of(await serve(in_parts))) as transport:
            with pytest.raises(errors.ResourceExpired) as caught:
                await transport.read(PATH)
        assert caught.value.continue_token == "offered"

    async def test_a_failure_from_something_in_front_of_the_server_shows_nothing_of_its_body(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        async def gateway(request: web.Request) -> web.Response:
            return web.Response(status=502, text="<html>secret</html>", content_type="text/html")

        async with Transport(client_of(await serve(gateway))) as transport:
            with pytest.raises(errors.ServerError) as caught:
                await transport.read(PATH)
        assert caught.value.status == 502
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/html"}, {"Content-Type": "text/plain"}])
    async def test_a_success_that_is_no_json_is_refused_without_showing_it(
        self, serve: Serve, client_of: ClientOf, headers: dict[str, str]
    ) -> None:
        async def login(request: web.Request) -> web.Response:
            return web.Response(body=b"<html>secret</html>", headers=headers)

        async with Transport(client_of(await serve(login))) as transport:
            with pytest.raises(MalformedResponse, match="login page or proxy") as caught:
                await transport.read(PATH)
        assert "secret" not in str(caught.value)

    async def test_a_redirect_is_refused_and_the_credentials_stay_here(self, serve: Serve, client_of: ClientOf) -> None:
        followed: list[web.Request] = []

        async def target(request: web.Request) -> web.Response:
            followed.append(request)
            return await empty_list(request)

        elsewhere = await serve(target)
        url = await serve(answering(307, Location=elsewhere + PATH))
        async with Transport(client_of(url, token="secret")) as transport:
            with pytest.raises(APIError, match="redirects are not followed") as caught:
                await transport.read(PATH)
        assert caught.value.status == 307
        assert followed == []


class TestRetryAfter:
    @pytest.mark.parametrize("status", [429, 503])
    async def test_seconds_from_the_header(self, serve: Serve, client_of: ClientOf, status: int) -> None:
        url = await serve(answering(status, {"details": {"retryAfterSeconds": 1}}, Retry_After="7"))
        async with Transport(client_of(url)) as transport:
            with pytest.raises(APIError) as caught:
                await transport.read(PATH)
        assert caught.value.retry_after == 7

    async def test_seconds_from_the_status_object(self, serve: Serve, client_of: ClientOf) -> None:
        url = await serve(answering(429, {"kind": "Status", "details": {"retryAfterSeconds": 3}}))
        async with Transport(client_of(url)) as transport:
            with pytest.raises(APIError) as caught:
                await transport.read(PATH)
        assert caught.value.retry_after == 3

    def test_a_date_in_any_zone_or_none(self) -> None:
        moment = datetime.now(UTC) + timedelta(seconds=60)
        for zone in ("GMT", "+0000", "-0000", ""):
            seconds = _retry_after(format_datetime(moment, usegmt=True).replace("GMT", zone).strip())
            assert seconds is not None
            assert 55 < seconds <= 60

    def test_a_date_that_is_past_is_now(self) -> None:
        assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0

    @pytest.mark.parametrize("value", [None, "", "soon", "-5", "Wed, 21 Oct 99999 07:28:00 GMT"])
    def test_anything_else_is_none(self, value: str | None) -> None:
        assert _retry_after(value) is None

    @given(st.text() | st.from_regex(r"\A(\w{3}, )?\d+ (Jan|Feb) \d+ \d+:\d+:\d+ ?[-+]?\w*\Z"))
    def test_no_text_breaks_it(self, value: str) -> None:
        seconds = _retry_after(value)
        assert seconds is None or seconds >= 0
