"""Custom resources that go, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import Cluster
from aioinformer.testing.faults import Faults
from aioinformer.testing.installing import Uninstalled, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = dict[str, Any]
WIDGETS = APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)
BETA = APIResource(GroupVersionResource("example.com", "v1beta1", "widgets"), "Widget", namespaced=True)


def registered(definition: Callable[..., JSON]) -> Cluster:
    cluster = Cluster()
    cluster.register(WIDGETS)
    cluster.register(BETA)
    return cluster


def defined(definition: Callable[..., JSON]) -> Cluster:
    cluster = Cluster()
    cluster.create("crd", definition("widgets", "example.com", "v1", "v1beta1"))
    return cluster


def begun(cluster: Cluster) -> Uninstalled:
    return Faults(lambda: None).begin(uninstall(cluster, "widgets"))


def served(cluster: Cluster) -> list[str]:
    return sorted(each.gvr.version for each in cluster.catalog if each.gvr.resource == "widgets")


@pytest.mark.parametrize("installed", [registered, defined])
def test_it_is_gone_with_its_objects_and_comes_back_empty(
    definition: Callable[..., JSON], installed: Callable[..., Cluster]
) -> None:
    cluster = installed(definition)
    cluster.create("widgets", {"metadata": {"name": "x"}})
    fault = begun(cluster)
    assert served(cluster) == []
    with pytest.raises(LookupError):
        cluster.list("widgets")
    fault.heal()
    assert served(cluster) == ["v1", "v1beta1"]
    assert cluster.list("widgets") == []
    assert [each["metadata"]["name"] for each in cluster.list("crd")] == (
        ["widgets.example.com"] if installed is defined else []
    )


@pytest.mark.parametrize("installed", [registered, defined])
def test_finalizers_do_not_keep_its_objects(definition: Callable[..., JSON], installed: Callable[..., Cluster]) -> None:
    cluster = installed(definition)
    cluster.create("widgets", {"metadata": {"name": "x", "finalizers": ["example.com/f"]}})
    fault = begun(cluster)
    fault.heal()
    assert cluster.list("widgets") == []


def test_healing_leaves_alone_what_was_installed_otherwise(definition: Callable[..., JSON]) -> None:
    cluster = defined(definition)
    fault = begun(cluster)
    cluster.create("crd", definition("widgets", "example.com", "v1"))
    cluster.create("widgets", {"metadata": {"name": "x"}})
    fault.heal()
    fault.heal()
    assert served(cluster) == ["v1"]
    assert len(cluster.list("widgets")) == 1


def test_healing_twice_installs_once(definition: Callable[..., JSON]) -> None:
    cluster = registered(definition)
    fault = begun(cluster)
    fault.heal()
    cluster.unregister(WIDGETS)
    cluster.unregister(BETA)
    fault.heal()
    assert served(cluster) == []


def test_what_is_built_in_stays() -> None:
    with pytest.raises(ValueError, match="pods is built in"):
        uninstall(Cluster(), "pods")


def test_what_is_not_there_cannot_go() -> None:
    with pytest.raises(LookupError):
        uninstall(Cluster(), "widgets")
