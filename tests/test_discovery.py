from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from aiohttp import web

from aioinformer.discovery import ACCEPT, Discovery
from aioinformer.errors import Forbidden, MalformedResponse, NetworkError, NotFound, ServerError, UnknownResource
from aioinformer.resource import GroupVersionResource, ResourceName
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from tests.conftest import ClientOf, Serve

Documents: TypeAlias = dict[str, "dict[str, Any] | bytes | Exception"]

WATCHABLE = ["get", "list", "watch"]
NOTHING: dict[str, Any] = {"kind": "APIGroupDiscoveryList", "items": []}


class Server:
    """Serves documents by path, and keeps what it was asked."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def read(self, path: str, *, accept: str = "application/json") -> bytes:
        self.asked.append(path)
        assert accept == (ACCEPT if path in {"/api", "/apis"} else "application/json")
        await asyncio.sleep(0)
        answer = self.documents[path]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def aggregated(**groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Aggregated discovery: resources by group, each in v1 and, where ``versions`` says so, in others."""
    items = []
    for group, resources in groups.items():
        versions = dict.fromkeys(version for resource in resources for version in resource.get("versions", ["v1"]))
        served = [
            {"version": v, "resources": [r for r in resources if v in r.get("versions", ["v1"])]} for v in versions
        ]
        items.append({"metadata": {"name": group.replace("_", ".")}, "versions": served})
    return {"kind": "APIGroupDiscoveryList", "items": items}


def resource(name: str, kind: str, scope: str = "Namespaced", **more: Any) -> dict[str, Any]:
    return {
        "resource": name,
        "responseKind": {"kind": kind},
        "scope": scope,
        "singularResource": kind.lower(),
        "verbs": WATCHABLE,
        **more,
    }


def legacy(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "APIResourceList", "resources": list(resources)}


def old(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": True, "singularName": "", "verbs": WATCHABLE, **more}


def groups(*names: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{name}/v1", "version": "v1"} for name in names]
    return {
        "kind": "APIGroupList",
        "groups": [{"name": n, "versions": [v]} for n, v in zip(names, versions, strict=True)],
    }


WIDGETS = resource("widgets", "Widget", shortNames=["wd"])
MODERN: Documents = {
    "/api": NOTHING,
    "/apis": aggregated(example_com=[WIDGETS, resource("planets", "Planet", "Cluster")]),
}
ANCIENT: Documents = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": legacy(old("things", "Thing")),
    "/apis": groups("example.com"),
    "/apis/example.com/v1": legacy(
        old("widgets", "Widget", shortNames=["wd"], singularName="widget"),
        old("widgets/status", "Widget", verbs=["get", "patch"]),
        old("planets", "Planet", namespaced=False),
    ),
}


async def found(server: Server, name: str) -> str:
    return str((await Discovery(server).resolve(ResourceName.parse(name))).gvr)


@pytest.mark.parametrize("name", ["pods", "po", "Deployment", "deployments.apps", "deployments.v1.apps"])
async def test_a_built_in_resource_needs_no_server(name: str) -> None:
    server = Server({})
    assert await found(server, name) in {"pods.v1", "deployments.v1.apps"}
    assert server.asked == []


@pytest.mark.parametrize("documents", [MODERN, ANCIENT], ids=["aggregated", "group by group"])
class TestNames:
    @pytest.mark.parametrize(
        "name", ["widgets", "widget", "Widget", "wd", "widgets.example.com", "wd.v1.example.com", "WIDGETS"]
    )
    async def test_plural_singular_kind_and_short_name_with_or_without_the_rest(
        self, documents: Documents, name: str
    ) -> None:
        assert await found(Server(documents), name) == "widgets.v1.example.com"

    async def test_what_is_found_says_kind_scope_and_names(self, documents: Documents) -> None:
        discovery = Discovery(Server(documents))
        widgets = await discovery.resolve(ResourceName.parse("wd"))
        planets = await discovery.resolve(ResourceName.parse("planets"))
        assert (widgets.kind, widgets.namespaced, widgets.short_names) == ("Widget", True, ("wd",))
        assert (planets.kind, planets.namespaced, planets.short_names) == ("Planet", False, ())
        assert planets.gvr == GroupVersionResource("example.com", "v1", "planets")

    @pytest.mark.parametrize("name", ["widgets.v2.example.com", "widgets.example.org", "widgets.v1.", "nothing"])
    async def test_what_is_not_served_is_unknown(self, documents: Documents, name: str) -> None:
        with pytest.raises(UnknownResource, match=r"CustomResourceDefinition|did you mean"):
            await found(Server(documents), name)

    async def test_a_typo_is_answered_with_what_it_resembles(self, documents: Documents) -> None:
        with pytest.raises(UnknownResource, match=r"did you mean widgets\?") as caught:
            await found(Server(documents), "wigdets")
        assert isinstance(caught.value, LookupError)
        assert caught.value.status == 404

    async def test_the_server_is_asked_once_for_all_that_it_serves(self, documents: Documents) -> None:
        server = Server(documents)
        discovery = Discovery(server)
        for name in ("widgets", "planets", "widgets"):
            await discovery.resolve(ResourceName.parse(name))
        assert len(server.asked) == len(documents)

    async def test_many_who_ask_at_once_ask_once(self, documents: Documents) -> None:
        server = Server(documents)
        discovery = Discovery(server)
        await asyncio.gather(*(discovery.resolve(ResourceName.parse("wd")) for _ in range(20)))
        assert len(server.asked) == len(documents)

    async def test_a_resource_installed_later_is_found_then(self, documents: Documents) -> None:
        server = Server({"/api": NOTHING, "/apis": NOTHING})
        discovery = Discovery(server)
        with pytest.raises(UnknownResource):
            await discovery.resolve(ResourceName.parse("widgets"))
        server.documents = documents
        assert (await discovery.resolve(ResourceName.parse("widgets"))).kind == "Widget"


class TestChoice:
    async def test_the_core_group_comes_first_then_the_servers_order(self) -> None:
        core = aggregated(_=[resource("gadgets", "Gadget")])
        core["items"][0]["metadata"] = {}
        both = aggregated(b_example=[resource("gadgets", "Gadget"), WIDGETS], a_example=[WIDGETS])
        assert await found(Server({"/api": core, "/apis": both}), "gadgets") == "gadgets.v1"
        assert await found(Server({"/api": NOTHING, "/apis": both}), "widgets") == "widgets.v1.b.example"

    async def test_the_version_the_server_names_first_is_the_preferred_one(self) -> None:
        documents = aggregated(example_com=[resource("widgets", "Widget", versions=["v2", "v1"])])
        server = Server({"/api": NOTHING, "/apis": documents})
        assert await found(server, "widgets") == "widgets.v2.example.com"
        assert await found(server, "widgets.v1.example.com") == "widgets.v1.example.com"

    async def test_what_cannot_be_watched_is_not_there(self) -> None:
        reviews = resource("reviews", "Review", verbs=["create"])
        metrics = resource("metrics", "Metric", verbs=["get", "list"])
        server = Server({"/api": NOTHING, "/apis": aggregated(example_com=[reviews, metrics])})
        for name in ("reviews", "metrics"):
            with pytest.raises(UnknownResource):
                await found(server, name)


class TestTrouble:
    @pytest.mark.parametrize("path", ["/api", "/apis"])
    @pytest.mark.parametrize("error", [NetworkError("refused"), Forbidden(403), ServerError(503)])
    async def test_a_server_that_cannot_be_asked_is_an_error_and_the_next_look_up_asks_again(
        self, path: str, error: Exception
    ) -> None:
        server = Server({**MODERN, path: error})
        discovery = Discovery(server)
        with pytest.raises(type(error)):
            await discovery.resolve(ResourceName.parse("widgets"))
        server.documents = MODERN
        assert (await discovery.resolve(ResourceName.parse("widgets"))).kind == "Widget"

    @pytest.mark.parametrize("document", [b"<html>", b"[]", b"{}", b'{"kind": 5}'])
    async def test_a_document_that_makes_no_sense_is_named(self, document: bytes) -> None:
        with pytest.raises(MalformedResponse, match="/apis"):
            await found(Server({**MODERN, "/apis": document}), "widgets")

    @pytest.mark.parametrize("answer", [ServerError(503), Forbidden(403), b"<html>down for maintenance</html>"])
    async def test_one_group_that_is_down_hides_no_other(self, answer: bytes | Exception) -> None:
        """An APIService without its backend is the classic; kubectl goes on without it, too."""
        documents: Documents = {**ANCIENT, "/apis": groups("metrics.k8s.io", "example.com")}
        documents["/apis/metrics.k8s.io/v1"] = answer
        assert await found(Server(documents), "widgets") == "widgets.v1.example.com"

    async def test_a_name_that_kubernetes_would_not_allow_hides_no_other(self) -> None:
        odd = resource("Odd_Things", "Odd")
        server = Server({"/api": NOTHING, "/apis": aggregated(example_com=[odd, WIDGETS])})
        assert await found(server, "widgets") == "widgets.v1.example.com"

    @pytest.mark.parametrize(
        "documents",
        [
            {"/api": {"kind": "APIVersions", "versions": None}, "/apis": {"kind": "APIGroupList", "groups": None}},
            {"/api": {"kind": "APIGroupDiscoveryList", "items": None}, "/apis": aggregated(a=[])},
            {"/api": NOTHING, "/apis": groups("a"), "/apis/a/v1": {"resources": None}},
            {"/api": NOTHING, "/apis": groups("a"), "/apis/a/v1": legacy(old("b", "B", verbs=None, shortNames=None))},
        ],
    )
    async def test_null_is_an_empty_list(self, documents: Documents) -> None:
        """So Go writes a slice that was never made."""
        with pytest.raises(UnknownResource):
            await found(Server(documents), "widgets")

    async def test_those_who_wait_for_an_answer_share_a_failure(self) -> None:
        """A server that takes its time to fail would otherwise keep the last of them waiting once for each before."""
        server = Server({"/api": NetworkError("no answer")})
        discovery = Discovery(server)
        looks = [discovery.resolve(ResourceName.parse("widgets")) for _ in range(20)]
        answers = await asyncio.gather(*looks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {NetworkError}
        assert len(server.asked) == 1

    async def test_one_who_stops_waiting_takes_nobody_along(self) -> None:
        server = Server(MODERN)
        discovery = Discovery(server)
        first, second = (asyncio.ensure_future(discovery.resolve(ResourceName.parse("widgets"))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).kind == "Widget"
        assert first.cancelled()


async def test_over_http_it_asks_for_the_aggregated_form_first(serve: Serve, client_of: ClientOf) -> None:
    accepts: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        accepts[request.path] = request.headers["Accept"]
        return web.json_response(ANCIENT[request.path])

    async with Transport(client_of(await serve(handler))) as transport:
        assert (await Discovery(transport).resolve(ResourceName.parse("wd"))).kind == "Widget"
    assert accepts["/apis"].split(",")[0] == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert accepts["/apis"].endswith(",application/json")
    assert accepts["/apis/example.com/v1"] == "application/json"


async def test_a_group_that_does_not_answer_is_in_doubt() -> None:
    """Its resources may well be served: a name that is not found is then no unknown one."""
    stale = aggregated(example_com=[], other_com=[WIDGETS])
    stale["items"][0]["versions"] = [{"version": "v1", "freshness": "Stale"}]
    discovery = Discovery(Server({"/api": NOTHING, "/apis": stale}))
    await discovery.refresh()
    assert discovery.doubtful == {("example.com", "v1")}
    assert (discovery.is_doubtful("example.com"), discovery.is_doubtful("other.com")) == (True, False)
    for name in ("gadgets", "gadgets.example.com"):
        with pytest.raises(NotFound, match=r"may be among what is not served just now: example\.com/v1") as failure:
            await discovery.resolve(ResourceName.parse(name))
        assert not isinstance(failure.value, UnknownResource)
    with pytest.raises(UnknownResource):
        await discovery.resolve(ResourceName.parse("gadgets.other.com"))


@pytest.mark.parametrize(("answer", "doubtful"), [(ServerError(503), True), (NotFound(404), False)])
async def test_without_aggregation_a_group_is_in_doubt_unless_it_says_that_it_is_gone(
    answer: Exception,
    doubtful: bool,  # noqa: FBT001
) -> None:
    core: dict[str, Any] = {"kind": "APIVersions", "versions": []}
    documents: Documents = {"/api": core, "/apis": groups("example.com"), "/apis/example.com/v1": answer}
    discovery = Discovery(Server(documents))
    await discovery.refresh()
    assert discovery.is_doubtful("example.com") is doubtful


async def test_the_versions_of_a_resource_are_those_of_its_group_alone() -> None:
    """In the server's order of preference."""
    two = resource("widgets", "Widget", versions=["v2", "v1"])
    discovery = Discovery(Server({"/api": NOTHING, "/apis": aggregated(example_com=[two], other_com=[WIDGETS])}))
    await discovery.refresh()
    assert discovery.versions("example.com", "widgets") == ["v2", "v1"]
    assert discovery.versions("example.com", "gadgets") == []
