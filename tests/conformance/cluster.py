"""A cluster as the conformance tests see it: the same verbs over HTTP, whatever serves them."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import yaml
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer.resource import GroupVersionResource, ResourceName, find_builtin
from tests.conformance.middleman import Middleman

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path
    from typing import Self

    import aiohttp

CONFIGMAPS = "configmaps.v1"
Object = dict[str, Any]


class Backend(Protocol):
    """What differs between an embedded server and a real one."""

    name: str
    kubeconfig: Path

    async def expire_history(self) -> None:
        """Make every version handed out so far too old to watch from; open watches break."""

    async def open_watches(self, client: Cluster, resource: str) -> int:
        """How many watches on a resource the server itself counts."""
        ...


class Wire:
    """A TCP proxy in front of the server: counts connections, cuts them, refuses new ones, and holds what they carry."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving = 0
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.refusing = False
        self.accepted = 0

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.refusing = True
        self._flowing.set()
        for _turn in range(10):  # what was accepted in the last turn is served in one of the next, and is cut there
            self.cut()
            await asyncio.sleep(0)
        while self._serving:
            self.cut()
            await asyncio.sleep(0)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Pass on nothing more, and close nothing."""
        self._flowing.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        self.accepted += 1
        self._serving += 1
        try:
            await self._relay(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._serving -= 1

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(*self._target)
        self._writers |= {writer, downstream}
        await asyncio.gather(self._pump(reader, downstream), self._pump(upstream, writer), return_exceptions=True)
        self._writers -= {writer, downstream}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1 << 16):
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()


class Cluster:
    """Verbs over HTTP with an administrator's client of its own, and clients for the library to use."""

    def __init__(self, backend: Backend, namespace: str, configuration: Configuration) -> None:
        self.backend = backend
        self.namespace = namespace
        self._configuration = configuration
        self._stack = AsyncExitStack()
        self._api: ApiClient | None = None

    async def __aenter__(self) -> Self:
        self._api = await self._stack.enter_async_context(ApiClient(self._configuration))
        await self._open_namespace()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.request("DELETE", f"/api/v1/namespaces/{self.namespace}")
        await self._stack.aclose()

    @asynccontextmanager
    async def client(
        self, *, token: str | None = None, wire: Wire | None = None, host: str | None = None
    ) -> AsyncGenerator[ApiClient]:
        """A client for the library under test, with another token, through a wire or to another host if wanted."""
        configuration = Configuration()
        for name in ("host", "ssl_ca_cert", "cert_file", "key_file", "verify_ssl"):
            setattr(configuration, name, getattr(self._configuration, name))
        configuration.api_key = dict(self._configuration.api_key)
        if token is not None:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
        if wire is not None:
            configuration.host = re.sub(r"://[^/]+", f"://127.0.0.1:{wire.port}", str(configuration.host))
        configuration.host = host or configuration.host
        async with ApiClient(configuration) as client:
            yield client

    @asynccontextmanager
    async def wire(self) -> AsyncGenerator[Wire]:
        """A wire to this cluster's API server."""
        host, _, port = str(self._configuration.host).partition("://")[2].partition(":")
        async with Wire(host, int(port)) as wire:
            yield wire

    @asynccontextmanager
    async def middleman(self) -> AsyncGenerator[Middleman]:
        """An HTTP proxy to this cluster's API server."""
        async with Middleman(self._configuration) as middleman:
            yield middleman

    async def request(self, method: str, path: str, body: Object | None = None, **query: str) -> Object:
        """A JSON request; the answer, which may be a Status."""
        assert self._api is not None
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
        )
        async with response:
            text = await response.text()
        if not text.startswith("{"):
            return {"kind": "Status", "status": "Failure", "code": response.status, "message": text}
        answer: Object = msgspec.json.decode(text)
        return answer

    async def text(self, path: str) -> str:
        """The text of a GET."""
        assert self._api is not None
        response: aiohttp.ClientResponse = await self._api.call_api(
            path, "GET", auth_settings=["BearerToken"], _preload_content=False
        )
        async with response:
            return await response.text()

    async def create(self, resource: str, name: str, **fields: Any) -> Object:
        """Create an object; ``labels`` goes to its metadata, everything else to the top level."""
        builtin = find_builtin(ResourceName.parse(resource))
        metadata: Object = {"name": name}
        if labels := fields.pop("labels", None):
            metadata["labels"] = labels
        kinds = {"kind": builtin.kind, "apiVersion": builtin.gvr.api_version} if builtin else {}
        return self._made(await self.request("POST", self.path(resource), {**kinds, "metadata": metadata, **fields}))

    async def patch(self, resource: str, name: str, **fields: Any) -> Object:
        """Merge-patch an object."""
        return self._made(await self.request("PATCH", f"{self.path(resource)}/{name}", fields))

    async def delete(self, resource: str, name: str) -> Object:
        """Delete an object."""
        return self._made(await self.request("DELETE", f"{self.path(resource)}/{name}"))

    async def listed(self, resource: str, **query: str) -> list[Object]:
        """A fresh, consistent LIST."""
        items: list[Object] = (await self.request("GET", self.path(resource), None, **query))["items"]
        return items

    async def create_many(self, resource: str, names: list[str], **fields: Any) -> None:
        """Create objects, 20 at a time."""
        for start in range(0, len(names), 20):
            await asyncio.gather(*(self.create(resource, name, **fields) for name in names[start : start + 20]))

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask the server again and again until it agrees; for its own asynchronous doings only."""
        while not await condition():
            await self.request("GET", "/version")

    def path(self, resource: str) -> str:
        """The collection's path in the test's namespace."""
        name = ResourceName.parse(resource)
        builtin = find_builtin(name)
        if builtin is not None:
            return builtin.gvr.path(self.namespace if builtin.namespaced else None)
        return GroupVersionResource(name.group or "", name.version or "v1", name.name).path(self.namespace)

    async def _open_namespace(self) -> None:
        await self.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    @staticmethod
    def _made(answer: Object) -> Object:
        if answer.get("kind") == "Status" and answer.get("status") == "Failure":
            raise AssertionError(answer["message"])
        return answer


def configuration_from(kubeconfig: Path) -> Configuration:
    """A client configuration from a kubeconfig with a token and a CA file, as both backends write it."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    configuration = Configuration(host=cluster["server"])
    configuration.ssl_ca_cert = cluster.get("certificate-authority")
    if "token" in user:
        configuration.api_key["BearerToken"] = f"Bearer {user['token']}"
    return configuration
