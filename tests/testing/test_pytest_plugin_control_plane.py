"""The control plane's fixture, in projects of their own: where there is none, where it is somebody else's, and for a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testing.conftest import RunProject

pytest_plugins = ["pytester"]


def test_without_a_control_plane_tests_skip_and_say_how_to_get_one(
    run: RunProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Synchronous tests, too; the reason names what was looked at."""
    monkeypatch.delenv("AIOINFORMER_KUBECONFIG", raising=False)
    monkeypatch.delenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", raising=False)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    result = run(
        """
        def test_synchronous(control_plane): ...
        async def test_asynchronous(control_plane, api_client): ...
        """,
        "--asyncio-mode=auto",
        "-rs",
    )
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines([f"SKIPPED*KUBEBUILDER_ASSETS={tmp_path} lacks etcd, kube-apiserver, kubectl.*"])
    monkeypatch.setenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", "1")
    result = run("def test_it(control_plane): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"E *ControlPlaneUnavailable: KUBEBUILDER_ASSETS={tmp_path} lacks *"])


@pytest.mark.parametrize("settings", ["{}", '{"token": "secret"}'], ids=["open", "with a token"])
def test_the_client_is_for_the_control_plane_where_the_test_uses_that(
    run: RunProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: str
) -> None:
    """By its kubeconfig, which is all there is of a cluster that AIOINFORMER_KUBECONFIG names."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    monkeypatch.setenv("AIOINFORMER_KUBECONFIG", str(kubeconfig))
    result = run(
        f"""
        @pytest.fixture
        async def cluster(control_plane):
            async with ApiServer(**{settings}) as server:
                server.write_kubeconfig(control_plane.kubeconfig)
                yield server

        async def test_it(cluster, api_client):
            await uses(cluster, api_client)

        async def test_what_is_not_ours_is_not_touched(control_plane):
            await control_plane.kill_api_server()
        """,
        "--asyncio-mode=auto",
        "-rs",
    )
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*a cluster named by AIOINFORMER_KUBECONFIG is not ours to *"])


@pytest.mark.control_plane
def test_one_control_plane_serves_a_session(assets: Path, run: RunProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started while a loop is running; used by synchronous tests and from any loop."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.delenv("AIOINFORMER_KUBECONFIG", raising=False)
    result = run(
        """
        planes = set()

        @pytest.fixture(scope="session")
        def control_plane_settings():
            return {"controllers": False}

        async def create(name, client):
            await client.call_api(
                "/api/v1/namespaces", "POST", body={"metadata": {"name": name}}, auth_settings=["BearerToken"],
                _preload_content=False,
            )
            async with SharedInformerFactory(client) as factory:
                await factory.core.v1.namespaces.wait_for(name, timeout=5)

        @pytest.mark.asyncio
        async def test_asks_within_a_loop(request):
            planes.add(request.getfixturevalue("control_plane"))

        @pytest.mark.asyncio
        async def test_asyncio(control_plane, api_client):
            planes.add(control_plane)
            await create("one", api_client)

        @pytest.mark.anyio
        async def test_anyio(control_plane, api_client):
            planes.add(control_plane)
            await create("two", api_client)

        def test_synchronous(control_plane):
            assert planes == {control_plane}
            assert sorted(control_plane.pids) == ["etcd", "kube-apiserver"]
        """
    )
    result.assert_outcomes(passed=4)
