from __future__ import annotations

import pytest

from aioinformer.testing import ApiServerError, Cluster
from aioinformer.testing.checks import check_metadata, check_name, check_type
from aioinformer.testing.statuses import InvalidError


@pytest.mark.parametrize("name", ["a", "a-b", "a.b-c", "0", "a" * 253])
def test_names(name: str) -> None:
    check_name(Cluster().catalog.find("pods"), name)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "a" * 254])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidError):
        check_name(Cluster().catalog.find("pods"), name)


@pytest.mark.parametrize(("name", "allowed"), [("system:Node", True), ("a/b", False), ("..", False), ("50%", False)])
def test_rbac_names_need_only_fit_into_a_url(name: str, *, allowed: bool) -> None:
    roles = Cluster().catalog.find("roles")
    if allowed:
        check_name(roles, name)
    else:
        with pytest.raises(InvalidError):
            check_name(roles, name)


def test_kind_and_api_version_are_taken_off() -> None:
    document: dict[str, object] = {"kind": "Pod", "apiVersion": "v1", "spec": {}}
    check_type(Cluster().catalog.find("pods"), document)
    assert document == {"spec": {}}


@pytest.mark.parametrize(
    ("value", "found"),
    [(1, "number"), (True, "bool"), ([], "array"), ({}, "object")],
    ids=["number", "bool", "array", "object"],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_labels_and_annotations_have_to_be_strings(field: str, value: object, found: str) -> None:
    with pytest.raises(
        ApiServerError, match=f"cannot unmarshal {found} into Go struct field ObjectMeta.metadata.{field}"
    ):
        check_metadata(Cluster().catalog.find("pods"), {field: {"a": value}})


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("name", 7, "string"),
        ("namespace", [], "string"),
        ("labels", "a", r"map\[string\]string"),
        ("annotations", 7, r"map\[string\]string"),
        ("finalizers", "a", r"\[\]string"),
        ("finalizers", [7], "string"),
    ],
)
def test_metadata_has_texts_maps_and_lists_where_the_real_one_has(field: str, value: object, wanted: str) -> None:
    with pytest.raises(ApiServerError, match=f"into Go struct field ObjectMeta.metadata.{field} of type {wanted}"):
        check_metadata(Cluster().catalog.find("pods"), {field: value})


def test_null_stands_for_nothing() -> None:
    metadata: dict[str, object] = {"name": "a", "namespace": None, "labels": None, "finalizers": None}
    check_metadata(Cluster().catalog.find("pods"), metadata)
    assert metadata == {"name": "a"}
