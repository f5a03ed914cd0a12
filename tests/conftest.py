"""What several test files need."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import settings
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer import applier, burst, packing
from aioinformer.testing.control_plane import ControlPlaneUnavailable, control_plane_required, require_binaries

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

# the same examples on every run, and no verdict by the clock of a busy machine
settings.register_profile("deterministic", deadline=None, derandomize=True, database=None)
settings.load_profile("deterministic")

# looptime asks the policy for its loop in synchronous tests too; before Python 3.14 that makes one that nobody closes
asyncio.set_event_loop(None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--storage",
        choices=["default", "plain", "eager"],
        default="default",
        help="how caches keep objects: as they do by default, always plain, or packed whenever they can be",
    )


@pytest.fixture(autouse=True)
def storage_mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``--storage`` says. Tests of storage itself override it: they say what they need."""
    match request.config.getoption("--storage"):
        case "plain":
            monkeypatch.setattr(packing, "available", lambda: False)
        case "eager":
            monkeypatch.setattr(packing, "WORTHWHILE", 64)
            monkeypatch.setattr(applier, "QUIET", 0.0)
            for module in (burst, packing):
                monkeypatch.setattr(module, "BURST", 64)


class Serve(Protocol):
    """Answers any request on a port of 127.0.0.1 with ``handler``, for as long as the test runs; gives the base URL."""

    def __call__(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], *, tls: ssl.SSLContext | None = None
    ) -> Awaitable[str]: ...


ClientOf: TypeAlias = "Callable[..., ApiClient]"
"""An ``ApiClient`` for a host and further attributes of its ``Configuration``; closed after the test."""


@pytest.fixture
async def serve() -> AsyncGenerator[Serve]:
    async with AsyncExitStack() as servers:

        async def start(
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]], *, tls: ssl.SSLContext | None = None
        ) -> str:
            async def handle(request: web.Request) -> web.StreamResponse:
                return await handler(request)

            app = web.Application()
            app.router.add_route("*", "/{anything:.*}", handle)
            server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
            await server.start_server(ssl=tls, shutdown_timeout=0)
            servers.push_async_callback(server.close)
            return str(server.make_url("")).rstrip("/")

        yield start


@pytest.fixture
async def client_of() -> AsyncGenerator[ClientOf]:
    async with AsyncExitStack() as clients:

        def make(host: str, *, token: str = "", **settings: Any) -> ApiClient:
            configuration = Configuration(host=host)
            if token:
                configuration.api_key["BearerToken"] = f"Bearer {token}"
            for name, value in settings.items():
                setattr(configuration, name, value)
            client = ApiClient(configuration)
            clients.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture(scope="session")
def assets() -> Path:
    """The directory of a real control plane's binaries; found before pytester moves the home directory."""
    try:
        return require_binaries().etcd.parent
    except ControlPlaneUnavailable as reason:
        if control_plane_required():
            raise
        pytest.skip(str(reason))
