"""Field selectors, and both kinds of selector together."""

from __future__ import annotations

import pytest

from aioinformer.testing import BadRequestError
from aioinformer.testing.mvcc import Stored
from aioinformer.testing.selecting import Selection, field_predicate
from aioinformer.testing.statuses import GroupResource

PODS = GroupResource("", "pods")


def stored(**document: object) -> Stored:
    return Stored.of({"metadata": {"name": "x", "namespace": "ns", "uid": "u", "labels": {"a": "b"}}, **document}, 7)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=x", True),
        ("metadata.name!=x", False),
        ("metadata.namespace==ns,metadata.name=x", True),
        ("spec.nodeName=n1", True),
        ("spec.nodeName!=n1", False),
        ("spec.hostNetwork=false", True),
        ("status.phase=", True),
        ("status.podIP=a\\,b", False),
        (",metadata.name=x,", True),
    ],
)
def test_field_selectors(*, selector: str, expected: bool) -> None:
    assert field_predicate(selector, PODS)(stored(spec={"nodeName": "n1"})) is expected


@pytest.mark.parametrize(
    ("resource", "complaint"),
    [
        (
            GroupResource("", "configmaps"),
            '"spec.color" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        (PODS, "field label not supported: spec.color"),
    ],
)
def test_a_field_the_resource_does_not_offer_is_a_bad_request(resource: GroupResource, complaint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        field_predicate("spec.color=red", resource)
    assert caught.value.message == complaint


def test_a_term_without_an_operator_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="can't understand 'b'"):
        field_predicate("metadata.name=a,b", PODS)


def test_custom_resources_bring_their_own_fields() -> None:
    predicate = field_predicate("spec.size=3", GroupResource("example.com", "widgets"), ("spec.size",))
    assert predicate(stored(spec={"size": 3}))


def test_both_selectors_have_to_agree() -> None:
    both = Selection(PODS, "a=b", "metadata.name=x")
    assert both.matches(stored())
    assert not Selection(PODS, "a=c", "metadata.name=x").matches(stored())
    assert Selection(PODS).is_everything
    assert not both.is_everything
