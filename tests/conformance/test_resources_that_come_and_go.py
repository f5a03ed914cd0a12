"""Custom resources that are installed, uninstalled and served in other versions while informers run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from aioinformer import (
    Added,
    Deleted,
    InformerState,
    ResourceAppeared,
    ResourceVanished,
    SharedInformerFactory,
    Synced,
    UnknownResource,
    Updated,
    served,
)
from tests.conformance.conftest import Embedded, Real

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer import Informer, ResourceChanges
    from tests.conformance.cluster import Cluster, Wire

PATIENCE = 30.0
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Definition:
    """A custom resource of this test's own, that can be installed and uninstalled."""

    def __init__(self, cluster: Cluster) -> None:
        self.group = f"g{uuid4().hex[:8]}.example.com"
        self.path = f"{DEFINITIONS}/widgets.{self.group}"
        self._cluster = cluster

    def name(self, version: str = "v1") -> str:
        return f"widgets.{version}.{self.group}"

    async def install(self, *versions: str) -> None:
        """Create it, and return when the server serves it."""
        names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
        spec = {"group": self.group, "scope": "Namespaced", "names": names, "versions": _versions(versions, versions)}
        document = {"metadata": {"name": f"widgets.{self.group}"}, "spec": spec}
        await self._cluster.request("POST", DEFINITIONS, document)
        await self._cluster.until(lambda: self.is_served(versions[0]))

    async def serve(self, versions: tuple[str, ...], of: tuple[str, ...]) -> None:
        """Serve these of its versions from now on."""
        await self._cluster.request("PATCH", self.path, {"spec": {"versions": _versions(of, versions)}})

    async def uninstall(self) -> None:
        """Delete it, and return when it has gone."""
        await self._cluster.request("DELETE", self.path)

        async def has_gone() -> bool:
            return bool((await self._cluster.request("GET", self.path)).get("code") == 404)

        await self._cluster.until(has_gone)

    async def create(self, name: str, version: str = "v1") -> None:
        """Create an object, as soon as the server lets us: it may serve a resource a little before it takes objects."""
        path = f"/apis/{self.group}/{version}/namespaces/{self._cluster.namespace}/widgets"
        body = {"apiVersion": f"{self.group}/{version}", "kind": "Widget", "metadata": {"name": name}}

        async def is_made() -> bool:
            return bool((await self._cluster.request("POST", path, body))["kind"] == "Widget")

        await self._cluster.until(is_made)

    async def label(self, name: str, version: str) -> None:
        """Change an object, by a version that is served."""
        path = f"/apis/{self.group}/{version}/namespaces/{self._cluster.namespace}/widgets/{name}"
        await self._cluster.request("PATCH", path, {"metadata": {"labels": {"changed": "yes"}}})

    async def is_withdrawn(self, version: str) -> bool:
        return not await self.is_served(version)

    async def is_served(self, version: str) -> bool:
        answer = await self._cluster.request("GET", f"/apis/{self.group}/{version}/widgets")
        return bool(answer["kind"] == "WidgetList")


def _versions(all_of_them: tuple[str, ...], served: tuple[str, ...]) -> list[dict[str, Any]]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return [
        {"name": version, "served": version in served, "storage": version == all_of_them[0], "schema": schema}
        for version in all_of_them
    ]


@pytest.fixture
async def widgets(cluster: Cluster) -> AsyncGenerator[Definition]:
    definition = Definition(cluster)
    yield definition
    await definition.uninstall()


@asynccontextmanager
async def running(cluster: Cluster) -> AsyncGenerator[tuple[SharedInformerFactory, Wire]]:
    """A factory whose connections can be cut, for as long as a patient test takes."""
    async with (
        cluster.wire() as wire,
        cluster.client(wire=wire) as client,
        SharedInformerFactory(client, namespace=cluster.namespace) as factory,
        asyncio.timeout(2 * PATIENCE),
    ):
        yield factory, wire


async def until_missing(informer: Informer[Any]) -> None:
    async for state in informer.states():
        if state is InformerState.MISSING:
            return


async def until_told(changes: ResourceChanges, kind: type[object], *names: str) -> None:
    """Return when something of this kind has been told of each."""
    missing = set(names)
    while missing:
        change = await anext(changes)
        if isinstance(change, kind):
            missing.discard(str(change.resource.gvr))


@pytest.mark.parametrize("named", [True, False], ids=["full name", "looked up"])
async def test_what_is_not_installed_is_waited_for_and_starts_promptly(
    cluster: Cluster,
    factory: SharedInformerFactory,
    widgets: Definition,
    named: bool,  # noqa: FBT001
) -> None:
    """Long before the next try of the backoff's slow end, which is 15 s away at least."""
    informer = factory.informer(widgets.name() if named else f"widgets.{widgets.group}")
    async with asyncio.timeout(PATIENCE):
        await until_missing(informer)
        await widgets.install("v1")
        begun = asyncio.get_running_loop().time()
        await informer.wait_for_cache_sync(keep_waiting=True)
        assert asyncio.get_running_loop().time() - begun < 10
        await widgets.create("a")
        await informer.wait_for(f"{cluster.namespace}/a")


async def test_uninstalling_is_deletes_and_installing_again_a_new_start(
    cluster: Cluster, factory: SharedInformerFactory, widgets: Definition
) -> None:
    """One informer and one subscription through all of it; the new objects are other ones."""
    await widgets.install("v1")
    await widgets.create("a")
    async with asyncio.timeout(2 * PATIENCE):
        informer = factory.informer(widgets.name())
        await informer.wait_for_cache_sync()
        events = informer.events(replay=False)
        assert isinstance(await anext(events), Synced)
        await widgets.uninstall()
        seen = [await anext(events)]
        while not isinstance(seen[-1], Deleted):
            seen.append(await anext(events))
        await until_missing(informer)
        assert (len(informer), informer.synced) == (0, True)
        await widgets.install("v1")
        await widgets.create("b")
        await informer.wait_for(f"{cluster.namespace}/b")
        assert [o.name for o in informer] == ["b"]
        assert informer.status.state is InformerState.LIVE


async def test_another_served_version_is_followed_without_a_storm(cluster: Cluster, widgets: Definition) -> None:
    """Objects that remain are not mentioned, and stay as they came; the next change comes from the version that is left.

    A kube-apiserver goes on serving the watches it has for some minutes, so the connection is cut.
    """
    both = ("v1beta1", "v1")
    await widgets.install("v1beta1")
    async with running(cluster) as (factory, wire):
        informer = factory.informer(f"widgets.{widgets.group}")
        await informer.wait_for_cache_sync(keep_waiting=True)
        await widgets.create("a", "v1beta1")
        await informer.wait_for(f"{cluster.namespace}/a")
        events = informer.events(replay=False)
        assert isinstance(await anext(events), Synced)
        await widgets.serve(both, of=both)
        await cluster.until(lambda: widgets.is_served("v1"))
        await widgets.serve(("v1",), of=both)
        await cluster.until(lambda: widgets.is_withdrawn("v1beta1"))
        wire.cut()
        await widgets.create("b", "v1")
        added = await anext(events)
        assert isinstance(added, Added)
        assert (added.key, added.object.api_version) == (f"{cluster.namespace}/b", f"{widgets.group}/v1")
        assert sorted(o.name for o in informer) == ["a", "b"]
        unchanged = informer.get("a", cluster.namespace)
        assert unchanged is not None
        assert unchanged.api_version == f"{widgets.group}/v1beta1"  # as it came: until it changes
        await widgets.label("a", "v1")
        updated = await anext(events)
        assert isinstance(updated, Updated)
        assert (updated.old.api_version, updated.object.api_version) == (
            f"{widgets.group}/v1beta1",
            f"{widgets.group}/v1",
        )


async def test_a_version_asked_for_by_name_is_waited_for_and_its_objects_stay(
    cluster: Cluster, widgets: Definition
) -> None:
    """They live on in another version: nothing is said to be deleted, and the status says what there is instead."""
    both = ("v1", "v1beta1")
    await widgets.install(*both)
    await widgets.create("a")
    async with running(cluster) as (factory, wire):
        informer = factory.informer(widgets.name("v1beta1"))
        await informer.wait_for_cache_sync(keep_waiting=True)
        await informer.wait_for(f"{cluster.namespace}/a")
        await widgets.serve(("v1",), of=both)
        await cluster.until(lambda: widgets.is_withdrawn("v1beta1"))
        wire.cut()
        await until_missing(informer)
        assert [o.name for o in informer] == ["a"]
        assert not isinstance(informer.status.last_error, UnknownResource)
        await widgets.serve(both, of=both)
        await widgets.create("b")
        await informer.wait_for(f"{cluster.namespace}/b")
        assert sorted(o.name for o in informer) == ["a", "b"]


@pytest.mark.parametrize("may_watch", [True, False], ids=["definitions watched", "discovery polled"])
async def test_resources_are_told_as_they_come_and_go(
    cluster: Cluster,
    widgets: Definition,
    may_watch: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also to users who may not watch definitions, only later."""
    monkeypatch.setattr(served, "POLL", 0.5)  # how long it is shows on a virtual clock, in tests/test_served.py
    token = None
    match cluster.backend:
        case Embedded(server=server) if not may_watch:
            for verb in ("list", "watch"):
                server.on("customresourcedefinitions").revoke(verb=verb)
        case Real(plane=plane) if not may_watch:
            if plane is None:
                pytest.skip("a cluster named by AIOINFORMER_KUBECONFIG has no user without rights that we know")
            token = plane.powerless_token
        case _:
            pass
    async with (
        cluster.client(token=token) as client,
        SharedInformerFactory(client) as factory,
        asyncio.timeout(2 * PATIENCE),
    ):
        changes = factory.watch_resources()
        first = await anext(changes)
        assert isinstance(first, ResourceAppeared)
        assert first.initial
        await widgets.install("v1")
        await until_told(changes, ResourceAppeared, widgets.name())
        await widgets.uninstall()
        await until_told(changes, ResourceVanished, widgets.name())
