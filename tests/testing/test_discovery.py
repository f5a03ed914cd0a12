from __future__ import annotations

from typing import Any

import pytest

from aioinformer.testing import Cluster
from aioinformer.testing.discovery import Discovery

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList,application/json"


def document(path: str, accept: str = "", cluster: Cluster | None = None) -> dict[str, Any]:
    found = Discovery((cluster or Cluster()).catalog).document(path, accept)
    assert found is not None
    return found[0]


def named(rows: list[dict[str, Any]], field: str, value: str) -> dict[str, Any]:
    (row,) = (row for row in rows if row[field] == value)
    return row


def test_the_core_group_s_version() -> None:
    assert document("/api")["versions"] == ["v1"]


def test_groups_and_their_versions() -> None:
    group = named(document("/apis")["groups"], "name", "autoscaling")
    assert [each["version"] for each in group["versions"]] == ["v2", "v1"]
    assert group["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    assert document("/apis/autoscaling")["kind"] == "APIGroup"


def test_resources_of_a_version() -> None:
    rows = document("/apis/apps/v1")["resources"]
    deployments = named(rows, "name", "deployments")
    assert (deployments["kind"], deployments["namespaced"], deployments["shortNames"], deployments["singularName"]) == (
        "Deployment",
        True,
        ["deploy"],
        "deployment",
    )
    assert "watch" in deployments["verbs"]
    assert named(rows, "name", "deployments/status")["verbs"] == ["get", "patch", "update"]
    assert not any(row["name"] == "controllerrevisions/status" for row in rows)


@pytest.mark.parametrize("path", ["/apis/none", "/apis/apps/v9", "/api/v2", "/nothing"])
def test_what_is_not_served_has_no_document(path: str) -> None:
    assert Discovery(Cluster().catalog).document(path, "") is None


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_the_aggregated_form(version: str) -> None:
    accept = AGGREGATED.format(version)
    found = Discovery(Cluster().catalog).document("/apis", accept)
    assert found is not None
    body, content_type = found
    assert content_type == f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    assert body["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    apps = next(each for each in body["items"] if each["metadata"]["name"] == "apps")
    row = named(apps["versions"][0]["resources"], "resource", "deployments")
    assert (row["scope"], row["responseKind"]["kind"], row["subresources"][0]["subresource"]) == (
        "Namespaced",
        "Deployment",
        "status",
    )
    core = document("/api", accept)["items"]
    assert [each["metadata"] for each in core] == [{}]


def test_custom_resources_appear_and_vanish(definition: Any) -> None:
    cluster = Cluster()
    cluster.create("crd", definition())
    assert document("/apis/example.com/v1", cluster=cluster)["resources"][0]["kind"] == "Widget"
    cluster.delete("crd", "widgets.example.com")
    assert Discovery(cluster.catalog).document("/apis/example.com/v1", "") is None
