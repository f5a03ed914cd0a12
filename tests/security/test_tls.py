"""TLS is verified as the client verifies it: nothing is sent to a server that does not pass, on no way there."""

from __future__ import annotations

import asyncio
import json
import ssl
from asyncio.sslproto import SSLProtocol
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from aioinformer import SharedInformerFactory
from aioinformer.errors import CacheSyncTimeout, ConfigurationError, NetworkError
from aioinformer.transport import Transport, keepalive_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.conftest import ClientOf, Serve
    from tests.security.certificates import Certificates
    from tests.security.overhearing import Overheard


class Listed:
    """An API server without objects that keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if "watch" in request.query:
            await asyncio.Event().wait()
        metadata = {"resourceVersion": "1"}
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": []})


FAULTS: dict[str, tuple[str, int]] = {
    "another authority": ("IP:127.0.0.1", 2),
    "another host": ("DNS:elsewhere.invalid", 2),
    "another address": ("IP:127.0.0.2", 2),
    "expired": ("IP:127.0.0.1", -1),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_does_not_pass_gets_no_request(
    serve: Serve, client_of: ClientOf, certificates: Certificates, overheard: Overheard, fault: str
) -> None:
    listed, (alternative, days) = Listed(), FAULTS[fault]
    url = await serve(listed, tls=certificates.server(alternative, days=days))
    trusted = None if fault == "another authority" else certificates.authority
    async with SharedInformerFactory(client_of(url, token="t", ssl_ca_cert=trusted)) as factory:
        informer = factory.informer("pods", initial_list="consistent")
        await overheard.attempt_over.wait()
        with pytest.raises(CacheSyncTimeout, match="certificate verify failed"):
            await informer.wait_for_cache_sync(0)
        assert isinstance(informer.status.last_error, NetworkError)
    assert listed.requests == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_gets_them_where_the_client_says_not_to_verify(
    serve: Serve, client_of: ClientOf, certificates: Certificates, fault: str
) -> None:
    """Only there: this is what shows that the faults above are what keeps the requests back."""
    listed, (alternative, days) = Listed(), FAULTS[fault]
    url = await serve(listed, tls=certificates.server(alternative, days=days))
    async with SharedInformerFactory(client_of(url, token="t", verify_ssl=False)) as factory:
        await factory.informer("pods", initial_list="consistent").wait_for_cache_sync(10)
    assert listed.requests[0].headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize("skips", [False, True])
async def test_a_kubeconfig_says_it_for_its_own_cluster(
    serve: Serve,
    certificates: Certificates,
    overheard: Overheard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    skips: bool,
) -> None:
    listed = Listed()
    cluster: dict[str, Any] = {"server": await serve(listed, tls=certificates.server("DNS:elsewhere.invalid"))}
    if skips:
        cluster["insecure-skip-tls-verify"] = True
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    async with SharedInformerFactory() as factory:
        informer = factory.informer("pods", initial_list="consistent")
        if skips:
            await informer.wait_for_cache_sync(10)
        else:
            await overheard.attempt_over.wait()
            assert "certificate verify failed" in informer.explain_sync()
    assert bool(listed.requests) is skips


async def test_requests_are_made_with_the_very_context_of_the_client(
    serve: Serve, client_of: ClientOf, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no other one that anything could go through by mistake."""
    url = await serve(Listed(), tls=certificates.server("IP:127.0.0.1"))
    client = client_of(url, ssl_ca_cert=certificates.authority)

    def refuse(*_: Any, **__: Any) -> ssl.SSLContext:
        raise AssertionError("a second TLS context was made")

    monkeypatch.setattr(ssl, "create_default_context", refuse)
    monkeypatch.setattr(ssl, "_create_unverified_context", refuse)
    monkeypatch.setattr(ssl.SSLContext, "__new__", refuse)
    used: list[object] = []
    create_connection = asyncio.get_running_loop().create_connection

    async def noted(*args: Any, **kwargs: Any) -> Any:
        used.append(kwargs.get("ssl"))
        return await create_connection(*args, **kwargs)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", noted)
    async with Transport(client) as transport:
        await transport.read("/api/v1/pods")
        async with transport.get("/api/v1/pods"):
            pass
    connector: Any = client.rest_client.pool_manager.connector
    assert used
    assert all(context is connector._ssl for context in used)


async def test_a_client_whose_context_cannot_be_had_is_refused(client_of: ClientOf) -> None:
    """Rather than verified in some other way than it says."""
    client = client_of("https://cluster.invalid")
    session = client.rest_client.pool_manager

    class Elsewhere(aiohttp.BaseConnector):
        pass

    client.rest_client.pool_manager = aiohttp.ClientSession(connector=Elsewhere())
    with pytest.raises(ConfigurationError, match="TLS settings"):
        Transport(client)
    await client.rest_client.pool_manager.close()
    client.rest_client.pool_manager = session


class Tunnel:
    """A proxy that lets TLS through (CONNECT), and keeps what it is told in the clear."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        there, away = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(_pump(reader, away), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()


async def test_a_proxy_sees_no_credentials_and_verification_is_that_of_the_server_behind_it(
    serve: Serve, client_of: ClientOf, certificates: Certificates
) -> None:
    listed, tunnel = Listed(), Tunnel()
    good = await serve(listed, tls=certificates.server("IP:127.0.0.1"))
    bad = await serve(listed, tls=certificates.server("DNS:elsewhere.invalid"))
    async with tunnel.open() as proxy:
        for url in (good, bad):
            client = client_of(url, token="canary", proxy=proxy, ssl_ca_cert=certificates.authority)
            async with Transport(client) as transport:
                if url == good:
                    await transport.read("/api/v1/pods")
                else:
                    with pytest.raises(NetworkError, match="certificate verify failed"):
                        await transport.read("/api/v1/pods")
    assert len(listed.requests) == 1
    assert len(tunnel.heads) == 2
    assert not any(b"canary" in head or b"uthorization" in head for head in tunnel.heads)


async def test_a_watch_that_is_left_is_over_at_once_whatever_the_server_says_to_it(
    client_of: ClientOf, certificates: Certificates
) -> None:
    """TLS has its goodbyes, and a server that has stopped reading never says its own: no socket waits for that."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        left.append(writer)

    left: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=certificates.server("IP:127.0.0.1"))
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Transport(client_of(url, ssl_ca_cert=certificates.authority)) as transport:
        async with transport.get("/api/v1/pods") as body:
            assert await body.read() == b"{"
            connector = transport._session.connector
            assert connector is not None
            [connection] = connector._acquired
            assert connection.transport is not None
            used = connection.transport.get_extra_info("socket")
            assert used.fileno() != -1
        await asyncio.sleep(0)
        assert used.fileno() == -1
        left[0].transport.abort()


async def test_a_handshake_that_is_over_just_when_nobody_wants_it_any_more_leaves_no_connection(
    client_of: ClientOf, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in that turn, asyncio says goodbye to the server, and this one never answers."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        left.append(writer)

    async def ask() -> None:
        async with transport.get("/api/v1/pods"):
            pytest.fail("it was answered")

    def shaken(protocol: SSLProtocol, error: BaseException | None) -> None:
        completed(protocol, error)
        if not protocol._server_side:
            asking.cancel()

    def made(address: tuple[Any, ...]) -> socket.socket:
        used.append(keepalive_socket(address))
        return used[-1]

    left: list[asyncio.StreamWriter] = []
    used: list[socket.socket] = []
    completed = SSLProtocol._on_handshake_complete
    monkeypatch.setattr(SSLProtocol, "_on_handshake_complete", shaken)
    monkeypatch.setattr("aioinformer.transport.keepalive_socket", made)
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=certificates.server("IP:127.0.0.1"))
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with Transport(client_of(url, ssl_ca_cert=certificates.authority)) as transport:
            asking = asyncio.create_task(ask())
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert [each.fileno() == -1 for each in used] == [False]
        assert [each.fileno() for each in used] == [-1]
        for writer in left:
            writer.transport.abort()
