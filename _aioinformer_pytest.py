"""The pytest plugin: fixtures for tests of whatever talks to Kubernetes.

pytest loads this module at every start, wherever the library is installed. It is outside the package because importing that
would cost every run half a second, and would come before coverage; what the fixtures do is in `aioinformer.testing.pytest_plugin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.testing import ApiServer, ControlPlane


@pytest.fixture
def api_server_settings() -> Mapping[str, Any]:
    """Arguments of the `ApiServer` that ``api_server`` is, such as ``{"token": "secret"}``: none, unless overridden."""
    return {}


@pytest.fixture
def api_server(request: pytest.FixtureRequest, api_server_settings: Mapping[str, Any]) -> ApiServer:  # noqa: ARG001  # so that a test can parametrize it
    """An empty embedded API server on the event loop of the test, for as long as the test."""
    from aioinformer.testing import pytest_plugin  # noqa: PLC0415  # see above

    server: ApiServer = pytest_plugin.on_the_tests_loop(request, "api_server")
    return server


@pytest.fixture
def api_client(request: pytest.FixtureRequest, _aioinformer_cluster: ApiServer | ControlPlane) -> ApiClient:
    """A client for the ``control_plane`` if the test uses that, else for the ``api_server``; closed after the test."""
    from aioinformer.testing import pytest_plugin  # noqa: PLC0415  # see above

    client: ApiClient = pytest_plugin.on_the_tests_loop(request, "api_client")
    return client


@pytest.fixture
def _aioinformer_cluster(request: pytest.FixtureRequest, api_server_settings: Mapping[str, Any]) -> Any:  # noqa: ARG001  # as above
    used = [name for name in ("control_plane", "api_server") if name in request.fixturenames]
    if len(used) > 1:
        pytest.fail(
            "api_client cannot tell whether it is for the api_server or the control_plane: make your own", pytrace=False
        )
    return request.getfixturevalue(used[0] if used else "api_server")


@pytest.fixture(scope="session")
def control_plane_settings() -> Mapping[str, Any]:
    """Arguments of the `ControlPlane` that ``control_plane`` is, such as ``{"all_apis": True}``: none, unless overridden."""
    return {}


@pytest.fixture(scope="session")
def control_plane(control_plane_settings: Mapping[str, Any]) -> Generator[ControlPlane]:
    """A real control plane for the session, or the cluster of AIOINFORMER_KUBECONFIG; skips where there is neither.

    With AIOINFORMER_REQUIRE_CONTROL_PLANE=1 it fails instead. It belongs to no event loop.
    """
    from aioinformer.testing import pytest_control_plane  # noqa: PLC0415  # see above

    with pytest_control_plane.running(control_plane_settings) as plane:
        yield plane
