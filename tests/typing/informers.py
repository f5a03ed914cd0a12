"""What type checkers make of factories, informers and reads; checked by mypy and pyright, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_type

import msgspec
from kubernetes_asyncio.client import V1Deployment, V1Pod
from pydantic import BaseModel

from aioinformer import (
    APIResource,
    AuditReport,
    Decision,
    Explanation,
    FactoryHealth,
    FactoryStatus,
    Failure,
    GroupVersionResource,
    Informer,
    InformerState,
    InformerStatus,
    KubeObject,
    LabelSelector,
    Lister,
    Merged,
    NamespaceLister,
    NamespaceStatus,
    ObjectMeta,
    ResourceAppeared,
    ResourceVanished,
    SharedInformerFactory,
    Subscription,
    Synced,
    Tagged,
    Writer,
    indexers,
    merge,
)
from aioinformer.conditions import Condition, condition, deleted, exists, rolled_out, satisfies
from aioinformer.metrics import Metric, Sample, render
from aioinformer.resource import ResourceName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import ClassVar

    from kubernetes_asyncio.client import ApiClient


class PodName(msgspec.Struct):
    """A Struct that names no resource."""

    name: str


class Widget(msgspec.Struct):
    """A Struct that names its resource."""

    __resource__: ClassVar[GroupVersionResource] = GroupVersionResource("example.com", "v1", "widgets")

    spec: dict[str, str]


@dataclass
class Node:
    """A dataclass."""

    kind: str


class Gadget(BaseModel):
    """A pydantic model that names its resource."""

    __resource__: ClassVar[str] = "gadgets.v1.example.com"

    kind: str
    spec: dict[str, int]


async def a_factory(api_client: ApiClient) -> None:
    """Its own life, and that of all."""
    SharedInformerFactory(namespace="default", resync=30.0, page_size=100)
    async with SharedInformerFactory(api_client) as factory:
        assert_type(factory, SharedInformerFactory)
        assert_type(await factory.wait_for_cache_sync(timeout=30), None)
        for informer in factory.informers:
            assert_type(informer.status, InformerStatus)


def what_an_informer_hands_out(factory: SharedInformerFactory) -> None:
    """``KubeObject``, or the model."""
    assert_type(factory.core.v1.pods, Informer[KubeObject])
    assert_type(factory.apps.v1.deployments, Informer[KubeObject])
    assert_type(factory.networking.v1.ingresses, Informer[KubeObject])
    assert_type(factory.rbac_authorization.v1.roles, Informer[KubeObject])
    assert_type(factory.informer("pods"), Informer[KubeObject])
    assert_type(factory.informer(GroupVersionResource("apps", "v1", "deployments")), Informer[KubeObject])
    assert_type(factory.informer("pods", model=PodName), Informer[PodName])
    assert_type(factory.informer("nodes", model=Node), Informer[Node])
    assert_type(factory.informer("pods", model=V1Pod), Informer[V1Pod])
    assert_type(factory.informer(V1Pod), Informer[V1Pod])
    assert_type(factory.informer(Widget, namespace="default"), Informer[Widget])
    assert_type(factory.informer(Gadget), Informer[Gadget])
    assert_type(factory.informer("gadgets.v1.example.com", model=Gadget), Informer[Gadget])
    assert_type([gadget.spec["size"] for gadget in factory.informer(Gadget)], list[int])


def every_option(factory: SharedInformerFactory) -> None:
    """All of them at once, in each overload."""

    def node_of(pod: KubeObject) -> str | None:
        return pod.spec.get("nodeName")

    def name_of(pod: PodName) -> str:
        return pod.name

    def strip(document: dict[str, object]) -> dict[str, object] | None:
        return document

    def note(failure: Failure) -> None:
        assert_type(failure.decision, Decision)
        assert_type(failure.error, Exception)
        assert_type(failure.resource, GroupVersionResource | ResourceName)

    informer = factory.informer(
        "pods",
        namespace="default",
        label_selector={"app": "web"},
        field_selector="spec.nodeName=node-1",
        metadata_only=False,
        transform=strip,
        indexers={"node": node_of, "owners": lambda pod: [owner.uid for owner in pod.metadata.owner_references]},
        resync=30,
        initial_list="cached",
        page_size=100,
        strict=True,
        audit=3600,
        on_error=note,
    )
    assert_type(informer, Informer[KubeObject])
    assert_type(factory.informer("pods", model=PodName, indexers={"name": name_of}), Informer[PodName])
    assert_type(factory.informer(V1Pod, label_selector="app in (web, api)", namespace=None), Informer[V1Pod])


def reads(pods: Informer[KubeObject], names: Informer[PodName], models: Informer[V1Pod]) -> None:
    """Synchronous, and of the informer's own type."""
    assert_type(pods.get("web", "default"), KubeObject | None)
    assert_type(names.get("default/web"), PodName | None)
    assert_type(models.get("web", namespace="default"), V1Pod | None)
    assert_type(pods.list(), list[KubeObject])
    assert_type(names.list("default", "app=web"), list[PodName])
    assert_type(models.list(label_selector={"app": "web"}), list[V1Pod])
    assert_type(pods.by_index("node", "node-1"), list[KubeObject])
    assert_type(pods.index_keys("node", "node-1"), list[str])
    assert_type(pods.index_values("node"), list[str])
    assert_type([name.name for name in names], list[str])
    assert_type(len(pods), int)
    assert_type("default/web" in pods, bool)
    assert_type(models.lister, Lister[V1Pod])
    assert_type(models.lister.namespace("default"), NamespaceLister[V1Pod])
    assert_type(models.lister.namespace("default").get("web"), V1Pod | None)
    assert_type(names.lister.namespace("default").list(), list[PodName])


async def waits(pods: Informer[KubeObject], names: Informer[PodName]) -> None:
    """The predicate sees what the informer hands out, and what is waited for comes back."""
    assert_type(await pods.wait_for_cache_sync(timeout=30, keep_waiting=True), None)
    assert_type(await pods.wait_for("default/web", timeout=5), KubeObject)
    assert_type(await pods.wait_for(lambda pod: pod.status.get("phase") == "Running"), KubeObject)
    assert_type(await names.wait_for(lambda name: name.name.startswith("web")), PodName)
    assert_type(await pods.wait_for_version("42"), None)
    assert_type(await pods.aclose(), None)


def state(pods: Informer[KubeObject]) -> None:
    """How it is doing."""
    assert_type(pods.synced, bool)
    assert_type(pods.resource_version, str)
    assert_type(pods.status.state, InformerState)
    assert_type(pods.status.age, float | None)
    assert_type(pods.status.pending, tuple[int, ...])
    assert_type(pods.events(namespace="default", replay=False, overflow="error"), Subscription[KubeObject])


async def doubts(factory: SharedInformerFactory, pods: Informer[KubeObject]) -> None:
    """Audits, states and health."""
    report = assert_type(await pods.audit(repair=False), AuditReport)
    assert_type(report.clean, bool)
    assert_type(report.missing, tuple[str, ...])
    assert_type(pods.status.last_audit, AuditReport | None)
    async for state in pods.states():
        assert_type(state, InformerState)
    health = assert_type(factory.healthy(max_staleness=90), FactoryHealth)
    assert_type(bool(health), bool)
    metrics = assert_type(factory.metrics(), tuple[Metric, ...])
    assert_type(metrics[0].samples[0], Sample)
    assert_type(render(metrics, openmetrics=True), str)
    assert_type(health.problems["pods.v1"], str)
    assert_type([quarantined.key for quarantined in pods.quarantine.values()], list[str])


def objects(pod: KubeObject) -> None:
    """The view, and what it turns into."""
    assert_type(pod.key, str)
    assert_type(pod.namespace, str)
    assert_type(pod.metadata, ObjectMeta)
    assert_type(pod.metadata.owner_references[0].uid, str)
    assert_type(pod.to_json(), bytes)
    assert_type(pod.to_model(V1Pod), V1Pod)
    assert_type(pod.to_model(PodName), PodName)
    labels: Mapping[str, str] = pod.labels
    assert_type(labels.get("app"), str | None)


def indexes(factory: SharedInformerFactory, pods: Informer[KubeObject], names: Informer[PodName]) -> None:
    """Ready-made ones fit every model, and come and go like one's own."""
    factory.informer(
        "pods", indexers={"owner": indexers.owner_uid, "app": indexers.label("app"), "node": indexers.node}
    )
    factory.informer("pods", model=PodName, indexers={"keys": indexers.label_key, "name": lambda pod: pod.name})
    factory.informer("events", model=Node, indexers={"object": indexers.involved_object, "uid": indexers.involved_uid})
    assert_type(names.add_indexer("controller", indexers.controller_uid), None)
    assert_type(names.remove_indexer("controller"), None)
    assert_type(list(indexers.node(next(iter(pods)))), list[str])


def selectors(deployment: KubeObject, pods: Informer[V1Pod]) -> None:
    """However they are written."""
    assert_type(pods.list(label_selector=deployment.spec["selector"]), list[V1Pod])
    pods.list(label_selector={"matchLabels": {"app": "web"}})
    pods.list(label_selector={"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]})
    pods.events(label_selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})
    pods.list(label_selector={"app": "web"})
    assert_type(LabelSelector.parse({"matchLabels": None}), LabelSelector)


async def conditions(pods: Informer[KubeObject], deployments: Informer[V1Deployment]) -> None:
    """They combine to conditions, and the objects that they are about come back."""
    web = assert_type(rolled_out("default/web") & ~condition("default/web", "Progressing", "False"), Condition)
    either = assert_type(exists("default/a") | deleted("default/b"), Condition)
    assert_type(await deployments.wait_for(web, timeout=60), dict[str, V1Deployment])
    assert_type(
        await pods.wait_for(either & satisfies("default/a", lambda pod: bool(pod.labels))), dict[str, KubeObject]
    )


async def writes(pods: Informer[V1Pod], created: V1Pod) -> None:
    """A writer reads as a lister does."""
    async with pods.writing(timeout=30) as mine:
        assert_type(mine, Writer[V1Pod])
        assert_type(mine.wrote(created), V1Pod | None)
        assert_type(mine.deleted("default/old"), None)
        assert_type(mine.by_index("owner", "uid"), list[V1Pod])
        assert_type(mine.pending, tuple[str, ...])
    async for event in pods.events():
        assert_type(mine.is_echo(event), bool)
    assert_type(await pods.writing().settled(), None)


async def several(
    factory: SharedInformerFactory, pods: Informer[V1Pod], gadgets: Informer[Gadget], nodes: Informer[KubeObject]
) -> None:
    """As one."""
    merged = merge(pods, gadgets.events(replay=False))
    assert_type(merged, Merged[V1Pod | Gadget])
    async for tagged in merged:
        assert_type(tagged, Tagged[V1Pod | Gadget])
    async with merge(pods, gadgets, nodes) as three:
        assert_type(three, Merged[V1Pod | Gadget | KubeObject])
        async for source, event in three:
            if source is pods and not isinstance(event, Synced):
                assert_type(event.object, V1Pod | Gadget | KubeObject)
    assert_type(await factory.consistent(pods, gadgets, at_least="42", timeout=5), None)
    assert_type(factory.status, FactoryStatus)
    assert_type(factory.status.informers, tuple[InformerStatus, ...])


async def subscriptions_of_ones_own(pods: Informer[KubeObject], models: Informer[V1Pod]) -> None:
    """A predicate sees what the informer hands out."""
    events = pods.events(namespace=["a", "b"], where=lambda pod: pod.spec.get("nodeName") == "n")
    assert_type(events, Subscription[KubeObject])
    assert_type(events.lag, float)
    async for batch in models.events(where=lambda pod: bool(pod.status)).batches():
        assert_type(len(batch), int)


async def files_and_stories(factory: SharedInformerFactory, path: Path) -> None:
    """Both kinds of path."""
    pods = factory.informer("pods", restore_from=path)
    assert_type(pods, Informer[KubeObject])
    assert_type(await pods.snapshot_to(str(path)), None)
    assert_type(pods.explain("default/a"), Explanation)


async def scopes(factory: SharedInformerFactory, pods: Informer[KubeObject]) -> None:
    """One namespace, several or all, changed while it runs, and left with its last user."""
    assert_type(factory.informer("pods", namespace=["a", "b"]), Informer[KubeObject])
    assert_type(factory.informer("pods", model=PodName, namespace={"a", "b"}), Informer[PodName])
    assert_type(await pods.rescope(label_selector={"app": "web"}, namespaces=("a", "b")), None)
    assert_type(await pods.rescope(namespaces=None), None)
    assert_type(pods.namespaces, tuple[str, ...])
    assert_type(pods.status.namespaces["a"], NamespaceStatus)
    async with factory.lease("pods", namespace="a", linger=5) as leased:
        assert_type(leased, Informer[KubeObject])
    async with factory.lease(V1Pod, label_selector="app=web") as models:
        assert_type(models, Informer[V1Pod])
    async with factory.lease("pods", model=PodName, on_error=print) as names:
        assert_type(names, Informer[PodName])


async def resources(factory: SharedInformerFactory) -> None:
    """That come and go."""
    async for change in factory.watch_resources():
        match change:
            case ResourceAppeared(resource=resource, initial=initial):
                assert_type(resource, APIResource)
                assert_type(initial, bool)
                assert_type(factory.informer(resource.gvr), Informer[KubeObject])
            case ResourceVanished(resource=resource):
                assert_type(resource.gvr, GroupVersionResource)
