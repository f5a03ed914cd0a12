from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from aioinformer.collection import Collection
from aioinformer.errors import NetworkError, NotFound, ServerError, UnknownResource
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
        self.missing_versions: set[str] = set()
        self.served: list[str] | Exception = []
        self.doubtful = False
        self.refreshed = 0
        self.forgotten: list[APIResource] = []
        self.asked: list[ResourceName] = []
        self._answers = iter(answers)

    @asynccontextmanager
    async def get(self, path: str, query: Mapping[str, str], *, accept: str, compressed: bool) -> AsyncGenerator[str]:
        self.sent.append((path, dict(query), accept))
        self.compressed.append(compressed)
        if self.missing or any(f"/{version}/" in path for version in self.missing_versions):
            raise NotFound(404)
        yield "the body"

    def forget(self, resource: APIResource) -> None:
        self.forgotten.append(resource)

    async def refresh(self) -> None:
        self.refreshed += 1
        if isinstance(self.served, Exception):
            raise self.served

    def versions(self, group: str, resource: str) -> list[str]:
        assert not isinstance(self.served, Exception)
        return self.served

    def is_doubtful(self, group: str) -> bool:
        return self.doubtful

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


WIDGETS_V2 = replace(WIDGETS, gvr=GroupVersionResource("example.com", "v2", "widgets"))


async def test_another_version_is_asked_at_once_when_the_one_that_was_found_is_gone() -> None:
    """The same request, so that a watch goes on from where it was."""
    wire = Wire(WIDGETS, WIDGETS_V2)
    collection = wire.collection(ResourceName("widgets", None, "example.com"))
    await opened(collection)
    wire.missing_versions, wire.served = {"v1"}, ["v2"]
    assert await opened(collection, watch="true", resourceVersion="7") == "the body"
    assert [path for path, *_ in wire.sent[1:]] == [WIDGETS.gvr.path(), WIDGETS_V2.gvr.path()]
    assert wire.sent[-1][1] == {"watch": "true", "resourceVersion": "7"}


async def test_another_version_that_is_missing_too_is_a_404() -> None:
    """There is one try, not a chase."""
    wire = Wire(WIDGETS, WIDGETS_V2)
    collection = wire.collection(ResourceName("widgets", None, "example.com"))
    await opened(collection)
    wire.missing, wire.served = True, ["v2"]
    with pytest.raises(NotFound):
        await opened(collection)
    assert len(wire.sent) == 3


@pytest.mark.parametrize(
    ("served", "doubtful", "expected"),
    [
        ([], False, UnknownResource),
        ([], True, NotFound),
        (["v1"], False, NotFound),
        (["v2"], False, NotFound),
        (ServerError(503), False, NotFound),
    ],
    ids=["gone", "in doubt", "served after all", "in another version", "discovery is down"],
)
async def test_what_a_404_means_is_asked_of_discovery_once_it_was_served(
    served: list[str] | Exception,
    doubtful: bool,  # noqa: FBT001
    expected: type[Exception],
) -> None:
    """Only a resource that is known to be gone, in all versions, is an unknown one."""
    wire = Wire()
    collection = wire.collection(GroupVersionResource("example.com", "v1", "widgets"))
    await opened(collection)
    wire.missing, wire.served, wire.doubtful = True, served, doubtful
    with pytest.raises(NotFound) as failure:
        await opened(collection)
    assert type(failure.value) is expected
    assert wire.refreshed == 1
    assert ("v2 is: ask without a version" in str(failure.value)) == (served == ["v2"])


async def test_what_was_never_served_is_not_asked_about() -> None:
    """An informer that waits for its resource costs one request for each try."""
    wire = Wire()
    wire.missing = True
    collection = wire.collection(GroupVersionResource("example.com", "v1", "widgets"))
    for _ in range(3):
        with pytest.raises(NotFound):
            await opened(collection)
    assert (wire.refreshed, len(wire.sent)) == (0, 3)


async def test_another_scope_is_the_same_resource_elsewhere() -> None:
    """What the factory's default let a cluster-scoped resource do without, several namespaces do not."""
    wire = Wire(WIDGETS)
    collection = wire.collection(PODS, namespace=("a", "b"), namespace_is_default=True)
    await opened(collection.scoped("a", LabelSelector.parse("x=1")))
    assert wire.sent[-1][:2] == ("/api/v1/namespaces/a/pods", {"labelSelector": "x=1"})
    assert not collection.scoped("a", LabelSelector())._spec.namespace_is_default
