"""shapes.py: what a user's transform, model and indexers make of objects; ``tests/test_informer.py`` has what they raise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kubernetes_asyncio.client import V1Pod

from aioinformer.objects import KubeObject, Record, Stored
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource
from aioinformer.shapes import BUILT, LARGEST_BUILT, ModelView, index_function

if TYPE_CHECKING:
    from aioinformer.cache import IndexFunction
    from aioinformer.store import Admission

PODS = GroupVersionResource("", "v1", "pods")
RAW = b'{"kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"u","resourceVersion":"7","labels":{"app":"web"}},"spec":{"nodeName":"n1"}}'
WEB = Record("default/web", "u", "7", {"app": "web"}, RAW)
NODE = Record("n1", "", "", {}, b'{"kind":"Node","metadata":{"name":"n1"}}')


class Named(msgspec.Struct):
    kind: str


class Strict(msgspec.Struct):
    spec: dict[str, int]


def spec(**options: Any) -> InformerSpec:
    return InformerSpec(PODS, **options)


def admission_of(asked: InformerSpec) -> Admission | None:
    return asked.admission(asked.view())


def index_functions_of(asked: InformerSpec) -> dict[str, IndexFunction]:
    return asked.index_functions(asked.view())


def test_readers_get_views_unless_a_model_is_named() -> None:
    assert spec().view()(WEB) == KubeObject(WEB)
    assert spec(model=Named).view()(WEB) == Named("Pod")
    assert isinstance(spec(model=V1Pod).view()(WEB), V1Pod)


def test_nothing_is_decoded_to_be_admitted_where_nobody_asked() -> None:
    assert admission_of(spec()) is None


def test_an_object_that_its_model_cannot_hold_is_not_admitted() -> None:
    admit = admission_of(spec(model=Strict))
    assert admit is not None
    with pytest.raises(msgspec.ValidationError):
        admit(WEB)


def test_an_object_that_its_model_can_hold_is_admitted_as_it_is() -> None:
    admit = admission_of(spec(model=Named))
    assert admit is not None
    assert admit(WEB) is WEB


def transformed(record: Record, transform: Any, **options: Any) -> Stored | None:
    admit = admission_of(spec(transform=transform, **options))
    assert admit is not None
    return admit(record)


def test_a_transform_may_change_the_dict_it_is_given() -> None:
    def strip(pod: dict[str, Any]) -> dict[str, Any]:
        del pod["spec"]
        pod["metadata"]["labels"]["tier"] = "a"
        return pod

    kept = transformed(WEB, strip)
    assert kept is not None
    assert json.loads(kept.raw) == {
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"app": "web", "tier": "a"},
        },
    }
    assert kept.labels == {"app": "web", "tier": "a"}
    assert RAW.count(b"spec") == 1


def test_a_transform_may_return_another_dict_and_leave_metadata_out() -> None:
    kept = transformed(WEB, lambda pod: {"node": pod["spec"]["nodeName"]})
    assert kept is not None
    assert KubeObject(kept)["node"] == "n1"
    assert KubeObject(kept).metadata.name == "web"
    assert (kept.key, kept.uid, kept.resource_version, kept.labels) == ("default/web", "u", "7", {})


def test_a_transform_may_leave_an_object_out() -> None:
    assert transformed(WEB, lambda _: None) is None
    assert transformed(WEB, lambda _: None, model=Strict) is None


@pytest.mark.parametrize("record", [WEB, NODE], ids=["namespaced", "cluster-scoped"])
def test_a_transform_cannot_change_what_an_object_is(record: Record) -> None:
    """Cache and view would otherwise disagree about its key and version."""
    metadata = {"name": "other", "namespace": "other", "uid": "other", "resourceVersion": "99"}
    kept = transformed(record, lambda _: {"metadata": dict(metadata)})
    assert kept is not None
    meta = KubeObject(kept).metadata
    assert (kept.name, kept.namespace, kept.uid, kept.resource_version) == (
        record.name,
        record.namespace,
        record.uid,
        record.resource_version,
    )
    assert (meta.name, meta.namespace, meta.uid, meta.resource_version) == (
        record.name,
        record.namespace,
        record.uid,
        record.resource_version,
    )


def test_a_transforms_result_has_to_fit_the_model() -> None:
    assert transformed(WEB, lambda pod: {**pod, "spec": {"a": 1}}, model=Strict) is not None
    with pytest.raises(msgspec.ValidationError):
        transformed(WEB, lambda pod: pod, model=Strict)


@pytest.mark.parametrize("result", [5, "text", {"metadata": 5}, {"metadata": {"labels": 5}}, {"odd": object()}])
def test_a_transform_that_returns_nonsense_fails_for_this_object(result: object) -> None:
    with pytest.raises((TypeError, AttributeError, ValueError, msgspec.MsgspecError)):
        transformed(WEB, lambda _: result)


@pytest.mark.parametrize(
    ("indexer", "values"),
    [
        (lambda pod: pod.spec["nodeName"], ["n1"]),
        (lambda pod: None, []),
        (lambda pod: [], []),
        (lambda pod: [pod.name, pod.uid], ["web", "u"]),
        (lambda pod: (label for label in pod.labels), ["app"]),
        (lambda pod: "", [""]),
    ],
    ids=["one", "none", "empty", "several", "generator", "empty text"],
)
def test_an_indexer_gives_one_value_several_or_none(indexer: Any, values: list[str]) -> None:
    assert list(index_function(indexer, KubeObject)(WEB)) == values


def test_indexers_see_what_readers_get() -> None:
    functions = index_functions_of(spec(indexers={"kind": lambda named: named.kind}, model=Named))
    assert {name: list(function(WEB)) for name, function in functions.items()} == {"kind": ["Pod"]}


def test_what_proved_that_a_model_can_hold_an_object_is_what_its_first_reader_gets() -> None:
    """Built once for the proof and the first reader together; every other reader gets an instance of their own."""
    asked = spec(model=Named)
    view = asked.view()
    admit = asked.admission(view)
    assert admit is not None
    assert admit(WEB) is WEB
    first, second, third = view(WEB), view(WEB), view(WEB)
    assert first == second == third == Named("Pod")
    assert len({id(first), id(second), id(third)}) == 3


def test_what_nobody_reads_is_not_kept_for_a_first_reader_for_ever() -> None:
    view = ModelView(Named)
    for number in range(2 * BUILT):
        view.prove(Record(f"default/web-{number}", "u", "7", {}, RAW))
    assert len(view._built) == BUILT


def test_nor_is_what_is_large() -> None:
    """Its bytes would be held as long."""
    view = ModelView(Named)
    large = Record("default/web", "u", "7", {}, RAW[:-1] + b',"x":"%b"}' % (b"x" * LARGEST_BUILT))
    view.prove(large)
    assert not view._built
    assert isinstance(view(large), Named)
