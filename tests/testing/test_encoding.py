from __future__ import annotations

import pytest

from aioinformer.testing.encoding import copy, decode, encode, inner, is_list, is_object


def test_documents_survive_the_round_trip() -> None:
    document = {"a": [1, None, {"b": "ü"}]}
    assert decode(encode(document)) == document
    assert encode(document) == '{"a":[1,null,{"b":"ü"}]}'.encode()


def test_a_copy_shares_nothing() -> None:
    document = {"a": {"b": 1}}
    copied = copy(document)
    copied["a"]["b"] = 2
    assert document == {"a": {"b": 1}}


def test_what_is_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="malformed"):
        decode(b"{x")


def test_telling_objects_and_lists_apart() -> None:
    assert is_object({})
    assert is_list([])
    assert not is_object([])
    assert not is_list({})


@pytest.mark.parametrize(
    ("document", "expected"), [({"a": {"b": 1}}, {"b": 1}), ({"a": None}, {}), ({}, {}), ({"a": 1}, {})]
)
def test_the_inner_object_or_an_empty_one(document: dict[str, object], expected: dict[str, object]) -> None:
    assert inner(document, "a") == expected
