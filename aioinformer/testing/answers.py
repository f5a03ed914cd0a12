"""Answers on the wire: JSON documents, Status errors, and lists too long to be sent in one piece."""

from __future__ import annotations

import asyncio
import zlib
from itertools import chain
from typing import TYPE_CHECKING

from aiohttp import web

from aioinformer.testing.encoding import JSONValue, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aioinformer.testing.link import Link
    from aioinformer.testing.statuses import ApiServerError

__all__ = ["JSON_TYPE", "document", "error", "parts", "text"]

JSON_TYPE = "application/json"
_LONG = 128 * 1024  # bytes
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def document(value: JSONValue, status: int = 200) -> web.Response:
    """A JSON document."""
    return web.Response(body=encode(value), status=status, content_type=JSON_TYPE)


def text(body: str, status: int = 200) -> web.Response:
    """Plain text, for the few paths that speak it."""
    return web.Response(text=body, status=status)


def error(refusal: ApiServerError) -> web.Response:
    """A Status, with ``Retry-After`` where it has one."""
    response = document(refusal.body, refusal.status)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


async def parts(request: web.BaseRequest, pieces: Iterable[bytes], link: Link) -> web.StreamResponse:
    """Send a body that is made piece by piece, yielding to the loop between them.

    A long one is sent as it is made, gzipped if the client takes that, as a real server does.
    """
    remaining, beginning = iter(pieces), b""
    for piece in remaining:
        beginning += piece
        if len(beginning) > _LONG:
            break
    else:
        if not link.is_slow:
            return web.Response(body=beginning, content_type=JSON_TYPE)
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
    compressor = None
    if len(beginning) > _LONG and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.headers["Content-Encoding"] = "gzip"
        compressor = zlib.compressobj(1, wbits=_GZIP_WINDOW)
    await link.clear()
    await response.prepare(request)
    for piece in chain([beginning], remaining):
        await link.send(response.write, compressor.compress(piece) if compressor else piece)
        await asyncio.sleep(0)
    await link.send(response.write, compressor.flush() if compressor else b"")
    await link.clear()
    await response.write_eof()
    return response
