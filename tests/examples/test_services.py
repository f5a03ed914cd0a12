"""Both services have one interface, so one suite holds for both."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx
import pytest
import uvicorn
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from aioinformer import InformerError
from aioinformer.metrics import PROMETHEUS
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from kubernetes_asyncio.client import ApiClient

    from aioinformer import Informer, KubeObject
    from tests.examples.conftest import RunExample

DEPLOYMENTS = "deployments.apps"
PATIENCE = 10.0


class Service(NamedTuple):
    http: httpx.AsyncClient
    deployments: Informer[KubeObject]

    async def until_ready(self) -> None:
        """Probe until it is, as a kubelet would."""
        async with asyncio.timeout(PATIENCE):
            while (await self.http.get("/readyz")).status_code != 200:
                pass

    async def until_unready(self, because: str) -> str:
        """Probe until it is not, for this reason; the whole answer."""
        async with asyncio.timeout(PATIENCE):
            while because not in (response := await self.http.get("/readyz")).text:
                pass
        assert response.status_code == 503
        return response.text

    async def until_subscribed(self, count: int) -> None:
        """Let the service work until that many subscriptions are open."""
        async with asyncio.timeout(PATIENCE):
            while len(self.deployments.status.pending) != count:
                await self.http.get("/livez")


class Serve(Protocol):
    def __call__(self, api_client: ApiClient) -> AbstractAsyncContextManager[Service]: ...


class Stream:
    """The server-sent events of a response, decoded."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str | None, str]:
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith("data: "):
                    event = json.loads(line.removeprefix("data: "))
                    return event["type"], event["key"], event["resource_version"]
        raise EOFError("the stream ended")


def listener() -> socket.socket:
    """Connections queue from now on, so nobody has to wait until the service has started."""
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it only where it made the socket itself
    return bound


def client_of(bound: socket.socket) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", timeout=PATIENCE)


@asynccontextmanager
async def serve_fastapi(module: Any, api_client: ApiClient) -> AsyncIterator[Service]:
    config = uvicorn.Config(module.make_app(api_client), log_config=None, ws="none", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    with listener() as bound:
        serving = asyncio.create_task(server.serve([bound]))
        async with client_of(bound) as http:
            try:
                await http.get("/livez")
                yield Service(http, server.lifespan.state["deployments"])
            finally:
                server.should_exit = True
                await serving


@asynccontextmanager
async def serve_aiohttp(module: Any, api_client: ApiClient) -> AsyncIterator[Service]:
    runner = web.AppRunner(module.make_app(api_client), handler_cancellation=True)
    await runner.setup()
    with listener() as bound:
        await web.SockSite(runner, bound).start()
        try:
            async with client_of(bound) as http:
                yield Service(http, runner.app[module.DEPLOYMENTS])
        finally:
            await runner.cleanup()


@pytest.fixture(params=["fastapi", "aiohttp"])
def serve(request: pytest.FixtureRequest, load_example: Callable[[str], Any]) -> Serve:
    module = load_example(f"{request.param}_service")
    serving = {"fastapi": serve_fastapi, "aiohttp": serve_aiohttp}[request.param]
    return lambda api_client: serving(module, api_client)


@pytest.fixture
async def api_client(server: ApiServer) -> AsyncIterator[ApiClient]:
    async with server.api_client() as client:
        yield client


def create(server: ApiServer, name: str, namespace: str = "default", **labels: str) -> str:
    """Create a Deployment; its resource version."""
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    made = server.create(DEPLOYMENTS, {"metadata": metadata, "spec": {"replicas": 2}})
    return str(made["metadata"]["resourceVersion"])


async def test_is_ready_once_the_cache_is_in_sync_and_says_until_then_what_is_missing(serve: Serve) -> None:
    credentials = asyncio.Event()

    async def wait_for_credentials(_: object) -> None:
        await credentials.wait()

    async with ApiServer(token="secret") as server, server.api_client() as client:
        client.configuration.refresh_api_key_hook = wait_for_credentials
        async with serve(client) as service:
            response = await service.http.get("/readyz")
            assert response.status_code == 503
            assert "deployments.v1.apps is syncing" in response.text
            assert (await service.http.get("/livez")).status_code == 200
            credentials.set()
            await service.until_ready()


async def test_is_not_ready_without_permission(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    server.on(DEPLOYMENTS).revoke()
    async with serve(api_client) as service:
        assert "cannot watch resource" in await service.until_unready("denied")
        assert (await service.http.get("/livez")).status_code == 200


async def test_is_not_ready_once_permission_was_taken_away(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    async with serve(api_client) as service:
        await service.until_ready()
        server.on(DEPLOYMENTS).revoke()
        server.on(DEPLOYMENTS).end_cleanly()
        assert "cannot watch resource" in await service.until_unready("denied")


async def test_is_not_ready_when_the_resource_is_missing(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    server.unregister("deployments.v1.apps")
    async with serve(api_client) as service:
        assert "404" in await service.until_unready("missing")


async def test_is_not_ready_when_the_cache_has_gone_stale(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ApiServer())
        create(server, "web")
        async with server.api_client() as client, serve(client) as service:
            await service.until_ready()
            await stack.aclose()
            monkeypatch.setattr("aioinformer.status.STALE_AFTER", 0.0)
            await service.until_unready("stale")
            assert (await service.http.get("/deployments/default/web")).status_code == 200  # the last known state


async def test_a_routine_reconnect_does_not_touch_readiness(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    async with serve(api_client) as service:
        await service.until_ready()
        before = len(server.requests)
        server.on(DEPLOYMENTS).cut()
        while len(server.requests) == before:
            assert (await service.http.get("/readyz")).status_code == 200
        await server.wait_for_watches(1, DEPLOYMENTS)
        assert (await service.http.get("/readyz")).status_code == 200


async def test_a_half_open_connection_is_not_ready_in_the_end(
    serve: Serve, server: ApiServer, api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket stays open and nothing comes; readiness goes with the deadline, and comes back with an answer."""
    monkeypatch.setattr("aioinformer.listwatch.SHORTEST_SILENCE", 0.3)
    monkeypatch.setattr("aioinformer.status.STALE_AFTER", 0.2)
    async with serve(api_client) as service:
        await service.until_ready()
        for _ in range(2):  # from which the rhythm is learnt
            server.send_bookmarks()
            await service.http.get("/livez")
        with server.stall(new_requests=True):
            await service.until_unready("stale")
            assert (await service.http.get("/livez")).status_code == 200
        await service.until_ready()


async def test_a_defect_is_not_alive(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    """Only a restart mends an informer that a defect has stopped."""
    async with serve(api_client) as service:
        await service.until_ready()
        assert (await service.http.get("/livez")).status_code == 200
        service.deployments._mirror.failure = InformerError("a defect")
        service.deployments.finish()
        response = await service.http.get("/livez")
        assert (response.status_code, "a defect" in response.text) == (500, True)
        assert (await service.http.get("/readyz")).status_code == 503


async def test_tells_prometheus_how_its_informers_are_doing(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    create(server, "web")
    async with serve(api_client) as service:
        await service.until_ready()
        response = await service.http.get("/metrics")
        assert response.headers["content-type"] == PROMETHEUS
        samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
        told = {sample.name: sample.value for sample in samples if sample.labels["informer"] == "deployments.v1.apps"}
        assert (told["aioinformer_objects"], told["aioinformer_ready"]) == (1, 1)


async def test_lists_by_namespace_and_label_selector(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    create(server, "web", tier="front")
    create(server, "api", tier="back")
    create(server, "dns", "kube-system", tier="back")
    server.patch(DEPLOYMENTS, "web", {"status": {"readyReplicas": 1}}, subresource="status")
    async with serve(api_client) as service:
        await service.until_ready()

        async def names(**query: str) -> list[str]:
            return [row["name"] for row in (await service.http.get("/deployments", params=query)).json()]

        assert sorted(await names()) == ["api", "dns", "web"]
        assert sorted(await names(namespace="default")) == ["api", "web"]
        assert sorted(await names(label_selector="tier in (back)")) == ["api", "dns"]
        assert await names(namespace="nowhere") == []
        response = await service.http.get(
            "/deployments", params={"namespace": "default", "label_selector": "tier=front"}
        )
        assert response.json() == [{"namespace": "default", "name": "web", "replicas": 2, "ready": 1}]


async def test_a_selector_that_does_not_parse_is_the_callers_error(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    async with serve(api_client) as service:
        await service.until_ready()
        response = await service.http.get("/deployments", params={"label_selector": "tier in ("})
        assert response.status_code == 400
        assert (await service.http.get("/deployments", params={"namespace": ""})).status_code == 400


async def test_gets_one_object_as_the_server_has_it(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    create(server, "web")
    async with serve(api_client) as service:
        await service.until_ready()
        response = await service.http.get("/deployments/default/web")
        assert response.headers["content-type"].startswith("application/json")
        assert response.json() == server.get(DEPLOYMENTS, "web")
        missing = await service.http.get("/deployments/default/nothing")
        assert missing.status_code == 404
        assert "default/nothing" in missing.text


async def test_streams_what_is_there_then_every_change(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    first = create(server, "web")
    async with serve(api_client) as service:
        await service.until_ready()
        async with service.http.stream("GET", "/deployments/events") as response:
            stream = Stream(response)
            assert await stream.next() == ("ADDED", "default/web", first)
            assert await stream.next() == ("SYNCED", None, first)
            patched = server.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}})
            assert await stream.next() == ("UPDATED", "default/web", patched["metadata"]["resourceVersion"])
            second = create(server, "api")
            assert await stream.next() == ("ADDED", "default/api", second)
            server.delete(DEPLOYMENTS, "web")
            assert (await stream.next())[:2] == ("DELETED", "default/web")


async def test_streams_one_namespace_only(serve: Serve, server: ApiServer, api_client: ApiClient) -> None:
    create(server, "web")
    async with serve(api_client) as service:
        await service.until_ready()
        async with service.http.stream("GET", "/deployments/events", params={"namespace": "kube-system"}) as response:
            stream = Stream(response)
            assert (await stream.next())[0] == "SYNCED"
            create(server, "api")
            create(server, "dns", "kube-system")
            assert (await stream.next())[:2] == ("ADDED", "kube-system/dns")


async def test_a_namespace_that_is_no_name_is_the_callers_error(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    async with serve(api_client) as service:
        await service.until_ready()
        response = await service.http.get("/deployments/events", params={"namespace": "No_Name"})
        assert response.status_code == 400
        assert "No_Name" in response.text


async def test_a_client_that_disconnects_ends_its_subscription(
    serve: Serve, server: ApiServer, api_client: ApiClient
) -> None:
    async with serve(api_client) as service:
        await service.until_ready()
        async with (
            service.http.stream("GET", "/deployments/events") as one,
            service.http.stream("GET", "/deployments/events") as other,
        ):
            staying, leaving = Stream(one), Stream(other)
            await staying.next()
            await leaving.next()
            assert len(service.deployments.status.pending) == 2
            await other.aclose()
            await service.until_subscribed(1)
            create(server, "web")
            assert (await staying.next())[:2] == ("ADDED", "default/web")
        await service.until_subscribed(0)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "uvicorn", "fastapi_service:app", "--port", "0", "--timeout-graceful-shutdown", "0"),
        ("aiohttp_service.py",),
    ],
    ids=["fastapi", "aiohttp"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM that a process can handle")
async def test_runs_from_the_kubeconfig_and_stops_when_told_though_a_stream_is_open(
    server: ApiServer, run_example: RunExample, command: tuple[str, ...]
) -> None:
    create(server, "web")
    async with run_example(*command, PORT="0") as program:
        async for line in program.output:
            if address := re.search(rb"unning on (http://127.0.0.1:\d+)", line):
                break
        else:
            pytest.fail("it ended before it listened")
        async with (
            httpx.AsyncClient(base_url=address[1].decode(), timeout=PATIENCE) as http,
            http.stream("GET", "/deployments/events") as response,
        ):
            stream = Stream(response)
            assert (await stream.next())[:2] == ("ADDED", "default/web")
            assert (await stream.next())[0] == "SYNCED"
            program.process.send_signal(signal.SIGTERM)
            output = await program.output.read()
        for complaint in (b"unclosed", b"was destroyed", b"never retrieved"):
            assert complaint not in output.lower(), output.decode()
        assert await program.process.wait() in {0, -signal.SIGTERM}
