"""The rules of create, update and delete, in the real server's words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aioinformer.testing import (
    AlreadyExistsError,
    ApiServerError,
    BadRequestError,
    Cluster,
    ConflictError,
    InvalidError,
    NotFoundError,
)

JSON = dict[str, Any]
MakePod = Callable[..., JSON]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(clock=lambda: datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))))


def test_a_created_object_is_stamped(cluster: Cluster, pod: MakePod) -> None:
    metadata = cluster.create("pods", pod("x"))["metadata"]
    assert metadata["creationTimestamp"] == "2030-01-02T01:04:05Z"
    assert metadata["resourceVersion"] == cluster.resource_version
    assert metadata["generation"] == 1
    assert len(metadata["uid"]) == 36


def test_what_a_client_may_not_decide_is_dropped_on_create(cluster: Cluster) -> None:
    given = {
        "metadata": {"name": "x", "uid": "mine", "deletionTimestamp": "2020-01-01T00:00:00Z", "generation": 9},
        "spec": {},
    }
    metadata = cluster.create("deployments", given | {"status": {"replicas": 3}})["metadata"]
    assert metadata["uid"] != "mine"
    assert "deletionTimestamp" not in metadata
    assert metadata["generation"] == 1
    assert "status" not in cluster.get("deployments", "x")


def test_objects_without_a_spec_have_no_generation(cluster: Cluster) -> None:
    assert "generation" not in cluster.create("configmaps", {"metadata": {"name": "x"}})["metadata"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"metadata": {}},
            InvalidError,
            'Pod "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        (
            {"metadata": {"name": "A_b"}},
            InvalidError,
            'Pod "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123',
        ),
        ({"metadata": []}, BadRequestError, "cannot unmarshal"),
        (
            {"metadata": {"name": "x", "resourceVersion": "1"}},
            ApiServerError,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            {"kind": "Node", "metadata": {"name": "x"}},
            BadRequestError,
            'Node in version "v1" cannot be handled as a Pod',
        ),
        (
            {"apiVersion": "v2", "metadata": {"name": "x"}},
            BadRequestError,
            'Pod in version "v2" cannot be handled as a Pod',
        ),
        ({"metadata": {"name": "x", "labels": {"a": "-"}}}, InvalidError, 'metadata.labels: Invalid value: "-"'),
        (
            {"metadata": {"name": "x", "labels": {"a/b/c": "d"}}},
            InvalidError,
            'metadata.labels: Invalid value: "a/b/c"',
        ),
        ({"metadata": {"name": "x", "labels": {"a": 1}}}, BadRequestError, "labels of type string"),
    ],
)
def test_objects_that_cannot_be_created(
    cluster: Cluster, given: JSON, error: type[ApiServerError], message: str
) -> None:
    before = cluster.resource_version
    with pytest.raises(error, match=message):
        cluster.create("pods", given)
    assert cluster.resource_version == before


def test_a_taken_name(cluster: Cluster, pod: MakePod) -> None:
    cluster.create("pods", pod("x"))
    with pytest.raises(AlreadyExistsError, match='pods "x" already exists') as caught:
        cluster.create("pods", pod("x"))
    assert caught.value.body["details"] == {"name": "x", "kind": "pods"}


def test_the_object_s_namespace_has_to_be_the_request_s(cluster: Cluster, pod: MakePod) -> None:
    with pytest.raises(BadRequestError, match="does not match the namespace sent on the request"):
        cluster.create("pods", pod("x", "a"), namespace="b")


def test_role_names_may_have_colons(cluster: Cluster) -> None:
    assert cluster.create("clusterroles", {"metadata": {"name": "system:Node"}})["metadata"]["name"] == "system:Node"


def test_an_update_with_the_latest_version_wins_and_a_stale_one_conflicts(cluster: Cluster, pod: MakePod) -> None:
    first = cluster.create("pods", pod("x"))
    second = cluster.update("pods", first | {"spec": {"nodeName": "n1"}})
    assert int(second["metadata"]["resourceVersion"]) == int(first["metadata"]["resourceVersion"]) + 1
    with pytest.raises(ConflictError, match='Operation cannot be fulfilled on pods "x": the object has been modified'):
        cluster.update("pods", first)


def test_an_update_without_a_version_is_unconditional_for_built_in_types_only(
    cluster: Cluster, pod: MakePod, definition: Callable[..., JSON]
) -> None:
    cluster.create("pods", pod("x"))
    cluster.update("pods", pod("x", nodeName="n1"))
    cluster.create("crd", definition())
    cluster.create("widgets", {"metadata": {"name": "x"}})
    with pytest.raises(
        InvalidError, match=r"metadata\.resourceVersion: Invalid value: 0: must be specified for an update"
    ):
        cluster.update("widgets", {"metadata": {"name": "x"}})


def test_an_update_that_changes_nothing_is_no_write(cluster: Cluster, pod: MakePod) -> None:
    first = cluster.create("pods", pod("x"))
    assert cluster.update("pods", first) == first
    assert cluster.resource_version == first["metadata"]["resourceVersion"]


def test_an_update_of_another_incarnation_conflicts(cluster: Cluster, pod: MakePod) -> None:
    first = cluster.create("pods", pod("x"))
    first["metadata"]["uid"] = "other"
    with pytest.raises(ConflictError, match="Precondition failed: UID in precondition: other"):
        cluster.update("pods", first)


def test_an_update_cannot_change_identity_or_birth(cluster: Cluster, pod: MakePod) -> None:
    first = cluster.create("pods", pod("x"))
    changed = pod("x", labels={"a": "b"}) | {"kind": "Pod"}
    changed["metadata"] |= {"creationTimestamp": "2000-01-01T00:00:00Z", "generation": 5}
    updated = cluster.update("pods", changed)["metadata"]
    assert {field: updated[field] for field in ("uid", "creationTimestamp", "generation")} == {
        field: first["metadata"][field] for field in ("uid", "creationTimestamp", "generation")
    }


def test_an_update_of_what_is_missing_is_not_found(cluster: Cluster, pod: MakePod) -> None:
    with pytest.raises(NotFoundError):
        cluster.update("pods", pod("x"))


def test_generation_counts_changes_of_what_is_wanted(cluster: Cluster) -> None:
    created = cluster.create("deployments", {"metadata": {"name": "x"}, "spec": {"replicas": 1}})
    labelled = cluster.patch("deployments", "x", {"metadata": {"labels": {"a": "b"}}})
    reported = cluster.patch("deployments", "x", {"status": {"replicas": 1}}, subresource="status")
    scaled = cluster.patch("deployments", "x", {"spec": {"replicas": 2}})
    assert [each["metadata"]["generation"] for each in (created, labelled, reported, scaled)] == [1, 1, 1, 2]


def test_spec_and_status_are_written_apart(cluster: Cluster) -> None:
    cluster.create("deployments", {"metadata": {"name": "x"}, "spec": {"replicas": 1}})
    both = cluster.get("deployments", "x") | {"spec": {"replicas": 2}, "status": {"replicas": 2}}
    by_spec = cluster.update("deployments", both)
    assert (by_spec["spec"], by_spec.get("status")) == ({"replicas": 2}, None)
    by_status = cluster.update(
        "deployments", by_spec | {"spec": {"replicas": 9}, "status": {"replicas": 2}}, subresource="status"
    )
    assert (by_status["spec"], by_status["status"]) == ({"replicas": 2}, {"replicas": 2})


def test_a_version_in_a_patch_is_a_precondition(cluster: Cluster, pod: MakePod) -> None:
    created = cluster.create("pods", pod("x"))
    cluster.patch(
        "pods", "x", {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"], "labels": {"a": "1"}}}
    )
    with pytest.raises(ConflictError):
        cluster.patch(
            "pods", "x", {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"], "labels": {"a": "2"}}}
        )


def test_a_deletion_takes_effect_at_once_and_has_its_own_version(cluster: Cluster, pod: MakePod) -> None:
    created = cluster.create("pods", pod("x"))
    deleted = cluster.delete("pods", "x")
    assert int(deleted["metadata"]["resourceVersion"]) == int(created["metadata"]["resourceVersion"]) + 1
    assert cluster.list("pods") == []


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        ("uid", "the UID in the precondition (other)"),
        ("resourceVersion", "the ResourceVersion in the precondition (other)"),
    ],
)
def test_deletions_have_preconditions(cluster: Cluster, pod: MakePod, field: str, complaint: str) -> None:
    created = cluster.create("pods", pod("x"))
    with pytest.raises(ConflictError) as caught:
        cluster.delete("pods", "x", options={"preconditions": {field: "other"}})
    assert complaint in caught.value.message
    cluster.delete("pods", "x", options={"preconditions": {field: created["metadata"][field]}})
    assert cluster.list("pods") == []


def test_finalizers_hold_an_object_back_until_the_last_is_removed(cluster: Cluster) -> None:
    cluster.create("deployments", {"metadata": {"name": "x", "finalizers": ["a/b", "c/d"]}, "spec": {}})
    marked = cluster.delete("deployments", "x")["metadata"]
    assert (marked["deletionTimestamp"], marked["deletionGracePeriodSeconds"], marked["generation"]) == (
        "2030-01-02T01:04:05Z",
        0,
        2,
    )
    assert cluster.delete("deployments", "x")["metadata"] == marked
    cluster.patch("deployments", "x", {"metadata": {"finalizers": ["c/d"]}})
    assert len(cluster.list("deployments")) == 1
    cluster.patch("deployments", "x", {"metadata": {"finalizers": []}})
    assert cluster.list("deployments") == []


def test_a_deletion_mark_cannot_be_taken_back(cluster: Cluster) -> None:
    created = cluster.create("configmaps", {"metadata": {"name": "x", "finalizers": ["a/b"]}})
    cluster.delete("configmaps", "x")
    created["metadata"].pop("resourceVersion")
    assert "deletionTimestamp" in cluster.update("configmaps", created | {"data": {"k": "v"}})["metadata"]
