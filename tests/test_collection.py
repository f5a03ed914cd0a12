from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from aioinformer.collection import Collection
from aioinformer.errors import NetworkError, NotFound, UnknownResource
from aioinformer.options import InformerSpec
from aioinformer.resource import APIResource, GroupVersionResource, ResourceName
from aioinformer.selectors import LabelSelector

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aioinformer.discovery import Discovery
    from aioinformer.transport import Transport

PODS = GroupVersionResource("", "v1", "pods")
WIDGETS = APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)
PLANETS = APIResource(GroupVersionResource("example.com", "v1", "planets"), "Planet", namespaced=False)


class Wire:
    """A transport that only writes down what is sent, and a discovery that knows what it is given."""

    def __init__(self, *answers: APIResource | Exception) -> None:
        self.sent: list[tuple[str, dict[str, str], str]] = []
        self.compressed: list[bool] = []
        self.missing = False
        self.forgotten: list[APIResource] = []
        self.asked: list[ResourceName] = []
        self._answers = iter(answers)

    @asynccontextmanager
    async def get(self, path: str, query: Mapping[str, str], *, accept: str, compressed: bool) -> AsyncGenerator[str]:
        self.sent.append((path, dict(query), accept))
        self.compressed.append(compressed)
        if self.missing:
            raise NotFound(404)
        yield "the body"

    def forget(self, resource: APIResource) -> None:
        self.forgotten.append(resource)

    async def resolve(self, name: ResourceName) -> APIResource:
        self.asked.append(name)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def collection(self, resource: GroupVersionResource | ResourceName, **options: Any) -> Collection:
        return Collection(InformerSpec(resource, **options), cast("Transport", self), cast("Discovery", self))


async def opened(collection: Collection, **query: str) -> object:
    async with collection.open(query) as body:
        return body


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        (PODS, None, "/api/v1/pods"),
        (PODS, "n", "/api/v1/namespaces/n/pods"),
        (GroupVersionResource("apps", "v1", "deployments"), None, "/apis/apps/v1/deployments"),
        (WIDGETS.gvr, None, "/apis/example.com/v1/widgets"),
    ],
)
async def test_a_resource_in_full_needs_no_look_up(
    resource: GroupVersionResource, namespace: str | None, path: str
) -> None:
    wire = Wire()
    assert await opened(wire.collection(resource, namespace=namespace), limit="500") == "the body"
    assert wire.sent == [(path, {"limit": "500"}, "application/json")]
    assert wire.asked == []


async def test_selectors_go_with_every_request() -> None:
    wire = Wire()
    collection = wire.collection(PODS, label_selector=LabelSelector.parse("app in (a, b)"), field_selector="spec.x=1")
    selectors = {"labelSelector": "app in (a,b)", "fieldSelector": "spec.x=1"}
    await opened(collection, limit="500")
    await opened(collection, watch="true")
    assert [query for _, query, _ in wire.sent] == [{"limit": "500", **selectors}, {"watch": "true", **selectors}]


async def test_metadata_only_asks_for_partial_objects_and_takes_plain_ones() -> None:
    wire = Wire()
    collection = wire.collection(PODS, metadata_only=True)
    await opened(collection, limit="500")
    await opened(collection, watch="true")
    form = "application/json;as={};g=meta.k8s.io;v=v1,application/json"
    accepts = [accept for _, _, accept in wire.sent]
    assert accepts == [form.format("PartialObjectMetadataList"), form.format("PartialObjectMetadata")]


async def test_a_name_is_looked_up_once_when_it_is_first_needed() -> None:
    wire = Wire(WIDGETS)
    name = ResourceName("widgets", None, None)
    collection = wire.collection(name, namespace="n")
    assert wire.asked == []
    await opened(collection)
    await opened(collection)
    assert wire.asked == [name]
    assert {path for path, _, _ in wire.sent} == {"/apis/example.com/v1/namespaces/n/widgets"}


async def test_a_look_up_that_failed_is_made_again() -> None:
    """A CustomResourceDefinition may be installed later, and a server may come back."""
    wire = Wire(UnknownResource(404, "NotFound"), NetworkError("refused"), WIDGETS)
    collection = wire.collection(ResourceName("widgets", None, None))
    for error in (UnknownResource, NetworkError):
        with pytest.raises(error):
            await opened(collection)
    assert wire.sent == []
    await opened(collection)
    assert [path for path, _, _ in wire.sent] == ["/apis/example.com/v1/widgets"]


async def test_a_cluster_scoped_resource_is_asked_for_without_a_namespace() -> None:
    """The factory's namespace is for resources that have one, and only the look-up tells which do."""
    wire = Wire(PLANETS)
    await opened(wire.collection(ResourceName("planets", None, None), namespace="n", namespace_is_default=True))
    assert [path for path, _, _ in wire.sent] == ["/apis/example.com/v1/planets"]


async def test_a_namespace_asked_for_where_there_are_none_is_refused() -> None:
    """It is not dropped in silence: the caller would get the whole cluster."""
    wire = Wire(PLANETS)
    with pytest.raises(NotFound, match="cluster-scoped: leave namespace='n' out"):
        await opened(wire.collection(PLANETS.gvr, namespace="n"))
    assert wire.sent == []


async def test_a_looked_up_resource_that_is_gone_is_looked_up_again() -> None:
    """A CRD may come back with another version."""
    moved = replace(WIDGETS, gvr=GroupVersionResource("example.com", "v2", "widgets"))
    wire = Wire(WIDGETS, moved)
    collection = wire.collection(ResourceName("widgets", None, None))
    wire.missing = True
    with pytest.raises(NotFound):
        await opened(collection)
    wire.missing = False
    await opened(collection)
    assert wire.forgotten == [WIDGETS]
    assert wire.sent[-1][0] == "/apis/example.com/v2/widgets"


async def test_only_lists_are_compressed_and_only_on_request() -> None:
    """compress_lists lets the server gzip pages; a watch is never asked for so."""
    wire = Wire()
    for collection in (wire.collection(PODS), wire.collection(PODS, compress_lists=True)):
        for query in ({"limit": "500"}, {"watch": "true"}):
            async with collection.open(query):
                pass
    assert wire.compressed == [False, False, True, False]


async def test_what_happens_with_the_body_reaches_the_transport() -> None:
    """A connection whose body was not read to its end has to be closed."""
    left: list[BaseException | None] = []

    class Watched(Wire):
        @asynccontextmanager
        async def get(
            self, path: str, query: Mapping[str, str], *, accept: str, compressed: bool
        ) -> AsyncGenerator[str]:
            try:
                yield "the body"
            except BaseException as error:
                left.append(error)
                raise

    failure = LookupError("while reading")
    with pytest.raises(LookupError):
        async with Watched().collection(PODS).open({}):
            raise failure
    assert left == [failure]


async def test_a_list_of_metadata_alone_is_asked_for_in_the_same_scope() -> None:
    """An audit has to compare like with like."""
    wire = Wire(WIDGETS, WIDGETS)
    options: dict[str, Any] = {
        "namespace": "n",
        "label_selector": LabelSelector.parse("a=b"),
        "field_selector": "spec.x=1",
    }
    for resource in (PODS, ResourceName("widgets", None, None)):
        collection = wire.collection(resource, **options)
        await opened(collection, limit="500")
        await opened(collection.metadata_only(), limit="500")
    for full, metadata in (wire.sent[:2], wire.sent[2:]):
        assert full[:2] == metadata[:2]
        assert full[2] == "application/json"
        assert metadata[2].startswith("application/json;as=PartialObjectMetadataList;")
