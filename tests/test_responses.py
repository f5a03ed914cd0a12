from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import errors
from aioinformer.errors import APIError, MalformedResponse
from aioinformer.responses import retry_after
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conftest import ClientOf, Serve

PATH = "/api/v1/pods"


def answering(status: int, body: object = None, **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=named)

    return answer


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
            monkeypatch.setattr("aioinformer.responses.ERROR_BODY_TIMEOUT", 0.2)
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
            seconds = retry_after(format_datetime(moment, usegmt=True).replace("GMT", zone).strip())
            assert seconds is not None
            assert 55 < seconds <= 60

    def test_a_date_that_is_past_is_now(self) -> None:
        assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0

    @pytest.mark.parametrize("value", [None, "", "soon", "-5", "Wed, 21 Oct 99999 07:28:00 GMT"])
    def test_anything_else_is_none(self, value: str | None) -> None:
        assert retry_after(value) is None

    @given(st.text() | st.from_regex(r"\A(\w{3}, )?\d+ (Jan|Feb) \d+ \d+:\d+:\d+ ?[-+]?\w*\Z"))
    def test_no_text_breaks_it(self, value: str) -> None:
        seconds = retry_after(value)
        assert seconds is None or seconds >= 0

    def test_more_digits_than_python_takes_for_a_number_are_a_long_wait(self) -> None:
        """Python refuses to read more than 4300 digits; a header has room for 8190."""
        assert retry_after("9" * 5000) == 3600
        assert retry_after(f"  {'0' * 7}  ") == 0
