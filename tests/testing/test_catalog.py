from __future__ import annotations

import pytest

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing.catalog import Catalog, Served
from aioinformer.testing.statuses import GroupResource

WIDGETS = GroupVersionResource("example.com", "v1", "widgets")


def widgets() -> Served:
    return Served(APIResource(WIDGETS, "Widget", namespaced=True, singular="widget"), builtin=False, has_status=False)


def test_built_in_resources_know_what_they_have() -> None:
    catalog = Catalog()
    pods, roles = catalog.find("pods"), catalog.find("clusterroles")
    assert (pods.has_status, pods.namespaced, pods.builtin, pods.kind) == (True, True, True, "Pod")
    assert (roles.has_status, roles.namespaced) == (False, False)
    assert (roles.group_resource, roles.group_kind) == (
        GroupResource("rbac.authorization.k8s.io", "clusterroles"),
        GroupResource("rbac.authorization.k8s.io", "ClusterRole"),
    )


def test_resources_come_and_go() -> None:
    catalog = Catalog()
    catalog.add(widgets())
    assert catalog.find("widget") is catalog.get(WIDGETS)
    assert catalog.has_version(GroupVersionResource("example.com", "v1", "others"))
    catalog.discard(WIDGETS)
    catalog.discard(WIDGETS)
    assert catalog.get(WIDGETS) is None
    assert not catalog.has_version(WIDGETS)


def test_iterating_allows_changes_meanwhile() -> None:
    catalog = Catalog()
    for served in catalog:
        catalog.discard(served.gvr)
    assert list(catalog) == []


@pytest.mark.parametrize("everything", [False, True])
def test_of_several_versions_the_preferred_one_is_meant(*, everything: bool) -> None:
    assert Catalog(everything=everything).find("hpa").gvr.version == "v2"
