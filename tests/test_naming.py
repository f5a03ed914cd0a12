from __future__ import annotations

from typing import Any

import kubernetes_asyncio.client
import msgspec
import pytest

from aioinformer.errors import InvalidOption
from aioinformer.naming import named_resource
from aioinformer.resource import BUILTIN_RESOURCES, GroupVersionResource, ResourceName


def test_a_resource_in_full_is_itself() -> None:
    widgets = GroupVersionResource("example.com", "v1", "widgets")
    assert named_resource(widgets) is widgets


@pytest.mark.parametrize("text", ["deployments", "deploy", "Deployment", "deployments.apps", "deployments.v1.apps"])
def test_a_built_in_resource_needs_no_server(text: str) -> None:
    assert named_resource(text) == GroupVersionResource("apps", "v1", "deployments")


def test_a_name_with_version_and_group_needs_no_server() -> None:
    assert named_resource("widgets.v1.example.com") == GroupVersionResource("example.com", "v1", "widgets")


@pytest.mark.parametrize("text", ["widgets", "widgets.example.com"])
def test_any_other_name_is_to_be_looked_up(text: str) -> None:
    assert named_resource(text) == ResourceName.parse(text)


@pytest.mark.parametrize("text", ["", "my pods", "pods/log", "widgets.v1.example..com", "widgets.v1.Ex_ample.com"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        named_resource(text)


@pytest.mark.parametrize("resource", [None, 5, b"pods", ["pods"]])
def test_what_is_no_resource_at_all_is_refused(resource: Any) -> None:
    with pytest.raises(InvalidOption, match="a resource is a name such as 'pods'"):
        named_resource(resource)


@pytest.mark.parametrize(
    "named", ["widgets.v1.example.com", GroupVersionResource("example.com", "v1", "widgets")], ids=["name", "resource"]
)
def test_a_class_may_name_its_resource(named: object) -> None:
    class Widget(msgspec.Struct):
        __resource__ = named

    assert named_resource(Widget) == GroupVersionResource("example.com", "v1", "widgets")


def test_a_class_that_names_nonsense_is_refused() -> None:
    class Widget:
        __resource__ = 5

    with pytest.raises(InvalidOption, match="not 5"):
        named_resource(Widget)


@pytest.mark.parametrize(
    "model", [int, type("V1", (), {}), type("V1Widget", (), {}), kubernetes_asyncio.client.V1PodSpec]
)
def test_a_class_that_names_no_resource_is_refused_with_what_to_do(model: type[Any]) -> None:
    with pytest.raises(InvalidOption, match="names no resource: give it a __resource__"):
        named_resource(model)


@pytest.mark.parametrize(
    ("model", "resource"),
    [
        ("V1Pod", "pods.v1"),
        ("V1Endpoints", "endpoints.v1"),
        ("CoreV1Event", "events.v1"),
        ("EventsV1Event", "events.v1.events.k8s.io"),
        ("V1Deployment", "deployments.v1.apps"),
        ("V2HorizontalPodAutoscaler", "horizontalpodautoscalers.v2.autoscaling"),
        ("V1HorizontalPodAutoscaler", "horizontalpodautoscalers.v1.autoscaling"),
        ("V1CustomResourceDefinition", "customresourcedefinitions.v1.apiextensions.k8s.io"),
        ("V1beta1LeaseCandidate", "leasecandidates.v1beta1.coordination.k8s.io"),
        ("V1alpha2LeaseCandidate", "leasecandidates.v1alpha2.coordination.k8s.io"),
        ("ResourceV1ResourceClaim", "resourceclaims.v1.resource.k8s.io"),
        ("V1beta1ResourceClaim", "resourceclaims.v1beta1.resource.k8s.io"),
    ],
)
def test_a_generated_model_names_the_resource_it_models(model: str, resource: str) -> None:
    assert str(named_resource(getattr(kubernetes_asyncio.client, model))) == resource


@pytest.mark.parametrize("model", ["CoreV1ResourceClaim", "RbacV1Subject", "AuthenticationV1TokenRequest"])
def test_a_generated_model_of_another_group_is_not_mistaken_for_a_resource_of_the_same_kind(model: str) -> None:
    with pytest.raises(InvalidOption):
        named_resource(getattr(kubernetes_asyncio.client, model))


def test_every_generated_model_of_a_built_in_kind_and_version_names_a_resource_of_that_kind() -> None:
    """Whatever prefix the generator put before a model's name because its kind is not unique."""
    kinds = {builtin.gvr: builtin.kind for builtin in BUILTIN_RESOURCES}
    endings = {f"V{gvr.version[1:]}{kind}" for gvr, kind in kinds.items()}
    models = {
        name: model
        for name, model in vars(kubernetes_asyncio.client).items()
        if {"kind", "metadata"} <= getattr(model, "openapi_types", {}).keys() and name[name.find("V") :] in endings
    }
    named = {name: named_resource(model) for name, model in models.items()}
    assert len(named) > 60
    for name, resource in named.items():
        assert isinstance(resource, GroupVersionResource)
        assert name.endswith(f"V{resource.version[1:]}{kinds[resource]}")
