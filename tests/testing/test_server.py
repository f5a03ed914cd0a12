"""The server as its users hold it: lifetime, clients, what it records, and the faults it commits on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes_asyncio import client, config

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testing.conftest import Http, Watching

JSON = dict[str, Any]
PODS = GroupVersionResource("", "v1", "pods")
WIDGETS = APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)


async def test_the_kubernetes_client_understands_it(server: ApiServer, pod: Callable[..., JSON]) -> None:
    server.create("pods", pod("x", nodeName="n", containers=[{"name": "c"}]))
    async with server.api_client() as api:
        listed = await client.CoreV1Api(api).list_namespaced_pod("default")
        assert [item.spec.node_name for item in listed.items] == ["n"]
        with pytest.raises(client.ApiException) as caught:
            await client.CoreV1Api(api).read_namespaced_pod("y", "default")
        assert caught.value.status == 404


async def test_a_client_carries_the_token() -> None:
    async with ApiServer(token="secret") as server, server.api_client() as api:
        assert (await client.CoreV1Api(api).list_pod_for_all_namespaces()).items == []


@pytest.mark.parametrize("token", [None, "secret"])
async def test_the_kubeconfig_works(tmp_path: Path, token: str | None) -> None:
    async with ApiServer(token=token) as server:
        server.write_kubeconfig(tmp_path / "config")
        api = await config.new_client_from_config(str(tmp_path / "config"))
        async with api:
            assert (await client.VersionApi(api).get_code()).minor == "37"


async def test_requests_are_recorded(server: ApiServer, http: Http) -> None:
    await http.get("/api/v1/namespaces/default/pods?limit=5", User_Agent="me")
    await http("GET", "/api/v1/namespaces/default/pods/x")
    first, second = server.requests
    assert (first.number, first.verb, first.resource, first.namespace, dict(first.query)) == (
        1,
        "list",
        PODS,
        "default",
        {"limit": "5"},
    )
    assert (first.user_agent, first.status) == ("me", 200)
    assert (second.number, second.verb, second.name, second.status) == (2, "get", "x", 404)


async def test_waiting_for_requests(server: ApiServer, http: Http) -> None:
    waiting = asyncio.create_task(server.wait_for_requests(1, "pods", verb="list"))
    await http.get("/api/v1/nodes")
    assert not waiting.done()
    await http.get("/api/v1/pods")
    async with asyncio.timeout(5):
        await waiting


async def test_open_watches_are_counted(server: ApiServer, watching: Watching) -> None:
    pods = await watching("/api/v1/pods")
    await watching("/api/v1/nodes")
    assert (server.open_watches(), server.open_watches("pods"), server.open_watches(PODS)) == (2, 1, 1)
    pods.response.close()
    async with asyncio.timeout(5):
        await server.wait_for_watches(0, "pods")
    assert server.open_watches() == 1


async def test_compaction_turns_away_old_watches_but_not_open_ones(
    server: ApiServer, watching: Watching, pod: Callable[..., JSON]
) -> None:
    version = server.resource_version
    before = await watching("/api/v1/pods", resourceVersion=version)
    server.compact()
    after = await watching("/api/v1/pods", resourceVersion=version)
    assert (await after.next())[1]["code"] == 410
    assert await after.ended()
    server.create("pods", pod("x"))
    assert await before.take(1) == [("ADDED", "x")]


async def test_a_resource_that_is_withdrawn_ends_its_watches_and_is_gone(
    server: ApiServer, http: Http, watching: Watching
) -> None:
    server.register(WIDGETS)
    server.create("widgets", {"metadata": {"name": "x"}})
    stream = await watching("/apis/example.com/v1/widgets")
    server.unregister("widgets")
    assert await stream.take(2) == [("ADDED", "x"), ("DELETED", "x")]
    assert await stream.ended()
    assert server.open_watches(WIDGETS) == 0
    assert await http("GET", "/apis/example.com/v1/widgets") == (404, "404 page not found\n")


async def test_deleting_a_definition_ends_the_watches_of_all_its_versions_only_if_all_go(
    server: ApiServer, watching: Watching, definition: Callable[..., JSON]
) -> None:
    created = server.create("crd", definition("widgets", "example.com", "v1", "v1beta1"))
    stable, beta = await watching("/apis/example.com/v1/widgets"), await watching("/apis/example.com/v1beta1/widgets")
    created["spec"]["versions"][1]["served"] = False
    server.update("crd", created)
    assert await beta.ended()
    assert server.open_watches() == 1
    server.delete("crd", "widgets.example.com")
    assert await stable.ended()


async def test_leaving_ends_everything_promptly(pod: Callable[..., JSON]) -> None:
    """Even with a client that does not read what it is sent, and one that connects again at once."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(read_bufsize=1024) as session:
        async with ApiServer() as server:
            for number in range(300):
                server.create("pods", pod(f"p{number}", text="x" * 50_000))
            stuck = await session.get(server.url + "/api/v1/pods?watch=1")
            retrying = asyncio.create_task(session.get(server.url + "/api/v1/nodes?watch=1"))
            await server.wait_for_watches(2)
            started = loop.time()
        assert loop.time() - started < 1
        stuck.close()
        retrying.cancel()
        await asyncio.gather(retrying, return_exceptions=True)


async def test_the_server_can_go_and_come_back_with_all_it_knew(pod: Callable[..., JSON]) -> None:
    server = ApiServer()
    async with server:
        url = server.url
        server.create("pods", pod("x"))
    server.create("pods", pod("y"))
    async with server, aiohttp.ClientSession() as session, session.get(url + "/api/v1/pods") as response:
        assert [item["metadata"]["name"] for item in (await response.json())["items"]] == ["x", "y"]


async def test_after_leaving_nobody_listens() -> None:
    async with ApiServer() as server:
        pass
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(server.url + "/version")


async def test_a_client_that_goes_away_leaves_no_task_behind(server: ApiServer, watching: Watching) -> None:
    before = asyncio.all_tasks()
    stream = await watching("/api/v1/pods")
    stream.response.close()
    async with asyncio.timeout(5):
        await server.wait_for_watches(0)
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)


def test_a_server_s_repr_keeps_its_token_to_itself() -> None:
    assert "secret" not in repr(ApiServer(token="secret"))
