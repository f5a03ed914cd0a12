"""Real faults on a real control plane: ``make faults``, some minutes, not part of ``make test``.

Every test runs on one event loop, so that the slowest of them, which waits minutes for a half-open connection to be
noticed, does so while the others run; it is asked for its outcome last. Without a control plane or Toxiproxy
(``make control-plane`` builds both) the tests skip; with ``AIOINFORMER_REQUIRE_CONTROL_PLANE=1`` they fail.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_asyncio
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer.testing import ControlPlane
from aioinformer.testing.control_plane import (
    Binaries,
    ControlPlaneUnavailable,
    control_plane_required,
    require_binaries,
)
from tests.faults import half_open_connection
from tests.faults.administrator import Administrator
from tests.faults.report import Report
from tests.faults.toxiproxy import Toxiproxy
from tests.faults.trial import Trial

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

HERE = Path(__file__).parent
REPORT = pytest.StashKey[Report]()


class ClientFor(Protocol):
    """A client for a plane, of its administrator unless a token is given, through a proxy if its URL is."""

    def __call__(
        self, plane: ControlPlane, *, url: str = "", token: str = "", ca_file: Path | None = None
    ) -> ApiClient: ...


class OnTrial(Protocol):
    """A ``Trial`` in a namespace of its own, and its measurement in the report."""

    def __call__(
        self, fault: str, plane: ControlPlane, *, client: ApiClient | None, **options: Any
    ) -> AbstractAsyncContextManager[Trial]: ...


class Proxied(Protocol):
    """A Toxiproxy in front of a plane, to be entered."""

    def __call__(self, plane: ControlPlane) -> Toxiproxy: ...


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    items.sort(key=lambda item: "half_open" in getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash[REPORT]
    if report.measurements:
        terminalreporter.section("real faults survived")
        for line in report.table():
            terminalreporter.line(line)
        terminalreporter.line(f"written to {report.write()}")


@asynccontextmanager
async def on_trial(
    report: Report, fault: str, plane: ControlPlane, *, client: ApiClient | None, **options: Any
) -> AsyncGenerator[Trial]:
    async with Administrator(plane) as administrator:
        trial = Trial(fault, administrator, client=client, **options)
        async with trial:
            yield trial
    assert trial.measurement is not None
    report.measurements.append(trial.measurement)


def new_client(plane: ControlPlane, *, url: str = "", token: str = "", ca_file: Path | None = None) -> ApiClient:
    configuration = Configuration(host=url or plane.url)
    configuration.ssl_ca_cert = str(ca_file or plane.ca_file)
    configuration.api_key["BearerToken"] = f"Bearer {token or plane.token}"
    return ApiClient(configuration)


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    try:
        return require_binaries(toxiproxy=True)
    except ControlPlaneUnavailable as reason:
        if control_plane_required():
            raise
        pytest.skip(str(reason))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def steady(binaries: Binaries) -> AsyncGenerator[ControlPlane]:
    """A control plane that no test disturbs; faults happen on the way to it."""
    async with ControlPlane(binaries=binaries) as plane:
        yield plane


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fragile(binaries: Binaries) -> AsyncGenerator[ControlPlane]:
    """A control plane whose processes may be killed, paused and given other credentials."""
    async with ControlPlane(binaries=binaries) as plane:
        yield plane


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> OnTrial:
    return partial(on_trial, request.config.stash[REPORT])


@pytest_asyncio.fixture(loop_scope="session")
async def client_for() -> AsyncGenerator[ClientFor]:
    async with AsyncExitStack() as clients:

        def make(plane: ControlPlane, **options: Any) -> ApiClient:
            client = new_client(plane, **options)
            clients.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture(scope="session")
def toxiproxy(binaries: Binaries) -> Proxied:
    assert binaries.toxiproxy_server is not None
    return partial(Toxiproxy, binaries.toxiproxy_server)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def half_open(
    request: pytest.FixtureRequest, steady: ControlPlane, toxiproxy: Proxied
) -> AsyncGenerator[asyncio.Task[Trial]]:
    """The minutes of a half-open connection, begun before the first test."""
    async with toxiproxy(steady) as proxy, new_client(steady, url=proxy.url) as client:
        trial = on_trial(request.config.stash[REPORT], half_open_connection.FAULT, steady, client=client)
        task = asyncio.create_task(half_open_connection.survive(trial, proxy))
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True, scope="session")
def begin_what_takes_long(request: pytest.FixtureRequest) -> None:
    if any("half_open" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("half_open")
