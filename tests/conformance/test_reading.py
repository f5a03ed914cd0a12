"""Scope, selectors, listers, indexes, shapes and discovery, as the server sees them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kubernetes_asyncio.client import V1ConfigMap
from pydantic import BaseModel

from aioinformer import Added, Deleted, GroupVersionResource, LabelSelector, SharedInformerFactory, Synced
from aioinformer.discovery import Discovery
from aioinformer.resource import BUILTIN_RESOURCES, ResourceName
from aioinformer.transport import Transport
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import error

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

    from aioinformer import Informer, KubeObject
    from tests.conformance.middleman import Middleman

PATIENCE = 30.0

WIDGETS: dict[str, Any] = {
    "kind": "CustomResourceDefinition",
    "apiVersion": "apiextensions.k8s.io/v1",
    "metadata": {"name": "widgets.conformance.example.com"},
    "spec": {
        "group": "conformance.example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
WIDGET_RESOURCE = GroupVersionResource("conformance.example.com", "v1", "widgets")
WIDGET = {"kind": "Widget", "apiVersion": "conformance.example.com/v1", "metadata": {"name": "w"}}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

LABELS = [{}, {"a": "1"}, {"a": "2"}, {"a": "2", "b": "x"}, {"b": ""}, {"a": "10", "c.io/d": "y"}]
SELECTORS = [
    "a=1", "a==2", "a!=2", "a", "!a", "a in (1,2)", "a notin (1, 2)", "a in (2),b", "b=", "b!=", "b in ()", "c.io/d=y",
    "a>5", "a<5", "a,!b,a!=1", " a = 2 , b notin (z) ", "a in (,1)",
]  # fmt: skip


async def test_lister_and_indexes_follow_the_server(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """get, list, namespace listers and indexes read what is in the cache, and forget what is gone."""
    for name, labels, owner in (("a", {"app": "web"}, "x,y"), ("b", {"app": "web"}, "y"), ("c", {"app": "db"}, "")):
        await cluster.create(CONFIGMAPS, name, labels=labels, data={"owner": owner})
    informer = factory.informer("configmaps", indexers={"owner": _owners})
    await informer.wait_for_cache_sync(PATIENCE)
    lister = informer.lister.namespace(cluster.namespace)
    found = lister.get("a")
    assert found is not None
    assert found["data"] == {"owner": "x,y"}
    assert informer.get("a") == found
    assert [o.name for o in lister.list("app=web")] == ["a", "b"]
    assert sorted(informer.index_values("owner")) == ["x", "y"]
    assert [o.name for o in informer.by_index("owner", "y")] == ["a", "b"]
    await cluster.delete(CONFIGMAPS, "a")
    async with asyncio.timeout(PATIENCE):
        async for event in informer.events():
            if isinstance(event, Deleted):
                break
            if isinstance(event, Synced) and f"{cluster.namespace}/a" not in informer:
                break
    assert informer.index_values("owner") == ["y"]
    informer.add_indexer("app", lambda o: o.labels.get("app"))
    assert informer.index_keys("app", "db") == [f"{cluster.namespace}/c"]


def _owners(configmap: KubeObject) -> list[str]:
    return [owner for owner in configmap["data"]["owner"].split(",") if owner]


async def test_leaving_a_selector_is_a_delete(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """With a server-side selector, entering comes as Added and leaving as Deleted."""
    informer = factory.informer("configmaps", label_selector={"app": "web"})
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    await cluster.create(CONFIGMAPS, "a", labels={"app": "db"})
    await cluster.patch(CONFIGMAPS, "a", metadata={"labels": {"app": "web"}})
    await cluster.patch(CONFIGMAPS, "a", metadata={"labels": {"app": "db"}})
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await anext(events), Synced)
        assert isinstance(await anext(events), Added)
        deleted = await anext(events)
    assert isinstance(deleted, Deleted)
    assert deleted.object.labels == {"app": "web"}
    assert len(informer) == 0


async def test_a_field_selector_is_the_servers(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """field_selector goes to the server and narrows list and watch alike."""
    await cluster.create_many(CONFIGMAPS, ["one", "two"])
    informer = factory.informer("configmaps", field_selector="metadata.name=two")
    await informer.wait_for_cache_sync(PATIENCE)
    assert [o.name for o in informer] == ["two"]


@pytest.mark.parametrize("selector", SELECTORS)
async def test_label_selectors_answer_as_the_server_does(cluster: Cluster, client: ApiClient, selector: str) -> None:
    """The lister, a filtered subscription's matcher and the server agree on every selector."""
    for i, labels in enumerate(LABELS):
        await cluster.create(CONFIGMAPS, f"c{i}", labels={"mine": "yes", **labels})
    served = [o["metadata"]["name"] for o in await cluster.listed(CONFIGMAPS, labelSelector=f"mine=yes,{selector}")]
    assert served == [f"c{i}" for i, labels in enumerate(LABELS) if LabelSelector.parse(selector).matches(labels)]
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        asked, local = factory.informer("cm", label_selector=f"mine=yes,{selector}"), factory.core.v1.configmaps
        await factory.wait_for_cache_sync(PATIENCE)
        assert sorted(o.name for o in asked) == served
        assert sorted(o.name for o in local.list(label_selector=f"mine=yes,{selector}")) == served


async def test_a_custom_resource_is_found_by_discovery(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """An informer on a CRD syncs by its short name as by its full one, and follows its objects."""
    await _uninstall(cluster)
    await _install(cluster)
    try:
        short, full = factory.informer("wd.conformance.example.com"), factory.informer(WIDGET_RESOURCE)
        await factory.wait_for_cache_sync(PATIENCE)
        await cluster.request("POST", WIDGET_RESOURCE.path(cluster.namespace), {**WIDGET, "size": 3})
        for informer in (short, full):
            found = await informer.wait_for(f"{cluster.namespace}/w", PATIENCE)
            assert (found.kind, found.api_version, found["size"]) == ("Widget", "conformance.example.com/v1", 3)
    finally:
        await _uninstall(cluster)


@pytest.mark.only_on(
    "real", reason="takes half a minute; embedded: in virtual time, tests/catalogue/test_in_minutes.py"
)
async def test_a_custom_resource_that_comes_later(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """An informer on a CRD that is not there yet says so, waits if told to, and syncs once it is installed."""
    await _uninstall(cluster)
    informer = factory.informer("widgets.conformance.example.com")
    waiting = asyncio.create_task(informer.wait_for_cache_sync(PATIENCE * 2, keep_waiting=True))
    await cluster.until(lambda: _is_missing(informer))
    await _install(cluster)
    try:
        await waiting
    finally:
        await _uninstall(cluster)


async def _install(cluster: Cluster) -> None:
    """Create the CRD and wait until the server serves it."""
    await cluster.request("POST", CRDS, WIDGETS)

    async def is_served() -> bool:
        kind: str = (await cluster.request("GET", WIDGET_RESOURCE.path(cluster.namespace)))["kind"]
        return kind == "WidgetList"

    await cluster.until(is_served)


async def _is_missing(informer: Informer[KubeObject]) -> bool:
    return informer.status.state == "missing"


async def _uninstall(cluster: Cluster) -> None:
    """Delete the CRD, if it is there, and wait until the server has really let go of it."""
    name = f"{CRDS}/{WIDGETS['metadata']['name']}"
    await cluster.request("DELETE", name)

    async def is_gone() -> bool:
        answer = await cluster.request("GET", name)
        return bool(answer.get("code") == 404)

    await cluster.until(is_gone)


class Data(msgspec.Struct):
    owner: str = ""


class Configuration(msgspec.Struct):
    data: Data


@dataclass
class DataclassConfiguration:
    data: Data


class PydanticConfiguration(BaseModel):
    data: dict[str, str]


async def test_objects_take_the_shape_that_was_asked_for(cluster: Cluster, client: ApiClient) -> None:
    """model, metadata_only and transform shape what reads and events hand out, listed and watched alike."""
    await cluster.create(CONFIGMAPS, "listed", data={"owner": "me", "secret": "s"})
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        struct = factory.informer("configmaps", model=Configuration, label_selector="!struct")
        generated = factory.informer(V1ConfigMap, label_selector="!generated")
        plain = factory.informer("configmaps", model=DataclassConfiguration, label_selector="!plain")
        validated = factory.informer("configmaps", model=PydanticConfiguration, label_selector="!validated")
        metadata = factory.informer("configmaps", metadata_only=True)
        stripped = factory.informer("configmaps", transform=_without_secret, label_selector="!stripped")
        await factory.wait_for_cache_sync(PATIENCE)
        await cluster.create(CONFIGMAPS, "watched", data={"owner": "you", "secret": "s"})
        keys = [f"{cluster.namespace}/{name}" for name in ("listed", "watched")]
        for informer in factory.informers:
            await informer.wait_for(keys[1], PATIENCE)
        assert [struct.get(key) for key in keys] == [Configuration(Data("me")), Configuration(Data("you"))]
        assert sorted(o.data["owner"] for o in generated) == ["me", "you"]
        assert [plain.get(key) for key in keys] == [DataclassConfiguration(Data(owner)) for owner in ("me", "you")]
        assert [validated.get(key) for key in keys] == [
            PydanticConfiguration(data={"owner": owner, "secret": "s"}) for owner in ("me", "you")
        ]
        assert [sorted(o) for o in metadata if o.key in keys] == [["apiVersion", "kind", "metadata"]] * 2
        assert [o["data"] for o in stripped if o.key in keys] == [{"owner": "me"}, {"owner": "you"}]


async def test_a_transform_leaves_objects_out_whatever_way_they_come(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Listed, watched, and listed anew after lost history; one that is wanted no more leaves."""
    seen: list[tuple[str, str]] = []

    def wanted(configmap: dict[str, Any]) -> dict[str, Any] | None:
        metadata = configmap["metadata"]
        seen.append((metadata["name"], metadata["resourceVersion"]))
        return None if (configmap.get("data") or {}).get("skip") else configmap

    await cluster.create(CONFIGMAPS, "listed", data={"skip": "yes"})
    await cluster.create(CONFIGMAPS, "stays", data={"n": "0"})
    informer = through.informer("configmaps", transform=wanted, label_selector="!of-the-cluster")
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    await cluster.create(CONFIGMAPS, "watched", data={"skip": "yes"})
    restarts = informer.status.restarts
    await (await middleman.watch()).send(error(410, "Expired"))
    await cluster.patch(CONFIGMAPS, "stays", data={"skip": "yes"})
    async with asyncio.timeout(PATIENCE):
        left = await anext(events)
        await cluster.create(CONFIGMAPS, "last", data={"n": "1"})
        assert (await anext(events)).type == "ADDED"
    assert informer.status.restarts == restarts + 1
    assert (type(left), left.key if isinstance(left, Deleted) else "") == (Deleted, f"{cluster.namespace}/stays")
    own = {"listed", "stays", "watched"}
    assert not own & {o.name for o in informer}
    assert len(seen) == len(set(seen))
    assert {name for name, _ in seen} >= own


def _without_secret(configmap: dict[str, Any]) -> dict[str, Any]:
    configmap["data"].pop("secret", None)
    return configmap


async def test_the_table_of_builtin_resources_is_the_servers(cluster: Cluster, client: ApiClient) -> None:
    """Discovery confirms each row that the server serves, and on a real 1.37 with every API on, no row is missing."""
    async with Transport(client) as transport:
        discovery = Discovery(transport)
        with pytest.raises(LookupError):
            await discovery.resolve(ResourceName.parse("no-such-thing"))
        served = {resource.gvr: resource for resource in discovery.served}
    table = {resource.gvr: resource for resource in BUILTIN_RESOURCES}
    ours = {gvr: r for gvr, r in served.items() if gvr.group in {known.group for known in table}}
    assert ours == {gvr: table.get(gvr) for gvr in ours}
    if cluster.backend.name == "real":
        assert set(ours) == set(table)
