"""The network: GET requests over the caller's kubernetes_asyncio client, one connection per watch.

Only this room knows the HTTP and the Kubernetes client: requests and connections are here, what comes back is in
``responses.py``, where credentials come from in ``credentials.py``. Requests carry the client's TLS, proxy, SNI, default
headers and credentials, but run on connections of their own: its pool stops at 100, and a watch past that would wait
for ever without a word. Sockets have TCP keepalive, redirects are not followed (they would carry the credentials
elsewhere), and every foreign exception becomes one of ours.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from aiohttp import ClientTimeout, hdrs

from aioinformer.discretion import blot_out, origin, say, secrets
from aioinformer.errors import ConfigurationError, InformerError, InvalidOption, MalformedResponse, NetworkError
from aioinformer.receiving import READ_BUFFER, Connector
from aioinformer.responses import ResponseBody, check, ending_with_its_connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from typing import Self

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.reflector import Body

__all__ = ["Transport", "check_client"]

CONNECT_TIMEOUT = 15.0
"""Seconds for TCP, proxy and TLS together."""
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES = 30, 10, 3
"""Seconds, seconds, and how many unanswered probes make a connection dead."""
ANSWER_TIMEOUT = 75.0
"""Seconds until the head of a response; a kube-apiserver gives up on a list after 60."""
CREDENTIALS_TIMEOUT = 60.0
"""Seconds for the client's own refresh hook; an exec plugin has as long (``exec_plugin.py``)."""
MAX_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a discovery document, after decompression; a cluster with a thousand custom resources has one of a few MB."""
REFRESH_AGAIN_AFTER = 10.0
"""Seconds for which credentials that were refreshed in vain are not refreshed again, however many watches are refused."""
TURNS_TO_HANG_UP = 10
"""Turns of the loop that a connection which has ended gets to close; asyncio takes three or four."""
UNAUTHORIZED = 401
JSON = "application/json"


class Transport:
    """GET requests with the identity of an ``ApiClient``, which stays its owner's: it is neither closed nor changed.

    ``refresh`` is called once when the server answers 401, before the one retry; it raises ``ConfigurationError`` when it
    fails. Create the transport inside a running loop and ``aclose`` it.
    """

    def __init__(self, api_client: ApiClient, refresh: Callable[[], Awaitable[None]] | None = None) -> None:
        self._client: Any = api_client
        self._refresh = refresh
        self._refreshing = asyncio.Lock()
        self._refreshes = 0
        self._in_vain_until = float("-inf")
        self._failure = ""
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._connector = Connector(
            limit=0,
            # a connection that is kept goes on showing a certificate that has since been renewed
            force_close=refresh is not None and bool(api_client.configuration.cert_file),
            ssl=_tls_of(api_client.rest_client.pool_manager.connector),
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            read_bufsize=READ_BUFFER,
            timeout=ClientTimeout(total=None, connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @property
    def server(self) -> str:
        """Which API server this is, by its address: scheme, host, port and path."""
        host: str = self._client.configuration.host
        return origin(host) + urlsplit(host).path.rstrip("/")

    @asynccontextmanager
    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON, compressed: bool = False
    ) -> AsyncGenerator[Body]:
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
            if response.status == UNAUTHORIZED and await self._refreshed(response.request_info.headers):
                _let_go(response)
                response = await self._send(path, query or {}, headers)
                if response.status == UNAUTHORIZED:
                    self._was_in_vain()
            body = self._connector.body_of(response)
            with ending_with_its_connection(response) if body is None else nullcontext():
                await check(response)
                yield ResponseBody(response.content) if body is None else body
        except InformerError as error:
            blot_out(error, secrets(response.request_info.headers))  # what was sent may come back in the answer
            raise
        finally:
            _let_go(response)

    async def read(self, path: str, *, accept: str = JSON) -> bytes:
        """The whole body of a GET; raises what ``get`` raises, and ``MalformedResponse`` past ``MAX_DOCUMENT`` bytes."""
        document = bytearray()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT), self.get(path, accept=accept) as body:
                while chunk := await body.read():
                    document += chunk
                    if len(document) > MAX_DOCUMENT:
                        raise MalformedResponse(
                            f"{path} is longer than {MAX_DOCUMENT} bytes: this is no Kubernetes API"
                        )
        except TimeoutError:
            raise NetworkError(f"{path} was not answered whole within {ANSWER_TIMEOUT:g} s") from None
        return bytes(document)

    async def aclose(self) -> None:
        """Close every connection, at once."""
        await self._session.close()
        for _turn in range(TURNS_TO_HANG_UP):
            if not any([_hang_up(each) for each in self._sockets]):  # noqa: C419  # all of them, not up to the first
                return
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        made = keepalive_socket(address)
        self._sockets.add(made)
        return made

    async def _send(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        host: str = self._client.configuration.host
        credentials = await self._credentials()
        rest = self._client.rest_client
        try:
            options: dict[str, Any] = {
                "proxy": rest.proxy or _environment_proxy(host),
                "proxy_headers": rest.proxy_headers,
                "server_hostname": rest.server_hostname,
            }
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._session.get(
                    host.rstrip("/") + path,
                    params=query,
                    headers={**self._client.default_headers, **headers, **credentials},
                    allow_redirects=False,
                    **{name: value for name, value in options.items() if value},
                )
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            failure: InformerError = _unusable(error)
        except (aiohttp.ClientError, OSError) as error:
            failure = NetworkError(f"no answer from {origin(host)}: {say(error)}")
        except ValueError as error:
            failure = _unusable(error)
        raise failure  # from outside, so that aiohttp's error is no part of it

    async def _credentials(self) -> dict[str, str]:
        """The client's authorization header; asking for it runs the client's own refresh hook."""
        headers: dict[str, str] = {}
        try:
            async with asyncio.timeout(CREDENTIALS_TIMEOUT):
                await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        except Exception as error:  # the caller's hook, whatever it raises
            failure = ConfigurationError(
                f"the client's credentials cannot be refreshed: {str(error) or type(error).__name__}"
            )
            blot_out(failure, secrets(self._client.configuration.api_key))
            raise failure from error
        return {name: value.strip() for name, value in headers.items() if value}  # token files end in newlines

    async def _refreshed(self, refused: Mapping[str, str]) -> bool:
        """Whether there may be better credentials than the refused ones. Many that are refused at once refresh once."""
        if self._refresh is None:
            return self._client.configuration.refresh_api_key_hook is not None
        seen = self._refreshes
        async with self._refreshing:
            current = await self._credentials()
            if current.get("authorization") != refused.get(hdrs.AUTHORIZATION):
                return True
            lately = asyncio.get_running_loop().time() < self._in_vain_until
            if lately and self._failure:
                raise ConfigurationError(self._failure)
            if self._refreshes == seen:
                if lately:
                    return False
                await self._refresh_now(self._refresh)
        return True

    async def _refresh_now(self, refresh: Callable[[], Awaitable[None]]) -> None:
        try:
            await refresh()
        except ConfigurationError as error:
            self._failure = str(error)
            self._was_in_vain()
            raise
        self._failure = ""
        self._refreshes += 1

    def _was_in_vain(self) -> None:
        self._in_vain_until = asyncio.get_running_loop().time() + REFRESH_AGAIN_AFTER


def _let_go(response: aiohttp.ClientResponse) -> None:
    """Give the connection back if the body was read to its end, else break it: TLS would first wait for the server's goodbye."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _hang_up(connection: socket.socket) -> bool:
    """Whether it was open still: now its transport sees its end, and closes it in the next turns of the loop.

    One whose TLS handshake was over just when it was no longer wanted is such: asyncio says goodbye, and waits for an
    answer for half a minute, longer than the loop may live.
    """
    if connection.fileno() < 0:
        return False
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    return True


def _unusable(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"the client's server, proxy or default headers cannot be used as they are ({type(error).__name__})"
    )


def check_client(api_client: object) -> None:
    """Refuse what is no client of ``kubernetes_asyncio``, such as one of ``kubernetes``, or an API made with one.

    Raises:
        InvalidOption: it is neither such a client nor ``None``.
    """
    connections = getattr(getattr(api_client, "rest_client", None), "pool_manager", None)
    if api_client is not None and not hasattr(connections, "connector"):
        kind = f"{type(api_client).__module__}.{type(api_client).__qualname__}"
        raise InvalidOption(
            f"api_client is a kubernetes_asyncio.client.ApiClient, or None to find the cluster, not a {kind}"
        )


def _tls_of(connector: object) -> Any:
    """The very context the client verifies with. It has no public name; without it nothing must be sent."""
    tls = getattr(connector, "_ssl", None)
    if tls is None:
        raise ConfigurationError("the client's TLS settings cannot be had: its session needs an aiohttp TCPConnector")
    return tls


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
