"""The two clusters that every conformance test runs against.

``embedded`` is aioinformer.testing's API server, new for each test. ``real`` is a kube-apiserver with etcd and a
controller manager, started once a session (``make control-plane`` builds it), or the cluster of
``AIOINFORMER_KUBECONFIG``. Without one those tests skip; with ``AIOINFORMER_REQUIRE_CONTROL_PLANE=1`` they fail.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from aioinformer import SharedInformerFactory
from aioinformer.backoff import Backoff
from aioinformer.testing import ApiServer
from aioinformer.testing.control_plane import (
    ControlPlane,
    ControlPlaneUnavailable,
    control_plane_required,
    require_binaries,
)
from tests.conformance.cluster import Cluster, configuration_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kubernetes_asyncio.client import ApiClient

    from tests.conformance.middleman import Middleman


class Embedded:
    """The API server in a box."""

    name = "embedded"

    def __init__(self, server: ApiServer, kubeconfig: Path) -> None:
        self.server = server
        self.kubeconfig = kubeconfig

    async def expire_history(self) -> None:
        self.server.expire_history()

    async def open_watches(self, client: Cluster, resource: str) -> int:
        return self.server.open_watches(resource)


class Real:
    """A kube-apiserver; ``plane`` is ``None`` for a cluster of the user's."""

    name = "real"

    def __init__(self, kubeconfig: Path, plane: ControlPlane | None) -> None:
        self.kubeconfig = kubeconfig
        self.plane = plane

    async def expire_history(self) -> None:
        if self.plane is None:
            pytest.skip("a cluster named by AIOINFORMER_KUBECONFIG is not ours to compact and restart")
        await self.plane.expire_resource_versions()

    async def open_watches(self, client: Cluster, resource: str) -> int:
        plural, version, *group = resource.split(".")
        wanted = {"verb": "WATCH", "resource": plural, "version": version, "group": ".".join(group)}
        gauges = [
            (dict(re.findall(r'(\w+)="([^"]*)"', line)), float(line.rpartition(" ")[2]))
            for line in (await client.text("/metrics")).splitlines()
            if line.startswith("apiserver_longrunning_requests{")
        ]
        return int(sum(value for labels, value in gauges if wanted.items() <= labels.items()))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real_backend() -> AsyncGenerator[Real]:
    """The real control plane, once for the session."""
    if kubeconfig := os.environ.get("AIOINFORMER_KUBECONFIG"):
        yield Real(Path(kubeconfig), None)
        return
    try:
        binaries = require_binaries()
    except ControlPlaneUnavailable as reason:
        if control_plane_required():
            raise
        pytest.skip(str(reason))
    controllers = binaries.kube_controller_manager is not None  # an envtest bundle has none
    async with ControlPlane(binaries=binaries, controllers=controllers, all_apis=True) as plane:
        yield Real(plane.kubeconfig, plane)


def pytest_configure(config: pytest.Config) -> None:
    """Markers of this suite."""
    config.addinivalue_line("markers", "only_on(backend, reason): a conformance test that skips the other one")


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.control_plane)])
def real(request: pytest.FixtureRequest) -> Real | None:
    """The real backend, or ``None`` for the embedded one; this is what runs each test twice."""
    only = request.node.get_closest_marker("only_on")
    if only is not None and request.param not in only.args:
        pytest.skip(only.kwargs["reason"])
    backend: Real | None = request.getfixturevalue("real_backend") if request.param == "real" else None
    return backend


@pytest.fixture
async def cluster(real: Real | None, tmp_path: Path) -> AsyncGenerator[Cluster]:
    """A cluster with an empty namespace of its own."""
    namespace = f"conformance-{uuid4().hex[:8]}"
    if real is not None:
        async with Cluster(real, namespace, configuration_from(real.kubeconfig)) as cluster:
            yield cluster
        return
    async with ApiServer(token="administrator", version_wait=0.1) as server:
        kubeconfig = tmp_path / "kubeconfig"
        server.write_kubeconfig(kubeconfig)
        backend = Embedded(server, kubeconfig)
        async with Cluster(backend, namespace, configuration_from(kubeconfig)) as cluster:
            yield cluster


@pytest.fixture
async def client(cluster: Cluster) -> AsyncGenerator[ApiClient]:
    """An administrator's client for the library."""
    async with cluster.client() as client:
        yield client


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is shown here; how long it is waited for first, on a virtual clock in tests/listwatch and tests/catalogue."""
    monkeypatch.setattr(Backoff.__init__, "__kwdefaults__", {"initial": 0.05, "cap": 30.0})


@pytest.fixture
async def middleman(cluster: Cluster) -> AsyncGenerator[Middleman]:
    """A proxy between the library and the cluster, by which a test changes what passes."""
    async with cluster.middleman() as middleman:
        yield middleman


@pytest.fixture
async def through(cluster: Cluster, middleman: Middleman) -> AsyncGenerator[SharedInformerFactory]:
    """A running factory behind the middleman, scoped to the test's namespace."""
    async with cluster.client(host=middleman.url) as client:
        async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
            yield factory


@pytest.fixture
async def factory(cluster: Cluster, client: ApiClient) -> AsyncGenerator[SharedInformerFactory]:
    """A running factory, scoped to the test's namespace."""
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        yield factory
