from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.resource import (
    BUILTIN_RESOURCES,
    APIResource,
    GroupVersionResource,
    ResourceName,
    at_least,
    find_builtin,
)

PODS = GroupVersionResource("", "v1", "pods")
DEPLOYMENTS = GroupVersionResource("apps", "v1", "deployments")
WIDGETS = APIResource(
    GroupVersionResource("example.com", "v1", "widgets"),
    "Widget",
    namespaced=True,
    short_names=("wd",),
    singular="widget",
)


def test_the_core_group_has_a_path_of_its_own() -> None:
    assert PODS.path() == "/api/v1/pods"
    assert PODS.path("default") == "/api/v1/namespaces/default/pods"


def test_every_other_group_is_in_its_path() -> None:
    assert DEPLOYMENTS.path() == "/apis/apps/v1/deployments"
    assert DEPLOYMENTS.path("default") == "/apis/apps/v1/namespaces/default/deployments"


def test_the_api_version_is_what_objects_carry() -> None:
    assert PODS.api_version == "v1"
    assert DEPLOYMENTS.api_version == "apps/v1"


def test_a_resource_is_written_as_kubectl_takes_it() -> None:
    assert str(PODS) == "pods.v1"
    assert str(DEPLOYMENTS) == "deployments.v1.apps"


def test_resources_are_values() -> None:
    assert GroupVersionResource("", "v1", "pods") == PODS
    assert len({PODS, DEPLOYMENTS, GroupVersionResource("apps", "v1", "deployments")}) == 2
    assert sorted([DEPLOYMENTS, PODS]) == [PODS, DEPLOYMENTS]
    with pytest.raises(FrozenInstanceError):
        PODS.resource = "nodes"  # type: ignore[misc]  # the point


@pytest.mark.parametrize(
    ("group", "version", "resource", "named"),
    [
        ("Apps", "v1", "deployments", "'Apps' is not an API group"),
        ("apps/v1", "v1", "deployments", "'apps/v1' is not an API group"),
        ("a..b", "v1", "deployments", "'a..b' is not an API group"),
        (".", "v1", "deployments", "'.' is not an API group"),
        ("apps", "", "deployments", "'' is not an API version"),
        ("apps", "V1", "deployments", "'V1' is not an API version"),
        ("apps", "v1", "", "'' is not a resource"),
        ("apps", "v1", "Deployment", "'Deployment' is not a resource"),
        ("apps", "v1", "pods/log", "'pods/log' is not a resource"),
        ("apps", "v1", "pods\n", "is not a resource"),
    ],
)
def test_a_part_that_kubernetes_does_not_allow_is_named(group: str, version: str, resource: str, named: str) -> None:
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        GroupVersionResource(group, version, resource)


def test_a_version_of_a_custom_resource_need_not_look_like_v1() -> None:
    """Any DNS label is a version in a CustomResourceDefinition."""
    assert GroupVersionResource("example.com", "stable", "widgets").api_version == "example.com/stable"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pods", ResourceName("pods", None, None)),
        (" Pods ", ResourceName("pods", None, None)),
        ("deploy", ResourceName("deploy", None, None)),
        ("deployments.apps", ResourceName("deployments", None, "apps")),
        ("Deployment.apps", ResourceName("deployment", None, "apps")),
        ("widgets.example.com", ResourceName("widgets", None, "example.com")),
        ("widgets.v1.example.com", ResourceName("widgets", "v1", "example.com")),
        ("widgets.v1beta2.example.com", ResourceName("widgets", "v1beta2", "example.com")),
        ("pods.v1", ResourceName("pods", "v1", "")),
        ("pods.v1.", ResourceName("pods", "v1", "")),
        ("widgets.v0.example.com", ResourceName("widgets", None, "v0.example.com")),
        ("widgets.v1gamma1.io", ResourceName("widgets", None, "v1gamma1.io")),
    ],
)
def test_a_name_is_taken_apart_as_kubectl_does(text: str, name: ResourceName) -> None:
    assert ResourceName.parse(text) == name


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", ".apps", "pods/log", "my pods", "-pods", "pödel", "pods..", "deployments.apps/v1", "pods.a b"],
)
def test_a_text_that_is_no_resource_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a resource name"):
        ResourceName.parse(text)


@pytest.mark.parametrize("text", ["pods", "pods.v1", "deployments.apps", "widgets.v1.example.com"])
def test_a_name_is_written_as_it_was_read(text: str) -> None:
    assert str(ResourceName.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["widgets", "widget", "wd", "WIDGET", "widgets.example.com", "widgets.v1.example.com", "wd.v1.example.com"]
)
def test_a_resource_answers_to_plural_singular_short_name_and_kind(text: str) -> None:
    assert WIDGETS.answers_to(ResourceName.parse(text))


@pytest.mark.parametrize("text", ["gadgets", "widgets.apps", "widgets.v2.example.com", "widgets.v1", "w"])
def test_a_resource_answers_to_no_other_name(text: str) -> None:
    assert not WIDGETS.answers_to(ResourceName.parse(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pods", "pods.v1"),
        ("po", "pods.v1"),
        ("deploy", "deployments.v1.apps"),
        ("hpa", "horizontalpodautoscalers.v2.autoscaling"),
        ("hpa.v1.autoscaling", "horizontalpodautoscalers.v1.autoscaling"),
        ("events", "events.v1"),
        ("events.events.k8s.io", "events.v1.events.k8s.io"),
        ("netpol", "networkpolicies.v1.networking.k8s.io"),
        ("crds", "customresourcedefinitions.v1.apiextensions.k8s.io"),
        ("endpoints", "endpoints.v1"),
        ("deviceclasses", "deviceclasses.v1.resource.k8s.io"),
    ],
)
def test_of_several_built_in_resources_the_core_groups_and_most_stable_one_is_meant(text: str, found: str) -> None:
    resource = find_builtin(ResourceName.parse(text))
    assert resource is not None
    assert str(resource.gvr) == found


def test_what_is_not_built_in_is_not_found() -> None:
    assert find_builtin(ResourceName.parse("widgets")) is None
    assert find_builtin(ResourceName.parse("pods.apps")) is None


def test_no_built_in_resource_is_listed_twice() -> None:
    resources = [resource.gvr for resource in BUILTIN_RESOURCES]
    assert len(resources) == len(set(resources)) > 80


@pytest.mark.parametrize("resource", BUILTIN_RESOURCES, ids=lambda resource: str(resource.gvr))
def test_a_built_in_resource_is_found_by_its_own_name(resource: APIResource) -> None:
    for name in (resource.gvr.resource, resource.singular, *resource.short_names):
        assert find_builtin(ResourceName(name, resource.gvr.version, resource.gvr.group)) is resource


@given(st.integers(1, 10**40), st.integers(1, 10**40))
def test_versions_compare_as_numbers_of_any_length(one: int, other: int) -> None:
    assert at_least(str(one))(str(other)) == (other >= one)


@pytest.mark.parametrize("version", ["", "0", "007", "-1", "1.5", "1a", "१", "1\n"])
def test_what_is_no_number_is_older_than_every_version_and_cannot_be_asked_about(version: str) -> None:
    assert not at_least("1")(version)
    with pytest.raises(ValueError, match="is not a resource version that compares"):
        at_least(version)
