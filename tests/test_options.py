from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kubernetes_asyncio.client import V1Pod

from aioinformer.errors import InvalidOption
from aioinformer.naming import named_resource
from aioinformer.options import InformerSpec, check_seconds, namespace_scope
from aioinformer.resource import GroupVersionResource, ResourceName
from aioinformer.selectors import LabelSelector

if TYPE_CHECKING:
    from aioinformer.objects import KubeObject

PODS = GroupVersionResource("", "v1", "pods")
NODES = GroupVersionResource("", "v1", "nodes")
WIDGETS = GroupVersionResource("example.com", "v1", "widgets")


class Named(msgspec.Struct):
    kind: str


class Strict(msgspec.Struct):
    spec: dict[str, int]


def spec(**options: Any) -> InformerSpec:
    return InformerSpec(PODS, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"namespace": "default"},
        {"resync": 0.5},
        {"audit": 3600},
        {"strict": True},
        {"initial_list": "cached"},
        {"initial_list": "consistent"},
        {"page_size": 0},
        {"storage": "plain"},
        {"storage": "compressed"},
        {"keep_managed_fields": True},
        {"model": V1Pod},
        {"model": Named},
    ],
)
def test_options_that_can_work_are_taken(options: dict[str, Any]) -> None:
    asked = spec(**options)
    assert asked.checked() is asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"namespace": ""},
            "namespace is a namespace's name, a list, tuple or set of some, or None for all of them, not ''",
        ),
        ({"namespace": 5}, "namespace is a namespace's name"),
        ({"namespace": ("a", "B")}, "namespace is a namespace's name"),
        ({"namespace": "a/b"}, "namespace is a namespace's name"),
        ({"namespace": "../../nodes"}, "namespace is a namespace's name"),
        ({"namespace": "Default"}, "namespace is a namespace's name"),
        ({"namespace": "kube system"}, "namespace is a namespace's name"),
        ({"resync": 0}, "resync is a positive number of seconds"),
        ({"resync": -1.0}, "resync is a positive number of seconds"),
        ({"resync": float("nan")}, "resync is a positive number of seconds"),
        ({"resync": "30"}, "resync is a positive number of seconds"),
        ({"audit": 0}, "audit is a positive number of seconds"),
        ({"audit": "1h"}, "audit is a positive number of seconds"),
        ({"audit": True}, "audit is a positive number of seconds"),
        ({"initial_list": "quick"}, "initial_list is one of stream, consistent, cached, not 'quick'"),
        ({"initial_list": None}, "initial_list is one of"),
        ({"storage": "zip"}, "storage is one of compressed, plain, not 'zip'"),
        ({"storage": None}, "storage is one of"),
        ({"page_size": -1}, "page_size is a number of objects"),
        ({"page_size": "500"}, "page_size is a number of objects"),
        ({"page_size": None}, "page_size is a number of objects"),
        ({"metadata_only": "yes"}, "metadata_only is True or False, not 'yes'"),
        ({"strict": 1}, "strict is True or False"),
        ({"compress_lists": "gzip"}, "compress_lists is True or False"),
        ({"keep_managed_fields": "no"}, "keep_managed_fields is True or False"),
        ({"field_selector": {"spec.nodeName": "n1"}}, "field_selector is "),
        ({"transform": "strip"}, "transform is "),
        ({"indexers": {"node": "spec.nodeName"}}, "indexers"),
        ({"indexers": {7: str}}, "indexers maps names to functions"),
        ({"model": int}, "model: int is no model"),
        ({"model": "V1Pod"}, "model: 'V1Pod' is no class"),
    ],
)
def test_an_option_that_cannot_work_is_named_with_what_can(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message.replace("(", r"\(")):
        spec(**options).checked()


@pytest.mark.parametrize("several", [["b", "a"], ("a", "b", "a"), {"a", "b"}, frozenset({"b", "a"})])
def test_the_same_namespaces_are_always_put_alike(several: Any) -> None:
    assert namespace_scope(several) == ("a", "b")


def test_one_namespace_is_no_several() -> None:
    assert namespace_scope(["a"]) == namespace_scope("a") == "a"
    assert namespace_scope(None) is None


@pytest.mark.parametrize("wrong", [[], (), {"a": "b"}, ["a", 7], ["a", "B"], 7, iter("ab"), b"a"])
def test_what_is_no_collection_of_namespaces_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidOption, match="namespace is a namespace's name, a list, tuple or set of some, or None"):
        namespace_scope(wrong)


def test_a_cluster_scoped_resource_has_no_namespace() -> None:
    with pytest.raises(InvalidOption, match=r"nodes\.v1 is cluster-scoped: leave namespace='default' out"):
        InformerSpec(NODES, namespace="default").checked()
    with pytest.raises(InvalidOption, match="cluster-scoped"):
        InformerSpec(ResourceName("no", None, None), namespace="default").checked()


def test_the_scope_of_what_is_not_built_in_is_found_out_later() -> None:
    widgets = InformerSpec(WIDGETS, namespace="default")
    assert widgets.builtin is None
    assert widgets.checked() is widgets


def test_a_built_in_resource_is_known() -> None:
    pods = spec().builtin
    assert pods is not None
    assert pods.kind == "Pod"


@pytest.mark.parametrize(
    "other",
    [
        {"namespace": "default"},
        {"label_selector": LabelSelector.parse("a=b")},
        {"field_selector": "spec.nodeName=n1"},
        {"metadata_only": True},
    ],
)
def test_resource_scope_and_selectors_tell_one_informer_from_another(other: dict[str, Any]) -> None:
    assert spec().identity != spec(**other).identity
    assert spec(**other).identity == spec(**other).identity
    assert hash(spec(**other).identity) == hash(spec(**other).identity)
    assert spec().identity != InformerSpec(NODES).identity


@pytest.mark.parametrize(
    "other",
    [
        {"resync": 5},
        {"model": Named},
        {"transform": dict},
        {"indexers": {"a": len}},
        {"page_size": 1},
        {"storage": "plain"},
    ],
)
def test_nothing_else_does(other: dict[str, Any]) -> None:
    assert spec().identity == spec(**other).identity


def test_equal_selectors_are_one_identity_however_they_were_written() -> None:
    one, other = (spec(label_selector=LabelSelector.parse(text)).identity for text in ("a=b,c", "c, a in (b)"))
    assert one == other


def test_options_that_agree_do_not_conflict() -> None:
    def by_node(pod: KubeObject) -> str:
        return str(pod.spec["nodeName"])

    full = spec(model=Named, transform=dict, indexers={"node": by_node}, resync=30.0)
    assert full.conflicts_with(full, ["indexers", "resync"]) == []


def test_what_a_later_request_leaves_out_does_not_conflict() -> None:
    assert spec(indexers={"node": str}, resync=30.0).conflicts_with(spec(), []) == []


@pytest.mark.parametrize(
    ("first", "later", "conflicts"),
    [
        ({}, {"model": Named}, ["model"]),
        ({"model": Strict}, {"model": Named}, ["model"]),
        ({}, {"transform": dict}, ["transform"]),
        ({"resync": 30.0}, {"resync": 5.0}, ["resync"]),
        ({}, {"resync": 5.0}, ["resync"]),
        ({}, {"indexers": {"node": str}}, ["indexers"]),
        ({}, {"strict": True, "audit": 60.0}, ["audit", "strict"]),
        ({}, {"model": Named, "resync": 5.0}, ["model", "resync"]),
        ({}, {"page_size": 10, "namespace": None}, ["page_size"]),
        ({"initial_list": "cached"}, {"initial_list": "stream"}, ["initial_list"]),
        ({"storage": "plain"}, {"storage": "compressed"}, ["storage"]),
        ({}, {"keep_managed_fields": True}, ["keep_managed_fields"]),
    ],
)
def test_options_that_contradict_each_other_are_named(
    first: dict[str, Any], later: dict[str, Any], conflicts: list[str]
) -> None:
    assert spec(**first).conflicts_with(spec(**later), later) == conflicts


def test_a_spec_reads_well() -> None:
    assert str(spec()) == "pods.v1"
    assert str(spec(namespace="default")) == "pods.v1 in default"
    assert str(spec(namespace=("a", "b"))) == "pods.v1 in a, b"
    full = spec(namespace="default", label_selector=LabelSelector.parse("app=web"), field_selector="spec.nodeName=n1")
    assert str(full) == "pods.v1 in default (app=web, spec.nodeName=n1)"


def test_a_period_is_checked_wherever_it_is_given() -> None:
    check_seconds("resync", 0.001)
    for no_period in (0, -1, True, "5", float("inf"), float("nan")):
        with pytest.raises(InvalidOption, match="resync is a positive number"):
            check_seconds("resync", no_period)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("resource", "good", "bad"),
    [
        ("pods.v1", ["d/a"], ["", "a", "/a", "d/", "d/a/b", 5, None]),
        ("nodes.v1", ["a"], ["", "d/a", "a/"]),
        ("widgets.v1.example.com", ["a", "d/a"], ["", "/a", "d/", "d/a/b"]),
    ],
)
def test_what_is_no_key_of_the_resource_is_refused(resource: str, good: list[str], bad: list[Any]) -> None:
    """Whether a resource that is not built in has namespaces is not known."""
    spec = InformerSpec(named_resource(resource))
    for key in good:
        spec.check_key(key)
    for key in bad:
        with pytest.raises(InvalidOption, match=r"is no key of|key is an object's"):
            spec.check_key(key)
