"""Pods, namespaces and definitions: what a real cluster's controllers do about them, done at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing import Cluster, ForbiddenError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.mvcc import Change

JSON = dict[str, Any]


def feed(cluster: Cluster) -> list[tuple[str, str, str]]:
    """What, which and how, of every change from now on."""
    heard: list[tuple[str, str, str]] = []

    def listen(change: Change) -> None:
        kind = "add" if change.before is None else "delete" if change.after is None else "update"
        heard.append((change.resource.resource, change.object.name, kind))

    cluster.subscribe(listen)
    return heard


def test_pods_begin_pending() -> None:
    created = Cluster().create("pods", {"metadata": {"name": "x"}, "status": {"phase": "Running"}})
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_a_namespace_begins_active_and_labelled() -> None:
    created = Cluster().create("namespaces", {"metadata": {"name": "x", "labels": {"a": "b"}}})
    assert created["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "x"}
    assert (created["spec"], created["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


def test_a_deleted_namespace_takes_its_content_along(pod: Callable[..., JSON]) -> None:
    cluster = Cluster()
    cluster.create("namespaces", {"metadata": {"name": "x"}})
    cluster.create("pods", pod("p", "x"))
    cluster.create("configmaps", {"metadata": {"name": "c", "namespace": "x"}})
    cluster.create("pods", pod("p", "other"))
    heard = feed(cluster)
    cluster.delete("namespaces", "x")
    assert heard == [
        ("namespaces", "x", "update"),
        ("configmaps", "c", "delete"),
        ("pods", "p", "delete"),
        ("namespaces", "x", "delete"),
    ]
    assert len(cluster.list("pods")) == 1


def test_a_namespace_terminates_until_finalizers_in_it_are_gone() -> None:
    cluster = Cluster()
    cluster.create("namespaces", {"metadata": {"name": "x"}})
    cluster.create("configmaps", {"metadata": {"name": "c", "namespace": "x", "finalizers": ["a/b"]}})
    assert cluster.delete("namespaces", "x")["status"]["phase"] == "Terminating"
    with pytest.raises(
        ForbiddenError, match="unable to create new content in namespace x because it is being terminated"
    ):
        cluster.create("configmaps", {"metadata": {"name": "d", "namespace": "x"}})
    cluster.patch("configmaps", "c", {"metadata": {"finalizers": None}}, namespace="x")
    with pytest.raises(NotFoundError):
        cluster.get("namespaces", "x")


def test_the_default_namespace_is_immortal() -> None:
    with pytest.raises(ForbiddenError, match='namespaces "default" is forbidden: this namespace may not be deleted'):
        Cluster().delete("namespaces", "default")


def test_namespaces_have_to_exist_only_if_strict(pod: Callable[..., JSON]) -> None:
    Cluster().create("pods", pod("x", "nowhere"))
    with pytest.raises(NotFoundError, match='namespaces "nowhere" not found'):
        Cluster(strict_namespaces=True).create("pods", pod("x", "nowhere"))


def test_a_definition_brings_its_resource_and_says_so(definition: Callable[..., JSON]) -> None:
    cluster = Cluster()
    created = cluster.create("customresourcedefinitions", definition())
    assert {each["type"]: each["status"] for each in created["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert created["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert created["status"]["storedVersions"] == ["v1"]
    assert cluster.create("wi", {"metadata": {"name": "x"}})["apiVersion"] == "example.com/v1"


def test_versions_of_a_definition_share_their_objects(definition: Callable[..., JSON]) -> None:
    cluster = Cluster()
    cluster.create("crd", definition("widgets", "example.com", "v1", "v1beta1"))
    cluster.create("widgets.v1.example.com", {"metadata": {"name": "x"}, "spec": {"size": 1}})
    assert cluster.get("widgets.v1beta1.example.com", "x")["apiVersion"] == "example.com/v1beta1"


def test_a_version_no_longer_served_is_withdrawn(definition: Callable[..., JSON]) -> None:
    cluster = Cluster()
    created = cluster.create("crd", definition("widgets", "example.com", "v1", "v1beta1"))
    created["spec"]["versions"][1]["served"] = False
    cluster.update("crd", created)
    assert cluster.list("widgets.v1.example.com") == []
    with pytest.raises(LookupError):
        cluster.list("widgets.v1beta1.example.com")


def test_deleting_a_definition_deletes_its_objects_first(definition: Callable[..., JSON]) -> None:
    cluster = Cluster()
    cluster.create("crd", definition())
    cluster.create("widgets", {"metadata": {"name": "x"}})
    heard = feed(cluster)
    cluster.delete("crd", "widgets.example.com")
    assert heard == [("widgets", "x", "delete"), ("customresourcedefinitions", "widgets.example.com", "delete")]
    with pytest.raises(LookupError):
        cluster.list("widgets")


def test_a_definition_declares_scope_status_and_selectable_fields(definition: Callable[..., JSON]) -> None:
    cluster = Cluster()
    given = definition("gadgets", "example.com", "v1", scope="Cluster", status=False)
    given["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.size"}]
    cluster.create("crd", given)
    created = cluster.create("gadgets", {"metadata": {"name": "x"}, "spec": {"size": 3}, "status": {"kept": 1}})
    assert created["status"] == {"kept": 1}
    assert "namespace" not in created["metadata"]
    assert len(cluster.list("gadgets", field_selector="spec.size=3")) == 1


@pytest.mark.parametrize("missing", ["group", "scope", "versions"])
def test_an_incomplete_definition_is_invalid(definition: Callable[..., JSON], missing: str) -> None:
    given = definition()
    del given["spec"][missing]
    with pytest.raises(InvalidError, match=f"spec.{missing}: Required value"):
        Cluster().create("crd", given)


def test_a_misnamed_definition_is_invalid(definition: Callable[..., JSON]) -> None:
    given = definition()
    given["metadata"]["name"] = "things.example.com"
    with pytest.raises(InvalidError, match=r"must be spec\.names\.plural"):
        Cluster().create("crd", given)
