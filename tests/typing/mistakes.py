"""Mistakes that type checkers have to find: each line says what mypy calls it, and would be an error if it were none."""

# pyright: reportUnnecessaryTypeIgnoreComment=true
from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes_asyncio.client import V1Pod

from aioinformer import SharedInformerFactory, merge
from aioinformer.conditions import exists

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject


def misspelt_options(factory: SharedInformerFactory) -> None:
    """In every overload."""
    factory.informer("pods", label_selecter="app=web")  # type: ignore[call-overload]
    factory.informer("pods", model=V1Pod, namspace="default")  # type: ignore[call-overload]
    factory.informer(V1Pod, field_selectors="spec.nodeName=node-1")  # type: ignore[call-overload]


def values_that_options_do_not_take(factory: SharedInformerFactory) -> None:
    """Of the wrong type."""
    factory.informer("pods", resync="30s")  # type: ignore[call-overload]
    factory.informer("pods", initial_list="paged")  # type: ignore[call-overload]
    factory.informer("pods", on_error="print")  # type: ignore[call-overload]
    factory.informer("pods", metadata_only="yes")  # type: ignore[call-overload]
    factory.informer("pods", model="V1Pod")  # type: ignore[call-overload]
    factory.informer("pods", indexers={"node": "spec.nodeName"})  # type: ignore[dict-item]


def misspelt_resources(factory: SharedInformerFactory) -> None:
    """Groups, versions and plurals."""
    factory.core.v1.pod  # type: ignore[attr-defined]  # noqa: B018
    factory.core.v2.pods  # type: ignore[attr-defined]  # noqa: B018
    factory.app.v1.deployments  # type: ignore[attr-defined]  # noqa: B018


def arguments_of_the_factory() -> None:
    """Its own options, by keyword."""
    SharedInformerFactory(None, "default")  # type: ignore[call-arg]
    SharedInformerFactory(resync="30s")  # type: ignore[arg-type]


def arguments_of_a_subscription(pods: Informer[KubeObject]) -> None:
    """Its options."""
    pods.events(name_space="default")  # type: ignore[call-arg]
    pods.events(overflow="drop")  # type: ignore[arg-type]


async def reads_take_no_await(pods: Informer[KubeObject]) -> None:
    """They are from memory."""
    await pods.list()  # type: ignore[misc]


def an_object_may_be_missing(pods: Informer[V1Pod]) -> None:
    """``get`` says so."""
    pods.get("default/web").metadata  # type: ignore[union-attr]  # noqa: B018


def views_are_read_only(pod: KubeObject) -> None:
    """Whatever a reader does, the cache stays as it is."""
    pod.name = "other"  # type: ignore[misc]
    pod.labels["app"] = "other"  # type: ignore[index]
    pod["spec"] = {}  # type: ignore[index]
    pod.metadata.name = "other"  # type: ignore[misc]


async def predicates_see_the_model(pods: Informer[V1Pod]) -> None:
    """Not a ``KubeObject``."""
    await pods.wait_for(lambda pod: pod.resource_version == "42")  # type: ignore[attr-defined]


async def conditions_are_no_predicates(pods: Informer[KubeObject]) -> None:
    """Nor do they combine with other things."""
    exists("default/a") & "default/b"  # type: ignore[operator]
    exists(5)  # type: ignore[arg-type]
    (await pods.wait_for(exists("default/a"))).name  # type: ignore[attr-defined]  # noqa: B018


def selectors_that_are_none(pods: Informer[KubeObject]) -> None:
    """Misspelt, or of the wrong type."""
    pods.list(label_selector={"app": 5})  # type: ignore[dict-item]
    pods.list(label_selector={"matchExpressions": [{"key": "a", "operator": "In", "value": ["x"]}]})  # type: ignore[dict-item]


def sources_that_are_none(pods: Informer[KubeObject]) -> None:
    """Of a merge."""
    merge(pods, "nodes")  # type: ignore[call-overload]


async def scopes_that_cannot_be(factory: SharedInformerFactory, pods: Informer[KubeObject]) -> None:
    """Of a rescope and a lease."""
    await pods.rescope(namespace="a")  # type: ignore[call-arg]
    await pods.rescope(namespaces=5)  # type: ignore[arg-type]
    factory.lease("pods", linger="30s")  # type: ignore[call-overload]
    async with factory.informer("pods"):  # type: ignore[attr-defined]
        pass
