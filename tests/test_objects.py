from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from kubernetes_asyncio.client import V1Secret

from aioinformer.objects import KubeObject, ObjectMeta, OwnerReference, Record

DOCUMENT = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": {
        "name": "web",
        "namespace": "default",
        "uid": "5d4f",
        "resourceVersion": "42",
        "generateName": "w",
        "generation": 3,
        "creationTimestamp": "2024-05-06T07:08:09Z",
        "deletionTimestamp": "2024-05-07T07:08:09Z",
        "deletionGracePeriodSeconds": 30,
        "labels": {"app": "web"},
        "annotations": {"note": "grün"},
        "finalizers": ["example.com/hold"],
        "ownerReferences": [
            {"kind": "Web", "name": "w", "uid": "u", "apiVersion": "v1", "controller": True, "blockOwnerDeletion": True}
        ],
        "managedFields": [{"manager": "kubectl"}],
        "selfLink": "/ignored",
    },
    "data": {"password": "aHVudGVyMg=="},
    "spec": {"replicas": 1},
    "status": {"phase": "Running"},
    "immutable": None,
}
RAW = json.dumps(DOCUMENT).encode()
RECORD = Record("default/web", "5d4f", "42", {"app": "web"}, RAW)


@pytest.fixture
def secret() -> KubeObject:
    return KubeObject(RECORD)


def test_the_key_is_namespace_and_name_or_the_name_alone() -> None:
    assert RECORD.key == "default/web"
    assert Record("node-1", "", "", {}, b"{}").key == "node-1"


def test_identity_is_read_without_decoding(secret: KubeObject) -> None:
    assert secret.key == "default/web"
    assert (secret.name, secret.namespace, secret.uid, secret.resource_version) == ("web", "default", "5d4f", "42")
    assert secret.labels == {"app": "web"}
    undecodable = KubeObject(Record("default/web", "5d4f", "42", {}, b"not JSON"))
    assert undecodable.key == "default/web"


def test_kind_and_api_version_are_the_objects_own(secret: KubeObject) -> None:
    assert (secret.kind, secret.api_version) == ("Secret", "v1")
    bare = KubeObject.from_json(b'{"metadata":{"name":"web"}}')
    assert (bare.kind, bare.api_version) == ("", "")


def test_metadata_has_pythons_names(secret: KubeObject) -> None:
    assert secret.metadata == ObjectMeta(
        name="web",
        namespace="default",
        uid="5d4f",
        resource_version="42",
        generate_name="w",
        generation=3,
        creation_timestamp=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
        deletion_timestamp=datetime(2024, 5, 7, 7, 8, 9, tzinfo=UTC),
        deletion_grace_period_seconds=30,
        labels={"app": "web"},
        annotations={"note": "grün"},
        owner_references=[OwnerReference("Web", "w", "u", "v1", controller=True, block_owner_deletion=True)],
        finalizers=["example.com/hold"],
        managed_fields=[{"manager": "kubectl"}],
    )
    assert secret.annotations == {"note": "grün"}


def test_metadata_that_is_not_there_is_empty() -> None:
    meta = KubeObject.from_json(b'{"metadata":{"name":"web","creationTimestamp":null}}').metadata
    assert meta == ObjectMeta(name="web")
    assert (meta.labels, meta.annotations, meta.owner_references, meta.creation_timestamp) == ({}, {}, [], None)


@pytest.mark.parametrize(
    "field", ["labels", "annotations", "finalizers", "ownerReferences", "managedFields", "generation"]
)
def test_metadata_that_is_null_is_empty(field: str) -> None:
    """The cache takes such an object, so its view has to show it."""
    raw = json.dumps({"metadata": {"name": "web", field: None}}).encode()
    assert KubeObject(Record("web", "", "", {}, raw)).metadata == ObjectMeta(name="web")
    assert KubeObject.from_json(raw).labels == {}


def test_top_level_fields_are_read_like_a_mapping(secret: KubeObject) -> None:
    assert secret["data"] == {"password": "aHVudGVyMg=="}
    assert secret.get("data") == {"password": "aHVudGVyMg=="}
    assert secret.get("type") is None
    assert secret.get("type", "Opaque") == "Opaque"
    assert secret.get("immutable", "default") is None
    assert "data" in secret
    assert "type" not in secret
    assert 5 not in secret
    assert list(secret) == list(DOCUMENT)
    with pytest.raises(KeyError, match="type"):
        secret["type"]


def test_spec_and_status_are_there_or_empty(secret: KubeObject) -> None:
    assert secret.spec == {"replicas": 1}
    assert secret.status == {"phase": "Running"}
    for body in (b'{"metadata":{"name":"a"}}', b'{"metadata":{"name":"a"},"spec":null,"status":null}'):
        bare = KubeObject.from_json(body)
        assert (bare.spec, bare.status) == ({}, {})


def test_a_field_is_decoded_once_for_each_view(secret: KubeObject) -> None:
    assert secret.spec is secret["spec"]
    assert secret.metadata is secret.metadata


def test_what_a_reader_changes_in_its_view_changes_no_other(secret: KubeObject) -> None:
    other = KubeObject(RECORD)
    secret.spec["replicas"] = 99
    secret["data"].clear()
    secret.metadata.labels["app"] = "changed"
    secret.metadata.finalizers.clear()
    secret.annotations["note"] = "changed"  # type: ignore[index]  # what a careless reader does
    secret.to_dict()["metadata"]["name"] = "changed"
    assert KubeObject(RECORD).to_dict() == other.to_dict() == DOCUMENT
    assert secret.to_dict() == DOCUMENT
    assert other.spec == {"replicas": 1}
    assert other.metadata.labels == {"app": "web"}
    assert other.annotations == {"note": "grün"}
    assert secret.labels == {"app": "web"}


def test_labels_cannot_be_changed_at_all(secret: KubeObject) -> None:
    with pytest.raises(TypeError):
        secret.labels["app"] = "changed"  # type: ignore[index]  # the point
    assert RECORD.labels == {"app": "web"}


@pytest.mark.parametrize("name", ["name", "spec", "labels", "metadata", "anything"])
def test_a_view_cannot_be_assigned_to(secret: KubeObject, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(secret, name, "changed")


def test_metadata_and_records_cannot_be_assigned_to(secret: KubeObject) -> None:
    for target in (secret.metadata, RECORD):
        with pytest.raises(AttributeError):
            target.name = "changed"  # type: ignore[misc]  # the point


def test_the_whole_object_is_what_the_server_sent(secret: KubeObject) -> None:
    assert secret.to_json() is RAW
    assert secret.to_dict() == DOCUMENT
    assert secret.to_dict() is not secret.to_dict()


def test_no_representation_shows_a_body(secret: KubeObject) -> None:
    _ = secret["data"]
    assert repr(secret) == str(secret) == "<KubeObject Secret default/web resourceVersion=42>"
    for text in (f"{secret}", repr([secret]), repr(RECORD), str(RECORD)):
        assert "aHVudGVyMg" not in text


def test_metadata_shows_who_it_is_of_and_no_annotation(secret: KubeObject) -> None:
    """Kubectl leaves a whole Secret in ``kubectl.kubernetes.io/last-applied-configuration``."""
    assert repr(secret.metadata) == str(secret.metadata) == "<ObjectMeta default/web uid=5d4f resourceVersion=42>"
    assert repr(ObjectMeta(name="node-1")) == "<ObjectMeta node-1 uid= resourceVersion=>"


def test_a_view_becomes_a_clients_model_a_struct_or_a_dataclass(secret: KubeObject) -> None:
    class Data(msgspec.Struct):
        data: dict[str, str]

    @dataclasses.dataclass
    class Kind:
        kind: str

    model = secret.to_model(V1Secret)
    assert isinstance(model, V1Secret)
    assert model.metadata.name == "web"
    assert secret.to_model(Data) == Data({"password": "aHVudGVyMg=="})
    assert secret.to_model(Kind) == Kind("Secret")
    with pytest.raises(TypeError, match="int is no model"):
        secret.to_model(int)


def test_an_object_from_elsewhere_has_the_same_view(secret: KubeObject) -> None:
    assert KubeObject.from_json(RAW) == secret


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"metadata":[]}', b'{"metadata":{"name":5}}'])
def test_what_is_no_object_has_no_view(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        KubeObject.from_json(raw)


def test_views_of_one_version_are_equal(secret: KubeObject) -> None:
    newer = KubeObject(Record("default/web", "5d4f", "43", {"app": "web"}, RAW))
    assert secret == KubeObject(RECORD)
    assert hash(secret) == hash(KubeObject(RECORD))
    assert secret != newer
    assert secret != RAW
    assert len({secret, KubeObject(RECORD), newer}) == 2


def test_a_deep_copy_is_a_view_of_its_own(secret: KubeObject) -> None:
    secret.spec["replicas"] = 99
    other: Any = copy.deepcopy(secret)
    other.spec["replicas"] = 7
    assert secret.spec == {"replicas": 99}
    assert other == secret


def test_of_two_fields_of_one_name_the_later_counts() -> None:
    """As in Go, where the server fills a list's kind in before an item's own empty one."""
    twice = KubeObject.from_json(b'{"kind":"Pod","metadata":{"name":"a"},"kind":"Secret"}')
    assert twice.kind == twice.to_dict()["kind"] == "Secret"
