"""One embedded API server, one factory, and whoever watches: what an example of the convergence machine plays in.

Everything is new for each example, the event loop included, and seeded: the same steps do the same again.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aioinformer import GroupVersionResource, InvalidOption, SharedInformerFactory
from aioinformer.resource import APIResource
from aioinformer.testing import ApiServer, NotFoundError
from aioinformer.testing.settling import settle
from aioinformer.testing.virtual_time import VirtualTimeLoop
from tests.convergence.follower import Follower, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from aioinformer import Informer, KubeObject
    from aioinformer.testing.verbs import FaultVerbs

__all__ = ["KINDS", "RESOURCES", "Part", "Place", "World"]

CONFIGMAPS = GroupVersionResource("", "v1", "configmaps")
NODES = GroupVersionResource("", "v1", "nodes")
WIDGETS = GroupVersionResource("example.com", "v1", "widgets")
RESOURCES = (CONFIGMAPS, NODES, WIDGETS)
HOUR = 3600.0
CLIENT = "mirrors"

JSON = dict[str, Any]
Part = dict[str, Any] | int
"""Whom a fault concerns: what ``ApiServer.on`` takes, nothing for all, or the number of an open watch."""


def labelled(document: JSON) -> JSON | None:
    """A transform that leaves some objects out and takes something away from the others."""
    if document["metadata"].get("labels", {}).get("app") == "db":
        return None
    document.pop("data", None)
    return document


def apps(obj: KubeObject) -> list[str]:
    """An index with no value, one, or two."""
    app = obj.labels.get("app")
    return [app, f"{app}, {obj.name}"] if app else []


ALIASES = {CONFIGMAPS: "cm", WIDGETS: "widgets.example.com"}
INDEXED: dict[str, Any] = {"indexers": {"app": apps}}
KINDS: Mapping[str, tuple[GroupVersionResource | str, dict[str, Any]]] = {
    "all": (CONFIGMAPS, INDEXED),
    "namespace": (CONFIGMAPS, {"namespace": "a"}),
    "labels": (CONFIGMAPS, {"label_selector": "app=web"}),
    "metadata": ("cm", {"metadata_only": True}),
    "pages": (CONFIGMAPS, {"label_selector": "app!=db", "initial_list": "consistent", "page_size": 2, **INDEXED}),
    "cached": (CONFIGMAPS, {"label_selector": "app in (web,db)", "initial_list": "cached"}),
    "transformed": (CONFIGMAPS, {"namespace": "b", "transform": labelled, **INDEXED}),
    "fields": (CONFIGMAPS, {"field_selector": "metadata.name=x", "audit": 300.0}),
    "cluster": (NODES, {"page_size": 1}),
    "custom": ("widgets.example.com", {}),
    "custom pages": (WIDGETS, {"namespace": "b", "initial_list": "consistent", "page_size": 1}),
}
"""Informers with options that have each their own way through the code."""


class Place(NamedTuple):
    """Where an object is."""

    resource: GroupVersionResource
    namespace: str
    name: str


class World:
    """The server, its clients, and a loop of its own to run them on."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=partial(VirtualTimeLoop, quiet=0.0))
        self.loop = self.runner.get_loop()
        self.complaints: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(str(context)))
        self._stack = AsyncExitStack()
        self._writes = 0
        self._went_back = False
        self._spoilt: set[str] = set()
        self.informers: dict[str, Informer[KubeObject]] = {}
        self.followers: list[Follower] = []
        self.run(self._open())

    def run(self, what: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(what)

    def do(self, what: Callable[[], object]) -> None:
        """Call something on the loop: some verbs set timers."""

        async def done() -> None:
            what()

        self.run(done())

    async def _open(self) -> None:
        self.server = await self._stack.enter_async_context(
            ApiServer(random=random.Random(0), clock=lambda: datetime(2030, 1, 1, tzinfo=UTC))
        )
        self.server.register(APIResource(WIDGETS, "Widget", namespaced=True))
        client = self.server.api_client(CLIENT, refresh=True)
        self._stack.push_async_callback(client.close)
        self.factory = await self._stack.enter_async_context(SharedInformerFactory(client))
        self._idle = len(self._sockets())

    def close(self) -> None:
        """End everything, and find nothing left."""
        self.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        for follower in self.followers:
            await follower.leave()
        await self._stack.aclose()
        for _ in range(3):
            await asyncio.sleep(0.001)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left
        assert self.server.open_watches() == 0
        assert len(self._sockets()) == 1  # the loop's own
        assert not self.complaints

    def _sockets(self) -> Mapping[Any, Any]:
        sockets: Mapping[Any, Any] = self.loop._selector.get_map()  # type: ignore[attr-defined]
        return sockets

    def write(self, place: Place, app: str = "", size: int = 0) -> None:
        """Create an object, or change it: each write is different from all before."""
        self._writes += 1
        labels = {"app": app or None}
        document = {"metadata": {"labels": labels}, "data": {"write": str(self._writes), "padding": "x" * size}}
        if not self._is_served(place):
            return
        try:
            self.server.patch(place.resource, place.name, document, namespace=place.namespace)
        except NotFoundError:
            document["metadata"] = {"name": place.name, "labels": {"app": app} if app else {}}
            self.server.create(place.resource, document, namespace=place.namespace)

    def watched(self, kind: str, namespace: str, name: str) -> Place:
        """A place that informers of a kind look at, in this namespace if they look at more than one."""
        named, options = KINDS[kind]
        resource = next(each for each in RESOURCES if named in {each, ALIASES.get(each)})
        return Place(resource, options.get("namespace", namespace), name)

    def stir(self) -> None:
        """Of what each informer looks at, one object changes and stays, one goes, one is replaced, faster than anybody follows."""
        for kind in self.informers:
            x, y, z = (self.watched(kind, "a", name) for name in "xyz")
            for place in (x, y, z, x, y, z, x, y, z):
                self.write(place, "web")
            self.delete(y)
            self.delete(z)
            self.write(z, "web")

    @contextmanager
    def absence(self) -> Generator[None]:
        """Every watch is cut, and when the server answers again it has forgotten what happened meanwhile."""
        with self.server.refuse():
            self.do(self.server.cut)
            yield
            self.server.compact()
            self.run(self.go_on(1.0))

    def hold(self, place: Place, finalizers: list[str] | None) -> None:
        """Set an object's finalizers; a deleted one goes with the last."""
        if self._exists(place):
            self.server.patch(
                place.resource, place.name, {"metadata": {"finalizers": finalizers}}, namespace=place.namespace
            )

    def delete(self, place: Place) -> None:
        if self._exists(place):
            self.server.delete(place.resource, place.name, namespace=place.namespace)

    def _is_served(self, place: Place) -> bool:
        return self.server.catalog.get(place.resource) is not None

    def _exists(self, place: Place) -> bool:
        if not self._is_served(place):
            return False
        try:
            self.server.get(place.resource, place.name, namespace=place.namespace)
        except NotFoundError:
            return False
        return True

    def on(self, part: Part) -> FaultVerbs | None:
        """The verbs for a part; ``None`` for a watch when none is open."""
        if isinstance(part, int):
            watches = self.server.watches()
            return self.server.on(watch=watches[part % len(watches)]) if watches else None
        return self.server.on(**part) if part else self.server

    def spoil(self, part: Part, place: Place) -> None:
        """Have an object sent undecodably; after the healing it is written once more, as its next version gets a new try."""
        verbs = self.on(part)
        assert verbs is not None
        key = place.name if place.resource == NODES else f"{place.namespace}/{place.name}"
        verbs.undecodable(key)
        self._spoilt.add(key)

    def go_back(self, part: Part, by: int) -> None:
        """Have a replica answer that lags by so many versions."""
        verbs, store = self.on(part), self.server.store
        assert verbs is not None
        verbs.stale(max(store.compacted, store.revision - by))
        self._went_back = True
        for follower in self.followers:
            follower.goes_back = True

    def uninstall(self) -> None:
        """Take the custom resource away, until healed."""
        if self.server.catalog.get(WIDGETS) is not None:
            self.server.uninstall(WIDGETS)

    async def inform(self, kind: str) -> None:
        """Have an informer of a kind; it starts at once."""
        resource, options = KINDS[kind]
        self.informers[kind] = self.factory.informer(resource, **options)

    async def stop(self, kind: str) -> None:
        await self.informers.pop(kind).aclose()

    async def follow(self, kind: str, terms: Terms) -> None:
        informer = self.informers[kind]
        if not informer.synced:  # without a replay, what there was has to be known from elsewhere
            terms = replace(terms, replay=True)
        if terms.namespace is not None:
            try:
                informer.events(namespace=terms.namespace)
            except InvalidOption:  # it is not on that one: then all that it is on
                terms = replace(terms, namespace=None)
        follower = Follower(informer, terms)
        follower.goes_back = self._went_back
        self.followers.append(follower)

    async def go_on(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def take_turns(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    def converge(self) -> None:
        """Heal everything, let it settle, and compare all that there is."""
        self.server.heal()
        for resource in RESOURCES:
            for metadata in [each["metadata"] for each in self.server.list(resource)]:
                if _key(metadata) in self._spoilt:
                    self.write(Place(resource, metadata.get("namespace", ""), metadata["name"]))
        self._spoilt.clear()
        self.run(settle(self.server, self.factory, timeout=HOUR))
        for kind, informer in self.informers.items():
            self._compare(kind, informer)
            assert not informer.quarantine
            audit = informer.status.last_audit
            assert audit is None or audit.clean
        for follower in self.followers:
            follower.check()

    def _compare(self, kind: str, informer: Informer[KubeObject]) -> None:
        """Every way to read the cache shows what the server has."""
        expected, (named, options) = self.expected(kind), KINDS[kind]
        assert {each.key: each.to_dict() for each in informer} == expected, kind
        for namespace in "ab" if named != NODES and "namespace" not in options else ():
            inside = {key for key in expected if key.startswith(f"{namespace}/")}
            assert {each.key for each in informer.list(namespace)} == inside, kind
        if "indexers" in options:
            values = {each.key: apps(each) for each in informer}
            assert set(informer.index_values("app")) == {value for of in values.values() for value in of}, kind
            for value in informer.index_values("app"):
                assert {each.key for each in informer.by_index("app", value)} == {
                    k for k in values if value in values[k]
                }

    def expected(self, kind: str) -> dict[str, JSON]:
        """What a cache of this kind has to hold, from the server's own mouth."""
        named, options = KINDS[kind]
        documents = self.server.list(
            named,
            namespace=options.get("namespace"),
            label_selector=options.get("label_selector"),
            field_selector=options.get("field_selector"),
        )
        if options.get("metadata_only"):
            head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            documents = [{**head, "metadata": each["metadata"]} for each in documents]
        if transform := options.get("transform"):
            documents = [kept for each in documents if (kept := transform(each)) is not None]
        return {_key(each["metadata"]): each for each in documents}


def _key(metadata: JSON) -> str:
    return "/".join(filter(None, (metadata.get("namespace", ""), metadata["name"])))
