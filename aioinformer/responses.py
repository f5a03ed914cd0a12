"""What comes back: the body of a response under way, or the error that it stands for."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import hdrs

from aioinformer.api_status import LONGEST_RETRY_AFTER, status_error
from aioinformer.discretion import say
from aioinformer.errors import MalformedResponse, NetworkError, api_error

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ResponseBody", "check", "ending_with_its_connection", "retry_after"]

ERROR_BODY, ERROR_BODY_TIMEOUT = 1024 * 1024, 5.0
"""Bytes and seconds that the explanation of a failure may take."""


class ResponseBody:
    """The body of a response under way."""

    __slots__ = ("_content",)

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def read(self) -> bytes:
        """Whatever has arrived, at least a byte; ``b""`` at the end.

        Raises:
            NetworkError: the connection broke.
        """
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            failure = NetworkError(f"the connection broke: {say(error)}")
        raise failure  # from outside, so that aiohttp's error is no part of it


@contextmanager
def ending_with_its_connection(response: aiohttp.ClientResponse) -> Generator[None]:
    """Wake whoever reads the body when the connection goes.

    aiohttp (seen in 3.14) closes a connection on which chunks make no sense, but leaves the reader waiting for ever.
    """
    content, connection = response.content, response.connection
    protocol = connection.protocol if connection is not None else None
    closed = protocol.closed if protocol is not None else None

    def end(_: object = None) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError())

    if closed is None:
        end()
        yield
        return
    closed.remove_done_callback(_retrieved)  # of an earlier response on this connection
    closed.add_done_callback(_retrieved)
    closed.add_done_callback(end)
    try:
        yield
    finally:
        closed.remove_done_callback(end)


def _retrieved(closed: asyncio.Future[None]) -> None:
    """Asyncio logs what no one asks a future for."""
    if not closed.cancelled():
        closed.exception()


async def check(response: aiohttp.ClientResponse) -> None:
    """Raise for anything but a JSON success."""
    if response.ok and response.status < 300:  # noqa: PLR2004  # what is below is success
        if "json" not in response.content_type:
            raise MalformedResponse(
                f"the server answered {response.content_type!r} where JSON was asked for: is a login page or proxy in the way?"
            )
        return
    if response.status < 400:  # noqa: PLR2004  # a redirect
        raise api_error(
            response.status, "Redirect", "redirects are not followed, as they would carry the credentials along"
        )
    raise status_error(
        response.status, await _explanation(response.content), retry_after(response.headers.get(hdrs.RETRY_AFTER))
    )


async def _explanation(content: aiohttp.StreamReader) -> bytes:
    """The body of a failure, as far as it comes."""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(ERROR_BODY_TIMEOUT):
            while len(body) < ERROR_BODY and (chunk := await content.readany()):
                body += chunk
    return bytes(body)


def retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form that RFC 9110 (10.2.3) allows; ``None`` when absent or unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        digits = value.strip()[:20]  # a header has room for more than Python takes for a number
        return float(min(int(digits), LONGEST_RETRY_AFTER))
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000", or no zone at all
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER)
    except (ValueError, TypeError, OverflowError):
        return None
