from __future__ import annotations

import json
import selectors
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import pytest

from aioinformer.testing import ApiServer

JSON = dict[str, Any]


@dataclass
class Http:
    """A plain HTTP client: what the server says, unfiltered by any Kubernetes library."""

    session: aiohttp.ClientSession
    url: str

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and decoded body (text where it is no JSON) of one request."""
        data = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url + path, data=data, headers=named) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text

    async def get(self, path: str, **headers: str) -> Any:
        """The body of a GET that succeeds."""
        status, body = await self("GET", path, **headers)
        assert status == 200, body
        return body


@dataclass
class Stream:
    """One open watch response, read an event at a time."""

    response: aiohttp.ClientResponse

    async def next(self) -> tuple[str, JSON]:
        line = await self.response.content.readline()
        assert line.endswith(b"\n"), "the stream ended"
        event = json.loads(line)
        return event["type"], event["object"]

    async def take(self, count: int) -> list[tuple[str, str]]:
        """Type and name (of bookmarks: version) of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(kind, obj["metadata"].get("name") or obj["metadata"]["resourceVersion"]) for kind, obj in events]

    async def ended(self) -> bool:
        return await self.response.content.read() == b""


Watching = Callable[..., Awaitable[Stream]]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The seconds that loops let the operating system wait, at most, for sockets; ``None`` is for ever."""
    asked: list[float | None] = []
    select = selectors.DefaultSelector.select

    def counted(selector: selectors.DefaultSelector, timeout: float | None = None) -> Any:
        asked.append(timeout)
        return select(selector, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", counted)
    return asked


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as running:
        yield running


@pytest.fixture
async def http(server: ApiServer) -> AsyncIterator[Http]:
    async with aiohttp.ClientSession() as session:
        yield Http(session, server.url)


@pytest.fixture
async def watching(http: Http) -> AsyncIterator[Watching]:
    """Opens watches; takes a path, and the query as keywords."""
    responses: list[aiohttp.ClientResponse] = []

    async def watch(path: str, **query: str) -> Stream:
        params: Mapping[str, str] = {"watch": "true", **query}
        responses.append(await http.session.get(http.url + path, params=params))
        assert responses[-1].status == 200, await responses[-1].text()
        return Stream(responses[-1])

    yield watch
    for response in responses:
        response.close()


def pod(name: str, namespace: str = "default", labels: Mapping[str, str] | None = None, **spec: object) -> JSON:
    return {"metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})}, "spec": spec}


def definition(
    plural: str = "widgets", group: str = "example.com", *versions: str, scope: str = "Namespaced", status: bool = True
) -> JSON:
    kind = plural.removesuffix("s").capitalize()
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]]},
            "versions": [
                {
                    "name": name,
                    "served": True,
                    "storage": name == "v1",
                    "subresources": {"status": {}} if status else {},
                }
                for name in versions or ("v1",)
            ],
        },
    }


@pytest.fixture(name="pod")
def make_pod() -> Callable[..., JSON]:
    return pod


@pytest.fixture(name="definition")
def make_definition() -> Callable[..., JSON]:
    return definition


BOTH = ("anyio.pytest_plugin", "pytest_asyncio.plugin")


HEADER = """
    import asyncio
    import pytest
    from aioinformer import SharedInformerFactory
    from aioinformer.testing import ApiServer

    async def uses(server, client):
        server.create("namespaces", {"metadata": {"name": "shop"}})
        async with SharedInformerFactory(client) as factory:
            await factory.core.v1.namespaces.wait_for("shop", timeout=5)
            await server.wait_for_watches(1, "namespaces")
"""


class RunProject(Protocol):
    """Runs pytest on a module of tests, every warning an error, with these plugins beside ours and no others."""

    def __call__(self, tests: str, *arguments: str, plugins: Sequence[str] = BOTH) -> pytest.RunResult: ...


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunProject:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")

    def run(tests: str, *arguments: str, plugins: Sequence[str] = BOTH) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(HEADER) + textwrap.dedent(tests))
        named = [argument for plugin in (*plugins, "_aioinformer_pytest") for argument in ("-p", plugin)]
        if "pytest_asyncio.plugin" in plugins:
            arguments += ("-o", "asyncio_default_fixture_loop_scope=function")
        return pytester.runpytest_inprocess(*named, *arguments)

    return run
