from __future__ import annotations

import asyncio
import json
import os
import ssl
import tempfile
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from kubernetes_asyncio import client, config

from aioinformer.testing.control_plane import (
    Binaries,
    ControlPlane,
    ControlPlaneError,
    ControlPlaneUnavailable,
    control_plane_required,
    require_binaries,
)
from tests.hanging_up import hanging_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
posix_only = pytest.mark.skipif(os.name == "nt", reason="the fakes are shell scripts")


def available(*, controllers: bool = False) -> Binaries:
    try:
        return require_binaries(controllers=controllers)
    except ControlPlaneUnavailable as error:
        if control_plane_required():
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_plane() -> AsyncIterator[ControlPlane]:
    async with ControlPlane(binaries=available(controllers=True), controllers=True) as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: ControlPlane) -> ControlPlane:
    """The plane of this module, started on another event loop than the test's."""
    return shared_plane


@asynccontextmanager
async def session_for(plane: ControlPlane) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=plane.ca_file))
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with aiohttp.ClientSession(plane.url, headers=headers, connector=connector) as session:
        yield session


async def fetch(session: aiohttp.ClientSession, path: str, **query: str) -> tuple[int, dict[str, Any]]:
    async with session.get(path, params=query) as response:
        return response.status, await response.json()


async def create_config_map(session: aiohttp.ClientSession, name: str) -> str:
    async with session.post(CONFIG_MAPS, json={"metadata": {"name": name}}) as response:
        assert response.status == 201
        return str((await response.json())["metadata"]["resourceVersion"])


async def first_event(session: aiohttp.ClientSession, resource_version: str) -> dict[str, Any]:
    query = {"watch": "1", "resourceVersion": resource_version}
    async with session.get(CONFIG_MAPS, params=query) as response:
        assert response.status == 200
        with hanging_up(response):
            event: dict[str, Any] = json.loads(await response.content.readline())
        return event


async def kubectl(plane: ControlPlane, *arguments: str, token: str | None = None) -> tuple[str, str]:
    """What kubectl wrote to its standard output and to its standard error."""
    return await kubectl_with(plane.kubeconfig_for(token or plane.token), plane, *arguments)


async def kubectl_with(kubeconfig: Path, plane: ControlPlane, *arguments: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        plane.binaries.kubectl, f"--kubeconfig={kubeconfig}", *arguments, stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()
    return output.decode(), errors.decode()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_kubectl_and_the_server_are_of_one_version(plane: ControlPlane) -> None:
    output, _ = await kubectl(plane, "version", "--output=json")
    versions = json.loads(output)
    assert versions["clientVersion"]["gitVersion"] == versions["serverVersion"]["gitVersion"]


async def test_kubernetes_asyncio_reads_the_kubeconfig(plane: ControlPlane) -> None:
    configuration = client.Configuration()
    await config.load_kube_config(str(plane.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        namespaces = await client.CoreV1Api(api).list_namespace()
    assert "default" in {namespace.metadata.name for namespace in namespaces.items}


async def test_the_powerless_user_is_forbidden_and_a_stranger_unauthorized(plane: ControlPlane) -> None:
    _, refused = await kubectl(plane, "get", "pods", token=plane.powerless_token)
    assert "Forbidden" in refused
    _, refused = await kubectl(plane, "get", "pods", token="stranger")
    assert "Unauthorized" in refused
    assert plane.kubeconfig_for("stranger") == plane.kubeconfig_for("stranger") != plane.kubeconfig


async def test_controllers_make_pods_of_a_deployment_and_collect_them(plane: ControlPlane) -> None:
    await kubectl(plane, "create", "deployment", "web", "--image=nginx", "--replicas=2")
    _, problem = await kubectl(plane, "wait", "deployment/web", "--for=jsonpath={.status.replicas}=2", "--timeout=50s")
    assert problem == ""
    pods, _ = await kubectl(plane, "get", "pods", "--selector=app=web", "--output=name")
    assert pods.count("pod/") == 2
    await kubectl(plane, "delete", "deployment", "web", "--cascade=foreground", "--timeout=50s")
    left, _ = await kubectl(plane, "get", "replicasets,pods", "--selector=app=web", "--output=name")
    assert left == ""


async def test_a_killed_api_server_refuses_and_a_restarted_one_remembers(plane: ControlPlane) -> None:
    url = plane.url
    async with session_for(plane) as session:
        await create_config_map(session, "kept")
        await plane.kill_api_server()
        with pytest.raises(aiohttp.ClientConnectionError):
            await fetch(session, CONFIG_MAPS)
        assert "kube-apiserver" not in plane.pids
        await plane.restart_api_server()
        status, _ = await fetch(session, f"{CONFIG_MAPS}/kept")
    assert status == 200
    assert plane.url == url


async def test_a_killed_etcd_comes_back_with_its_data(plane: ControlPlane) -> None:
    async with session_for(plane) as session:
        await create_config_map(session, "kept-by-etcd")
        api_server = plane.pids["kube-apiserver"]
        await plane.kill_etcd()
        assert "etcd" not in plane.pids
        await plane.restart_etcd()
        status, _ = await fetch(session, f"{CONFIG_MAPS}/kept-by-etcd")
    assert status == 200
    assert plane.pids["kube-apiserver"] == api_server


async def test_a_paused_api_server_answers_when_it_goes_on(plane: ControlPlane) -> None:
    async with session_for(plane) as session:
        with plane.paused():
            asking = asyncio.create_task(fetch(session, CONFIG_MAPS))
            await asyncio.wait({asking}, timeout=0.2)
            assert not asking.done()
        status, _ = await asking
    assert status == 200


async def test_a_rotated_token_replaces_the_old_one_in_its_file_and_at_the_server(plane: ControlPlane) -> None:
    before, plugin = plane.token, ("/bin/echo", '{"apiVersion": "x"}')
    kubeconfigs = plane.token_file_kubeconfig(), plane.exec_kubeconfig(*plugin)
    assert await plane.rotate_token() == plane.token != before
    _, refused = await kubectl(plane, "get", "pods", token=before)
    assert "Unauthorized" in refused
    _, problem = await kubectl_with(kubeconfigs[0], plane, "get", "configmaps")
    assert problem == "" or "No resources" in problem
    assert plane.token_file.read_text().strip() == plane.token
    assert kubeconfigs == (plane.token_file_kubeconfig(), plane.exec_kubeconfig(*plugin))


async def test_another_certificate_is_trusted_by_those_only_who_read_the_ca_file_anew(plane: ControlPlane) -> None:
    """Without a certificate given the server makes one by an authority of its own; a given one it serves as it is."""
    kept = {path: path.read_bytes() for path in (plane.ca_file, plane.ca_file.with_suffix(".key"))}
    async with session_for(plane) as before:
        await plane.rotate_serving_certificate()
        async with session_for(plane) as after:
            assert (await fetch(after, CONFIG_MAPS))[0] == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await fetch(before, CONFIG_MAPS)
        saved = [plane.kubeconfig.with_name(path.name) for path in kept]
        for path, content in zip(saved, kept.values(), strict=True):
            path.write_bytes(content)
        await plane.rotate_serving_certificate(*saved)
        assert (await fetch(before, CONFIG_MAPS))[0] == 200


async def test_compaction_alone_leaves_cached_watches_working(plane: ControlPlane) -> None:
    async with session_for(plane) as session:
        before = await create_config_map(session, "before-compaction")
        await create_config_map(session, "after-compaction")
        assert await plane.compact() > int(before)
        event = await first_event(session, before)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "after-compaction")


async def test_expiry_answers_410_to_watches_and_continue_tokens(plane: ControlPlane) -> None:
    async with session_for(plane) as session:
        await create_config_map(session, "page-1")
        await create_config_map(session, "page-2")
        _, page = await fetch(session, CONFIG_MAPS, limit="1")
        await plane.expire_resource_versions()
        event = await first_event(session, page["metadata"]["resourceVersion"])
        status, refused = await fetch(session, CONFIG_MAPS, limit="1", **{"continue": page["metadata"]["continue"]})
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert (status, refused["reason"]) == (410, "Expired")
    assert refused["metadata"]["continue"]


async def test_options_reach_the_api_server_and_uncached_watches_expire_at_once() -> None:
    flags = ["--watch-cache-sizes=configmaps#0"]
    async with ControlPlane(binaries=available(), all_apis=True, api_server_flags=flags) as plane:
        assert set(plane.pids) == {"etcd", "kube-apiserver"}
        async with session_for(plane) as session:
            status, _ = await fetch(session, "/apis/internal.apiserver.k8s.io/v1alpha1")
            assert status == 200
            version = await create_config_map(session, "newest")
            await plane.compact()
            event = await first_event(session, version)
        pids, kubeconfig = plane.pids, plane.kubeconfig
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert all(gone(pid) for pid in pids.values())
    assert not kubeconfig.parent.exists()


async def test_cancelling_a_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plane = ControlPlane(binaries=available())
    starting = asyncio.create_task(plane.start())
    while "kube-apiserver" not in plane.pids:
        assert not starting.done()
        await asyncio.sleep(0.01)
    pids = plane.pids
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert plane.pids == {}
    assert all(gone(pid) for pid in pids.values())
    assert names_in(tmp_path) == []


def fake_binaries(directory: Path, *, etcd: str) -> Binaries:
    script = directory / "etcd"
    script.write_text(f"#!/bin/sh\n{etcd}\n")
    script.chmod(0o755)
    return Binaries(etcd=script, kube_apiserver=directory / "absent", kubectl=directory / "absent")


@posix_only
async def test_a_process_that_dies_at_its_start_is_named_with_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    binaries = fake_binaries(tmp_path, etcd="echo unknown flag; exit 3")
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(data))
    with pytest.raises(ControlPlaneError, match=r"(?s)etcd died \(exit status 3\).*unknown flag"):
        await ControlPlane(binaries=binaries).start()
    assert names_in(data) == []


@posix_only
async def test_a_process_that_is_not_ready_in_time_is_named_with_its_log(tmp_path: Path) -> None:
    plane = ControlPlane(binaries=fake_binaries(tmp_path, etcd="echo waiting; exec sleep 3600"), start_timeout=0.3)
    with pytest.raises(ControlPlaneError, match=r"(?s)etcd was not ready after 0\.3 s.*waiting"):
        await plane.start()
    assert plane.pids == {}


@posix_only
async def test_a_clash_of_ports_is_tried_again_with_other_ports(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    binaries = fake_binaries(tmp_path, etcd=f"echo $3 >> {runs}; echo bind: address already in use; exit 1")
    with pytest.raises(ControlPlaneError, match="address already in use"):
        await ControlPlane(binaries=binaries).start()
    assert len(set(runs.read_text().split())) == 3


async def test_starting_twice_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="running already"):
        await plane.start()
    assert "etcd" in plane.pids


async def test_a_stopped_plane_says_so() -> None:
    plane = ControlPlane()
    assert repr(plane) == "<ControlPlane stopped>"
    assert plane.pids == {}
    with pytest.raises(ControlPlaneError, match="not running"):
        _ = plane.url
    with pytest.raises(ControlPlaneError, match="not running"):
        _ = plane.binaries
    with pytest.raises(ControlPlaneError, match="no kube-apiserver running"):
        await plane.restart_api_server()
    await plane.aclose()


async def test_controllers_without_a_controller_manager_are_refused(tmp_path: Path) -> None:
    plane = ControlPlane(binaries=fake_binaries(tmp_path, etcd="exec sleep 3600"), controllers=True)
    with pytest.raises(ControlPlaneUnavailable, match="no kube-controller-manager"):
        await plane.start()
