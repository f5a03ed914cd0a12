"""The in-process verbs: what they take, what they give back, and how names of resources are understood."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import Cluster, ExpiredError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = dict[str, Any]
WIDGETS = APIResource(
    GroupVersionResource("example.com", "v1", "widgets"),
    "Widget",
    namespaced=True,
    short_names=("wd",),
    singular="widget",
)


def test_a_new_cluster_has_the_usual_namespaces_and_a_version_above_1() -> None:
    cluster = Cluster()
    names = [each["metadata"]["name"] for each in cluster.list("namespaces")]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert int(cluster.resource_version) > 1


@pytest.mark.parametrize(
    "name",
    [
        "deployments",
        "deploy",
        "Deployment",
        "deployments.apps",
        "deployments.v1.apps",
        GroupVersionResource("apps", "v1", "deployments"),
    ],
)
def test_resources_go_by_all_their_names(name: str | GroupVersionResource) -> None:
    cluster = Cluster()
    cluster.create(name, {"metadata": {"name": "x"}})
    assert cluster.get("deployments", "x")["kind"] == "Deployment"


def test_what_is_not_served_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="register it first"):
        Cluster().list("widgets.example.com")


def test_only_stable_versions_are_served_unless_all_are_asked_for() -> None:
    alpha = GroupVersionResource("resource.k8s.io", "v1alpha3", "devicetaintrules")
    with pytest.raises(LookupError):
        Cluster().list(alpha)
    assert Cluster(all_versions=True).list(alpha) == []


def test_objects_are_copies_both_ways(pod: Callable[..., JSON]) -> None:
    cluster, given = Cluster(), pod("x", labels={"a": "b"})
    created = cluster.create("pods", given)
    given["metadata"]["labels"]["a"] = created["metadata"]["labels"]["a"] = "changed"
    assert cluster.get("pods", "x")["metadata"]["labels"] == {"a": "b"}
    assert "uid" not in given["metadata"]


def test_the_namespace_is_the_object_s_own_else_the_one_given_else_default() -> None:
    cluster = Cluster()
    cluster.create("pods", {"metadata": {"name": "x"}})
    cluster.create("pods", {"metadata": {"name": "x"}}, namespace="b")
    cluster.create("pods", {"metadata": {"name": "x", "namespace": "a"}})
    assert [each["metadata"]["namespace"] for each in cluster.list("pods")] == ["a", "b", "default"]
    assert len(cluster.list("pods", namespace="b")) == 1
    assert cluster.get("pods", "x", namespace="a")["metadata"]["namespace"] == "a"


def test_lists_are_selected(pod: Callable[..., JSON]) -> None:
    cluster = Cluster()
    cluster.create("pods", pod("x", labels={"a": "b"}, nodeName="n1"))
    cluster.create("pods", pod("y", labels={"a": "c"}, nodeName="n1"))
    assert [each["metadata"]["name"] for each in cluster.list("pods", label_selector="a!=b")] == ["y"]
    assert len(cluster.list("pods", field_selector="spec.nodeName=n1,metadata.name=x")) == 1


def test_a_merge_patch_of_the_main_resource_and_of_the_status(pod: Callable[..., JSON]) -> None:
    cluster = Cluster()
    cluster.create("pods", pod("x"))
    cluster.patch("pods", "x", {"spec": {"nodeName": "n1"}, "status": {"phase": "Failed"}})
    cluster.patch("pods", "x", {"status": {"phase": "Running"}}, subresource="status")
    assert (cluster.get("pods", "x")["spec"], cluster.get("pods", "x")["status"]["phase"]) == (
        {"nodeName": "n1"},
        "Running",
    )


def test_what_is_missing_is_not_found() -> None:
    cluster = Cluster()
    for verb in (cluster.get, cluster.delete):
        with pytest.raises(NotFoundError, match='pods "x" not found'):
            verb("pods", "x")


def test_a_seeded_random_makes_names_and_uids_repeatable() -> None:
    def made() -> JSON:
        return Cluster(random=Random(7)).create("pods", {"metadata": {"generateName": "web-"}})

    assert made()["metadata"]["uid"] == made()["metadata"]["uid"]
    assert made()["metadata"]["name"] == made()["metadata"]["name"]
    assert len(made()["metadata"]["name"]) == len("web-") + 5


def test_a_registered_resource_behaves_like_a_custom_one() -> None:
    cluster = Cluster()
    cluster.register(WIDGETS)
    created = cluster.create("wd", {"metadata": {"name": "x"}, "status": {"kept": True}})
    assert (created["apiVersion"], created["kind"], created["status"]) == ("example.com/v1", "Widget", {"kept": True})


def test_with_a_status_subresource_its_status_is_written_apart() -> None:
    cluster = Cluster()
    cluster.register(WIDGETS, status_subresource=True)
    assert "status" not in cluster.create("widgets", {"metadata": {"name": "x"}, "status": {"lost": True}})


def test_unregistering_takes_the_objects_away() -> None:
    cluster = Cluster()
    cluster.register(WIDGETS)
    cluster.create("widgets", {"metadata": {"name": "x"}})
    cluster.unregister(WIDGETS)
    with pytest.raises(LookupError):
        cluster.list("widgets")
    cluster.register(WIDGETS)
    assert cluster.list("widgets") == []


def test_objects_stay_while_another_version_is_served() -> None:
    cluster = Cluster()
    beta = APIResource(GroupVersionResource("example.com", "v1beta1", "widgets"), "Widget", namespaced=True)
    cluster.register(WIDGETS)
    cluster.register(beta)
    cluster.create(WIDGETS, {"metadata": {"name": "x"}})
    cluster.unregister(WIDGETS)
    assert cluster.get(beta, "x")["apiVersion"] == "example.com/v1beta1"


def test_compacting_everything_makes_even_the_present_version_old() -> None:
    cluster = Cluster()
    before = int(cluster.resource_version)
    cluster.compact()
    assert int(cluster.resource_version) == before + 1
    with pytest.raises(ExpiredError):
        cluster.store.snapshot(cluster.catalog.find("pods").group_resource, before)


def test_compacting_to_a_version_keeps_that_version() -> None:
    cluster = Cluster()
    before = int(cluster.resource_version)
    cluster.create("pods", {"metadata": {"name": "x"}})
    cluster.compact(before)
    assert cluster.store.compacted == before
    assert int(cluster.resource_version) == before + 1
