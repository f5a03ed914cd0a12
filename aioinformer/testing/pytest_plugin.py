# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# upstream's configuration is annotated in part
"""What the asynchronous fixtures of the pytest plugin do, and on which event loop.

pytest itself runs no coroutine. pytest-asyncio or anyio's plugin does, each on a loop of its own, and which of them runs a test
is known only once the test asks. So each fixture is declared once per runner, and pytest hears of one when it is asked for.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import pytest
from kubernetes_asyncio import config

from aioinformer.testing.control_plane import ControlPlane
from aioinformer.testing.server import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from kubernetes_asyncio.client import ApiClient

__all__ = ["on_the_tests_loop"]

Declare: TypeAlias = "Callable[..., Callable[..., object]]"
"""A decorator like ``pytest.fixture``."""

_OLDEST_PYTEST_ASYNCIO = (1, 1)
"""Earlier ones know only the asynchronous fixtures that were there while tests were collected."""


def on_the_tests_loop(request: pytest.FixtureRequest, fixture: str) -> Any:
    """The value of an asynchronous fixture, set up and torn down by whatever runs the requesting test.

    Fails the test if nothing runs it on an asyncio loop.
    """
    runner, declare = _runner(request)
    plugins = request.config.pluginmanager
    if not plugins.hasplugin(f"aioinformer-{runner}"):
        plugins.register(_fixtures(runner, declare), f"aioinformer-{runner}")
    return request.getfixturevalue(f"_{runner}_{fixture}")


def _runner(request: pytest.FixtureRequest) -> tuple[str, Declare]:
    """A name for what runs the test, and how a fixture is declared that it is to run, too."""
    pytest_asyncio = sys.modules.get("pytest_asyncio")
    if pytest_asyncio is not None and pytest_asyncio.is_async_test(request.node):
        return _pytest_asyncio(request, pytest_asyncio)
    if not _is_async(request.node):
        _refuse(request, "is not async")
    if "anyio_backend" not in request.fixturenames:
        _refuse(request, "is run by no plugin (is it marked?)")
    backend = request.getfixturevalue("anyio_backend")
    name = backend if isinstance(backend, str) else backend[0]
    if name != "asyncio":
        _refuse(request, f"runs on {name} (override the fixture anyio_backend)")
    return "anyio", pytest.fixture


def _pytest_asyncio(request: pytest.FixtureRequest, module: Any) -> tuple[str, Declare]:
    if "anyio_backend" in request.fixturenames:  # whose hook takes a fixture first would be chance
        _refuse(request, "is run by pytest-asyncio and marked for anyio")
    if tuple(map(int, module.__version__.split(".")[:2])) < _OLDEST_PYTEST_ASYNCIO:
        _refuse(request, f"is run by pytest-asyncio {module.__version__}, which is too old")
    scope = _loop_scope(request.node)
    return f"asyncio_{scope}", partial(module.fixture, loop_scope=scope)


def _loop_scope(item: pytest.Item) -> str:
    """How long the loop lives on which pytest-asyncio runs a test."""
    marker = item.get_closest_marker("asyncio")
    named = marker and (marker.kwargs.get("loop_scope") or marker.kwargs.get("scope"))
    return str(named or item.config.getini("asyncio_default_test_loop_scope"))


def _is_async(item: pytest.Item) -> bool:
    function = getattr(item, "obj", None)
    hypothesis = getattr(function, "hypothesis", None)
    return inspect.iscoroutinefunction(hypothesis.inner_test if hypothesis is not None else function)


def _refuse(request: pytest.FixtureRequest, why: str) -> NoReturn:
    pytest.fail(
        f"{request.fixturename}: {request.node.name} {why}. This fixture lives on the event loop of a test that pytest-asyncio "
        "(1.1 or later) runs, or anyio's plugin on asyncio. Elsewhere, use `async with ApiServer() as server`.",
        pytrace=False,
    )


def _fixtures(runner: str, declare: Declare) -> ModuleType:
    """A plugin with the asynchronous fixtures for one runner."""

    @declare(name=f"_{runner}_api_server")
    async def serve(api_server_settings: Mapping[str, Any]) -> AsyncGenerator[ApiServer]:
        async with ApiServer(**api_server_settings) as server:
            yield server

    @declare(name=f"_{runner}_api_client")
    async def connect(_aioinformer_cluster: ApiServer | ControlPlane) -> AsyncGenerator[ApiClient]:
        async with await _client_of(_aioinformer_cluster) as client:
            yield client

    plugin = ModuleType(f"aioinformer-{runner}")
    vars(plugin).update(serve=serve, connect=connect)
    return plugin


async def _client_of(cluster: ApiServer | ControlPlane) -> ApiClient:
    if isinstance(cluster, ControlPlane):
        return await config.new_client_from_config(config_file=str(cluster.kubeconfig))
    return cluster.api_client()
