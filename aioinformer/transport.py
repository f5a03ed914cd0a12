"""The network: GET requests over the caller's kubernetes_asyncio client, one connection per watch.

All that knows the HTTP and the Kubernetes client is here and in ``credentials.py``. Requests carry the client's TLS,
proxy, SNI, default headers and credentials, but run on connections of their own: its pool stops at 100, and a watch
past that would wait for ever without a word. Sockets have TCP keepalive, redirects are not followed (they would carry
the credentials elsewhere), and every foreign exception becomes one of ours.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import ClientTimeout, hdrs

from aioinformer.errors import ConfigurationError, MalformedResponse, NetworkError, api_error
from aioinformer.wire import LONGEST_RETRY_AFTER, status_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from typing import Self

    from kubernetes_asyncio.client import ApiClient

__all__ = ["ResponseBody", "Transport"]

CONNECT_TIMEOUT = 15.0
"""Seconds for TCP, proxy and TLS together."""
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES = 30, 10, 3
"""Seconds, seconds, and how many unanswered probes make a connection dead."""
READ_BUFFER = 256 * 1024
"""Bytes that wait in user space per connection before TCP is asked to slow down (aiohttp lets twice that wait)."""
ANSWER_TIMEOUT = 75.0
"""Seconds until the head of a response; a kube-apiserver gives up on a list after 60."""
ERROR_BODY, ERROR_BODY_TIMEOUT = 1024 * 1024, 5.0
"""Bytes and seconds that the explanation of a failure may take."""
JSON = "application/json"


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
            raise NetworkError(f"the connection broke: {_say(error)}") from error


class Transport:
    """GET requests with the identity of an ``ApiClient``, which stays its owner's: it is neither closed nor changed.

    ``refresh`` is called once when the server answers 401, before the one retry. Create it inside a running loop and
    ``aclose`` it.
    """

    def __init__(self, api_client: ApiClient, refresh: Callable[[], Awaitable[None]] | None = None) -> None:
        self._client: Any = api_client
        self._refresh = refresh
        self._refreshing = asyncio.Lock()
        self._refreshes = 0
        connector = api_client.rest_client.pool_manager.connector
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                ssl=_tls_of(connector),
                socket_factory=keepalive_socket,
            ),
            read_bufsize=READ_BUFFER,
            timeout=ClientTimeout(total=None, connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @asynccontextmanager
    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON, compressed: bool = False
    ) -> AsyncGenerator[ResponseBody]:
        """Send a GET, allowing the answer to be gzipped if ``compressed``; the body can be read until the context is left, which closes the connection of an unread one.

        Raises:
            ConfigurationError: the client's credentials cannot be refreshed.
            APIError: the server answered with anything but success; after a 401 the credentials were refreshed and the
                request tried once more.
            NetworkError: no connection came about.
            MalformedResponse: the answer is not JSON, such as a login page.
        """
        headers = {"Accept": accept, "Accept-Encoding": "gzip" if compressed else "identity"}
        response = await self._send(path, query or {}, headers)
        try:
            if response.status == 401 and await self._refreshed(response.request_info.headers):  # noqa: PLR2004
                response.close()
                response = await self._send(path, query or {}, headers)
            await _check(response)
            yield ResponseBody(response.content)
        finally:
            response.close()  # gives the connection back if the body was read to its end

    async def read(self, path: str, *, accept: str = JSON) -> bytes:
        """The whole body of a GET; raises what ``get`` raises."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT), self.get(path, accept=accept) as body:
                while chunk := await body.read():
                    parts.append(chunk)
        except TimeoutError:
            raise NetworkError(f"{path} was not answered whole within {ANSWER_TIMEOUT:g} s") from None
        return b"".join(parts)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        host: str = self._client.configuration.host
        credentials = await self._credentials()
        rest = self._client.rest_client
        options: dict[str, Any] = {
            "proxy": rest.proxy or _environment_proxy(host),
            "proxy_headers": rest.proxy_headers,
            "server_hostname": rest.server_hostname,
        }
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._session.get(
                    host.rstrip("/") + path,
                    params=query,
                    headers={**self._client.default_headers, **headers, **credentials},
                    allow_redirects=False,
                    **{name: value for name, value in options.items() if value},
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NetworkError(f"no answer from {host}: {_say(error)}") from error

    async def _credentials(self) -> dict[str, str]:
        """The client's authorization header; asking for it runs the client's own refresh hook."""
        headers: dict[str, str] = {}
        try:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        except Exception as error:  # the caller's hook, whatever it raises
            raise ConfigurationError(f"the client's credentials cannot be refreshed: {_say(error)}") from error
        return {name: value.strip() for name, value in headers.items() if value}  # token files end in newlines

    async def _refreshed(self, refused: Mapping[str, str]) -> bool:
        """Whether there may be better credentials than the refused ones. Many that are refused at once refresh once."""
        if self._refresh is None:
            return self._client.configuration.refresh_api_key_hook is not None
        seen = self._refreshes
        async with self._refreshing:
            current = await self._credentials()
            if self._refreshes == seen and current.get("authorization") == refused.get(hdrs.AUTHORIZATION):
                try:
                    await self._refresh()
                finally:
                    self._refreshes += 1
        return True


def _tls_of(connector: object) -> Any:
    """The very context the client verifies with. It has no public name; without it nothing must be sent."""
    tls = getattr(connector, "_ssl", None)
    if tls is None:
        raise ConfigurationError("the client's TLS settings cannot be had: its session needs an aiohttp TCPConnector")
    return tls


async def _check(response: aiohttp.ClientResponse) -> None:
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
        response.status, await _explanation(response.content), _retry_after(response.headers.get(hdrs.RETRY_AFTER))
    )


async def _explanation(content: aiohttp.StreamReader) -> bytes:
    """The body of a failure, as far as it comes."""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(ERROR_BODY_TIMEOUT):
            while len(body) < ERROR_BODY and (chunk := await content.readany()):
                body += chunk
    return bytes(body)


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form that RFC 9110 (10.2.3) allows; ``None`` when absent or unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(min(int(value), LONGEST_RETRY_AFTER))
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000", or no zone at all
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER)
    except (ValueError, TypeError, OverflowError):
        return None


def _environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for this address. aiohttp's own look-up would also send ~/.netrc's passwords."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def keepalive_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket on which the kernel finds out in about a minute that the other side is gone.

    Where a platform lacks one of the options its default stays.
    """
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"  # macOS has its own name for it
    options = {idle: KEEPALIVE_IDLE, "TCP_KEEPINTVL": KEEPALIVE_INTERVAL, "TCP_KEEPCNT": KEEPALIVE_PROBES}
    for name, value in options.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def _say(error: BaseException) -> str:
    return str(error) or type(error).__name__
