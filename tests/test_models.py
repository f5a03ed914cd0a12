"""Compared with what kubernetes_asyncio makes of the same JSON by its own, much slower, means."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import kubernetes_asyncio.client
import msgspec
import pytest
import pytest_asyncio
from kubernetes_asyncio.client import ApiClient, Configuration, V1CustomResourceDefinition, V1Deployment, V1Pod

from aioinformer.models import build_model, model_builder
from aioinformer.naming import named_resource
from aioinformer.resource import BUILTIN_RESOURCES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kubernetes_asyncio.client.rest import RESTResponse

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-0",
        "namespace": "default",
        "uid": "5d4f3a9e",
        "resourceVersion": "4711",
        "creationTimestamp": "2024-05-06T07:08:09Z",
        "labels": {"app": "web", "empty": ""},
        "annotations": {"example.com/note": "grün"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": True}
        ],
        "managedFields": [
            {
                "manager": "kubectl",
                "operation": "Update",
                "time": "2024-05-06T07:08:09Z",
                "fieldsV1": {"f:metadata": {}},
            }
        ],
    },
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
                "readinessProbe": {"tcpSocket": {"port": 80}},
                "unknownToThisClient": {"a": 1},
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": "web", "defaultMode": 420}}],
        "tolerations": [],
        "nodeSelector": {},
        "hostNetwork": False,
        "priority": 0,
    },
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2024-05-06T07:08:10.123456Z"}],
        "containerStatuses": None,
    },
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default", "generation": 3},
    "spec": {
        "replicas": 2,
        "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a"]}],
        },
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD["spec"]},
    },
    "status": {"replicas": 2, "observedGeneration": 3},
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": {
                            "spec": {"type": "array", "items": {"not": {"enum": [1, "a", None]}}, "default": []}
                        },
                        "allOf": [{"$ref": "#/a"}],
                    }
                },
            }
        ],
    },
}


class Deserialize:
    """``ApiClient.deserialize``, for models that lack what the client calls required."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def __call__(self, raw: bytes, model: type[Any]) -> Any:
        return self._client.deserialize(cast("RESTResponse", SimpleNamespace(data=raw.decode())), model.__name__)


@pytest_asyncio.fixture
async def deserialize(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Deserialize]:
    lenient = Configuration()
    lenient.client_side_validation = False
    monkeypatch.setattr(Configuration, "_default", lenient)
    async with ApiClient() as client:
        yield Deserialize(client)


@pytest.mark.parametrize(
    ("model", "document"),
    [(V1Pod, POD), (V1Deployment, DEPLOYMENT), (V1CustomResourceDefinition, DEFINITION), (V1Pod, {})],
    ids=["pod", "deployment", "definition", "nothing"],
)
async def test_a_model_is_what_its_client_would_have_made(
    deserialize: Deserialize, model: type[Any], document: dict[str, Any]
) -> None:
    raw = json.dumps(document).encode()
    built = build_model(model, raw)
    assert type(built) is model
    assert built.to_dict() == deserialize(raw, model).to_dict()
    assert built == deserialize(raw, model)


SCALARS: dict[str, Any] = {"str": "é", "int": 7, "float": 1.5, "bool": True, "datetime": "2024-05-06T07:08:09.5Z"}


def filled(kind: str, depth: int) -> Any:
    """A JSON value for a type as the generated models spell it, with every field down to a depth."""
    if kind.startswith("list["):
        return [filled(kind[5:-1], depth)]
    if kind.startswith("dict("):
        return {"key": filled(kind[5:-1].split(", ", 1)[1], depth)}
    if kind == "object":
        return {"a": [1, None, {"b": "50%"}]}
    if kind in SCALARS:
        return SCALARS[kind]
    model = getattr(kubernetes_asyncio.client, kind)
    if depth == 0:
        return {}
    return {model.attribute_map[name]: filled(field, depth - 1) for name, field in model.openapi_types.items()}


async def test_every_built_in_model_is_what_its_client_would_have_made(deserialize: Deserialize) -> None:
    models = [
        model
        for builtin in BUILTIN_RESOURCES
        for name in (f"V{builtin.gvr.version[1:]}{builtin.kind}",)
        if (model := getattr(kubernetes_asyncio.client, name, None)) is not None
    ]
    assert len(models) > 60
    for model in models:
        raw = json.dumps(filled(model.__name__, depth=4)).encode()
        assert build_model(model, raw).to_dict() == deserialize(raw, model).to_dict(), model.__name__


async def test_a_null_in_a_list_is_none_as_with_the_client(deserialize: Deserialize) -> None:
    raw = b'{"spec":{"containers":[null]},"metadata":{"labels":{"a":null}}}'
    assert build_model(V1Pod, raw) == deserialize(raw, V1Pod)


def test_a_timestamp_is_a_moment() -> None:
    assert build_model(V1Pod, json.dumps(POD).encode()).metadata.creation_timestamp == datetime(
        2024, 5, 6, 7, 8, 9, tzinfo=UTC
    )


def test_what_a_server_sends_is_taken_although_the_client_would_refuse_to_send_it() -> None:
    """The generated models insist on fields that the server need not send, such as a Deployment's selector."""
    assert build_model(V1Deployment, b'{"spec":{"replicas":1}}').spec.replicas == 1


def test_a_timestamp_that_is_none_is_said_to_be() -> None:
    with pytest.raises(msgspec.ValidationError, match="datetime"):
        build_model(V1Pod, b'{"metadata":{"creationTimestamp":"yesterday"}}')


class MyDeployment(V1Deployment):
    __resource__ = "deployments.apps"

    @property
    def is_up(self) -> bool:
        return bool(self.status.replicas == self.spec.replicas)


def test_a_users_own_subclass_of_a_model_is_built() -> None:
    assert str(named_resource(MyDeployment)) == "deployments.v1.apps"
    built = build_model(MyDeployment, json.dumps(DEPLOYMENT).encode())
    assert type(built) is MyDeployment
    assert built.is_up


class Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class Projection(msgspec.Struct):
    spec: Spec


@dataclasses.dataclass
class Plain:
    kind: str


def test_a_struct_holds_the_fields_it_declares() -> None:
    assert build_model(Projection, b'{"kind":"Pod","spec":{"nodeName":"n1","containers":[]}}') == Projection(Spec("n1"))


def test_a_dataclass_holds_the_fields_it_declares() -> None:
    assert build_model(Plain, b'{"kind":"Pod","spec":{}}') == Plain("Pod")


@pytest.mark.parametrize("model", [Projection, Plain])
def test_an_object_that_does_not_fit_is_refused(model: type[Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        build_model(model, b"{}")


@pytest.mark.parametrize("model", [int, dict, object, SimpleNamespace])
def test_a_class_that_is_no_model_is_refused(model: type[Any]) -> None:
    with pytest.raises(TypeError, match=r"is no model: give a msgspec\.Struct"):
        model_builder(model)


@pytest.mark.parametrize("model", [None, "V1Pod", Plain("Pod"), []])
def test_what_is_no_class_at_all_is_refused(model: Any) -> None:
    with pytest.raises(TypeError):
        model_builder(model)


def test_a_builder_is_made_once_for_each_class() -> None:
    builder: Callable[[bytes], Any] = model_builder(V1Pod)
    assert model_builder(V1Pod) is builder


def test_each_build_is_an_object_of_its_own() -> None:
    raw = json.dumps(POD).encode()
    one, other = build_model(V1Pod, raw), build_model(V1Pod, raw)
    one.metadata.labels["app"] = "changed"
    one.spec.containers.clear()
    assert other == build_model(V1Pod, raw)
