"""What may be told of a failure on the network: never what was sent, nor what was received.

aiohttp's exceptions hold the request with its Authorization header, and quote the bytes that they could not make sense
of, which may be a Secret's. So none of them is chained to an error of ours, and few of their texts are used.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aioinformer.errors import InformerError

__all__ = ["blot_out", "origin", "say", "secrets"]

SHORTEST_SECRET = 6
"""Characters: what is shorter is no credential, and blotting it out would garble the message."""
_HARMLESS = frozenset({"accept", "accept-encoding", "connection", "content-type", "host", "user-agent"})


def say(error: BaseException) -> str:
    """What went wrong, in aiohttp's words only where these are about addresses, sockets and certificates."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case aiohttp.ClientPayloadError():
            return "the answer is cut short, or its encoding is broken"
        case aiohttp.ClientResponseError():
            return "what came is not HTTP"
        case aiohttp.ServerDisconnectedError():
            return "the server hung up"
        case aiohttp.ClientConnectionError() | OSError():
            return str(error) or type(error).__name__
        case _:
            return type(error).__name__


def origin(url: str) -> str:
    """Scheme, host and port of a URL, without a password that it may carry."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the server"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def secrets(headers: Mapping[str, str]) -> Iterator[str]:
    """What of a request's headers nobody else is to read: all but those that every client sends."""
    for name, value in headers.items():
        if name.lower() in _HARMLESS:
            continue
        scheme, _, credential = value.strip().partition(" ")
        yield credential or scheme
        if scheme.lower() == "basic":
            try:
                login = base64.b64decode(credential).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
            yield login
            yield login.partition(":")[2]


def blot_out(error: InformerError, words: Iterable[str]) -> None:
    """Take these words out of all that an error says: servers and proxies echo what they were sent."""
    for word in words:
        if len(word) < SHORTEST_SECRET:
            continue
        error.args = tuple(part.replace(word, "...") if isinstance(part, str) else part for part in error.args)
        for name, said in vars(error).items():
            if isinstance(said, str):
                setattr(error, name, said.replace(word, "..."))
