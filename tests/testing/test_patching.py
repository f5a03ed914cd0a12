from __future__ import annotations

from typing import Any

import pytest

from aioinformer.testing import ApiServerError, BadRequestError
from aioinformer.testing.patching import json_patch, merge_patch, strategic_merge_patch


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_merge_patch_as_in_the_examples_of_rfc_7386(
    document: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merge_patch(document, patch) == expected


def test_merge_patch_leaves_the_original_alone() -> None:
    document = {"a": {"b": 1}}
    merge_patch(document, {"a": {"b": 2}})
    assert document == {"a": {"b": 1}}


def test_strategic_lists_merge_by_their_key() -> None:
    document = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    patch = {
        "containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}],
        "$setElementOrder/containers": [{"name": "a"}],
    }
    merged = strategic_merge_patch(document, patch)
    assert merged == {
        "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}]
    }


def test_strategic_directives() -> None:
    document = {
        "env": [{"name": "a"}, {"name": "b"}],
        "labels": {"x": "y"},
        "finalizers": ["f", "g"],
        "args": [1, 2],
        "spec": {"a": 1},
    }
    patch = {
        "env": [{"name": "a", "$patch": "delete"}],
        "labels": {"$patch": "replace", "z": "1"},
        "finalizers": ["g", "h"],
        "args": [3],
        "spec": {"$patch": "delete"},
    }
    assert strategic_merge_patch(document, patch) == {
        "env": [{"name": "b"}],
        "labels": {"z": "1"},
        "finalizers": ["f", "g", "h"],
        "args": [3],
    }
    assert strategic_merge_patch({"finalizers": ["f", "g"]}, {"$deleteFromPrimitiveList/finalizers": ["f"]}) == {
        "finalizers": ["g"]
    }
    assert strategic_merge_patch(document, {"env": [{"$patch": "replace"}, {"name": "c"}]})["env"] == [{"name": "c"}]


def test_strategic_lists_without_their_key_are_replaced() -> None:
    assert strategic_merge_patch({"ports": [{"port": 1}]}, {"ports": [{"other": 2}]}) == {"ports": [{"other": 2}]}
    assert strategic_merge_patch({"ports": [{"port": 1}]}, {"ports": [{"port": 2}]}) == {
        "ports": [{"port": 1}, {"port": 2}]
    }


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3], "b": {"c/d": 0}}),
        ({"op": "add", "path": "/a/0", "value": 3}, {"a": [3, 1, 2], "b": {"c/d": 0}}),
        ({"op": "add", "path": "/e", "value": None}, {"a": [1, 2], "b": {"c/d": 0}, "e": None}),
        ({"op": "remove", "path": "/b/c~1d"}, {"a": [1, 2], "b": {}}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2], "b": {"c/d": 0}}),
        ({"op": "replace", "path": "/a/1", "value": 5}, {"a": [1, 5], "b": {"c/d": 0}}),
        ({"op": "replace", "path": "", "value": {"x": 1}}, {"x": 1}),
        ({"op": "move", "from": "/a/0", "path": "/f"}, {"a": [2], "b": {"c/d": 0}, "f": 1}),
        ({"op": "copy", "from": "/b", "path": "/f"}, {"a": [1, 2], "b": {"c/d": 0}, "f": {"c/d": 0}}),
        ({"op": "test", "path": "/a", "value": [1, 2]}, {"a": [1, 2], "b": {"c/d": 0}}),
    ],
)
def test_json_patch_operations(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    document = {"a": [1, 2], "b": {"c/d": 0}}
    assert json_patch(document, [operation]) == expected
    assert document == {"a": [1, 2], "b": {"c/d": 0}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "remove", "path": "/l/7"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
    ],
)
def test_json_patch_that_does_not_apply_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiServerError) as caught:
        json_patch({"a": 1, "l": []}, [operation])
    assert caught.value.status == 422


@pytest.mark.parametrize("operation", [{"op": "add", "path": "/a"}, {"path": "/a"}, {"op": "bend", "path": "/a"}])
def test_malformed_json_patches_are_bad_requests(operation: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        json_patch({"a": 1}, [operation])
