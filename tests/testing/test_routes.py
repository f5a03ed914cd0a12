"""The server over HTTP: every verb, status code and header, with a client that knows nothing of Kubernetes."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.testing.conftest import Http, Watching

JSON = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"


async def test_an_object_s_life(http: Http, pod: Callable[..., JSON]) -> None:
    status, created = await http("POST", PODS, pod("x"))
    assert (status, created["kind"]) == (201, "Pod")
    assert await http.get(f"{PODS}/x") == created
    status, updated = await http("PUT", f"{PODS}/x", created | {"spec": {"nodeName": "n"}})
    assert (status, updated["spec"]) == (200, {"nodeName": "n"})
    status, stale = await http("PUT", f"{PODS}/x", created)
    assert (status, stale["reason"], stale["details"]) == (409, "Conflict", {"name": "x", "kind": "pods"})
    status, deleted = await http("DELETE", f"{PODS}/x")
    assert (status, deleted["kind"]) == (200, "Pod")
    status, missing = await http("GET", f"{PODS}/x")
    assert (status, missing["kind"], missing["message"]) == (404, "Status", 'pods "x" not found')


async def test_deleting_most_kinds_answers_a_status(http: Http) -> None:
    await http("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "x"}})
    status, body = await http("DELETE", "/api/v1/namespaces/default/configmaps/x")
    assert (status, body["status"], body["details"]["name"]) == (200, "Success", "x")


async def test_delete_options_in_the_body(http: Http, pod: Callable[..., JSON]) -> None:
    await http("POST", PODS, pod("x"))
    status, body = await http("DELETE", f"{PODS}/x", {"preconditions": {"uid": "other"}})
    assert (status, body["reason"]) == (409, "Conflict")


async def test_deleting_a_collection_deletes_what_is_selected(
    server: ApiServer, http: Http, pod: Callable[..., JSON]
) -> None:
    for name, namespace, label in (("a", "default", "1"), ("b", "default", "2"), ("c", "other", "1")):
        server.create("pods", pod(name, namespace, {"x": label}))
    status, body = await http("DELETE", f"{PODS}?labelSelector=x%3D1")
    assert (status, body["kind"], [item["metadata"]["name"] for item in body["items"]]) == (200, "PodList", ["a"])
    assert [each["metadata"]["name"] for each in server.list("pods")] == ["b", "c"]


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", {"spec": {"nodeName": "n"}}),
        ("application/strategic-merge-patch+json", {"spec": {"nodeName": "n"}}),
        ("application/json-patch+json", [{"op": "add", "path": "/spec/nodeName", "value": "n"}]),
        (
            "application/apply-patch+yaml",
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"nodeName": "n"}},
        ),
    ],
)
async def test_every_kind_of_patch(
    server: ApiServer, http: Http, pod: Callable[..., JSON], content_type: str, patch: object
) -> None:
    server.create("pods", pod("x"))
    status, body = await http("PATCH", f"{PODS}/x?fieldManager=me", patch, Content_Type=content_type)
    assert (status, body["spec"]) == (200, {"nodeName": "n"})


async def test_apply_creates_what_is_missing(http: Http) -> None:
    patch = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}
    status, body = await http("PATCH", f"{PODS}/x?fieldManager=me", patch, Content_Type="application/apply-patch+yaml")
    assert (status, body["metadata"]["name"]) == (201, "x")


async def test_yaml_bodies(http: Http) -> None:
    async with http.session.post(
        http.url + PODS, data="metadata: {name: x}", headers={"Content-Type": "application/yaml"}
    ) as response:
        assert response.status == 201


async def test_custom_resources_take_no_strategic_merge_patch(
    server: ApiServer, http: Http, definition: Callable[..., JSON]
) -> None:
    server.create("crd", definition())
    server.create("widgets", {"metadata": {"name": "x"}})
    path = "/apis/example.com/v1/namespaces/default/widgets/x"
    status, body = await http("PATCH", path, {}, Content_Type="application/strategic-merge-patch+json")
    assert (status, body["reason"]) == (415, "UnsupportedMediaType")
    assert "strategic" not in body["message"]


async def test_the_status_subresource(server: ApiServer, http: Http, pod: Callable[..., JSON]) -> None:
    created = server.create("pods", pod("x"))
    status, _ = await http("PUT", f"{PODS}/x/status", created | {"status": {"phase": "Running"}, "spec": {"lost": 1}})
    assert status == 200
    body = await http.get(f"{PODS}/x/status")
    assert (body["status"], body["spec"]) == ({"phase": "Running"}, {})
    merge = "application/merge-patch+json"
    assert (await http("PATCH", f"{PODS}/x/status", {"status": {"phase": "Failed"}}, Content_Type=merge))[0] == 200
    assert (await http("DELETE", f"{PODS}/x/status"))[0] == 405


async def test_a_dry_run_changes_nothing(server: ApiServer, http: Http, pod: Callable[..., JSON]) -> None:
    server.create("pods", pod("x"))
    version = server.resource_version
    merge = "application/merge-patch+json"
    status, body = await http("POST", f"{PODS}?dryRun=All", pod("y"))
    assert (status, "resourceVersion" in body["metadata"]) == (201, False)
    assert (await http("PATCH", f"{PODS}/x?dryRun=All", {"spec": {"nodeName": "n"}}, Content_Type=merge))[1][
        "spec"
    ] == {"nodeName": "n"}
    assert (await http("DELETE", f"{PODS}/x?dryRun=All"))[0] == 200
    assert server.resource_version == version


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{PODS}/x", 405),
        ("PUT", PODS, 405),
        ("GET", "/api/v1/pods/x", 404),
        ("GET", "/api/v1/nothings", 404),
        ("GET", "/apis/none/v1/nothings", 404),
        ("GET", "/nothing", 404),
        ("GET", f"{PODS}/x/log", 404),
        ("POST", "/api/v1/pods", 405),
        ("GET", "/api/v1/pods?resourceVersion=abc", 400),
        ("GET", f"{PODS}/x?resourceVersion=abc", 500),
        ("GET", "/api/v1/pods?labelSelector=%2C", 400),
        ("GET", "/api/v1/pods?fieldSelector=spec.color%3Dred", 400),
        ("GET", "/api/v1/pods?sendInitialEvents=true", 422),
        ("GET", "/api/v1/pods?watch=1&resourceVersionMatch=NotOlderThan", 422),
    ],
)
async def test_what_is_refused(http: Http, method: str, path: str, status: int) -> None:
    assert (await http(method, path, {} if method in ("POST", "PUT") else None))[0] == status


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("[]", "application/json", 400),
        ("{", "application/json", 400),
        ("a: [", "application/yaml", 400),
        ("x", "text/plain", 415),
    ],
)
async def test_bodies_that_make_no_sense(http: Http, body: str, content_type: str, status: int) -> None:
    async with http.session.post(http.url + PODS, data=body, headers={"Content-Type": content_type}) as response:
        assert response.status == status
        assert (await response.json())["code"] == status


@pytest.mark.parametrize(
    ("body", "content_type"), [("{}", "application/json-patch+json"), ("[]", "application/merge-patch+json")]
)
async def test_patches_that_make_no_sense(
    server: ApiServer, http: Http, pod: Callable[..., JSON], body: str, content_type: str
) -> None:
    server.create("pods", pod("x"))
    assert (await http("PATCH", f"{PODS}/x", json.loads(body), Content_Type=content_type))[0] == 400


async def test_a_body_past_3_mib_is_too_large(http: Http, pod: Callable[..., JSON]) -> None:
    body = io.BytesIO(json.dumps(pod("x", data="x" * 3 * 1024 * 1024)).encode())
    async with http.session.post(http.url + PODS, data=body, headers={"Content-Type": "application/json"}) as response:
        assert (response.status, (await response.json())["reason"]) == (413, "RequestEntityTooLarge")


async def test_lists_in_pages(server: ApiServer, http: Http, pod: Callable[..., JSON]) -> None:
    for name in "abc":
        server.create("pods", pod(name))
    first = await http.get("/api/v1/pods?limit=2")
    assert (first["kind"], len(first["items"]), first["metadata"]["remainingItemCount"]) == ("PodList", 2, 1)
    server.create("pods", pod("d"))
    second = await http.get(f"/api/v1/pods?limit=2&continue={first['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_an_expired_page_answers_410_with_a_way_on(
    server: ApiServer, http: Http, pod: Callable[..., JSON]
) -> None:
    for name in "abc":
        server.create("pods", pod(name))
    first = await http.get("/api/v1/pods?limit=2")
    server.compact()
    status, body = await http("GET", f"/api/v1/pods?limit=2&continue={first['metadata']['continue']}")
    assert (status, body["reason"]) == (410, "Expired")
    rest = await http.get(f"/api/v1/pods?limit=2&continue={body['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]


async def test_long_bodies_are_gzipped_for_those_who_take_it(
    server: ApiServer, http: Http, pod: Callable[..., JSON]
) -> None:
    for number in range(200):
        server.create("pods", pod(f"p{number}", text="x" * 1000))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for encoding, decoded in (("gzip", gzip.decompress), ("identity", bytes)):
            async with session.get(http.url + "/api/v1/pods", headers={"Accept-Encoding": encoding}) as response:
                assert response.headers.get("Content-Encoding", "identity") == encoding
                assert len(json.loads(decoded(await response.read()))["items"]) == 200
        async with session.get(http.url + "/api/v1/pods?limit=1", headers={"Accept-Encoding": "gzip"}) as response:
            assert "Content-Encoding" not in response.headers


async def test_metadata_only(server: ApiServer, http: Http, watching: Watching, pod: Callable[..., JSON]) -> None:
    server.create("pods", pod("x", nodeName="n"))
    body = await http.get(f"{PODS}/x", Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    assert (body["kind"], "spec" in body) == ("PartialObjectMetadata", False)
    body = await http.get(PODS, Accept="application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
    assert body["kind"] == "PartialObjectMetadataList"
    assert (await http("GET", PODS, Accept="application/json;as=Table;g=meta.k8s.io;v=v1"))[0] == 406


async def test_a_version_in_the_future_is_waited_for(server: ApiServer, http: Http, pod: Callable[..., JSON]) -> None:
    wanted = server.store.revision + 1
    listing = asyncio.create_task(http.get(f"/api/v1/pods?resourceVersion={wanted}"))
    await server.wait_for_requests(1)
    server.create("pods", pod("x"))
    assert len((await listing)["items"]) == 1


async def test_a_version_that_does_not_come_about_is_too_large(http: Http) -> None:
    async with (
        ApiServer(version_wait=0) as impatient,
        http.session.get(f"{impatient.url}/api/v1/pods?resourceVersion=999") as response,
    ):
        body = await response.json()
        assert (response.status, body["reason"], body["details"]["causes"][0]["reason"]) == (
            504,
            "Timeout",
            "ResourceVersionTooLarge",
        )
        assert response.headers["Retry-After"] == "1"
        streaming = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=999"
        async with http.session.get(f"{impatient.url}/api/v1/pods?{streaming}") as stream:
            event = json.loads(await stream.read())
            assert (stream.status, event["type"], event["object"]["code"]) == (200, "ERROR", 504)


async def test_a_watch_over_http(server: ApiServer, watching: Watching, pod: Callable[..., JSON]) -> None:
    stream = await watching("/api/v1/pods", resourceVersion=server.resource_version, allowWatchBookmarks="true")
    await server.wait_for_watches(1)
    assert stream.response.headers["Content-Type"] == "application/json"
    assert stream.response.headers["Transfer-Encoding"] == "chunked"
    server.create("pods", pod("x"))
    server.delete("pods", "x")
    assert await stream.take(2) == [("ADDED", "x"), ("DELETED", "x")]
    server.send_bookmarks()
    assert await stream.take(1) == [("BOOKMARK", server.resource_version)]


async def test_discovery_and_health_paths(http: Http) -> None:
    assert (await http.get("/version"))["minor"] == "37"
    assert [await http.get(path) for path in ("/healthz", "/livez", "/readyz")] == ["ok"] * 3
    assert (await http.get("/apis"))["kind"] == "APIGroupList"
    assert "api/v1" in (await http.get("/openapi/v3"))["paths"]
    assert (await http("GET", "/api/v1/"))[1]["kind"] == "APIResourceList"


async def test_requests_without_the_token_are_unauthorized(http: Http) -> None:
    async with ApiServer(token="secret") as guarded:
        for header, status in ((None, 401), ("Bearer wrong", 401), ("Bearer secret", 200)):
            headers = {} if header is None else {"Authorization": header}
            async with http.session.get(guarded.url + "/api/v1/pods", headers=headers) as response:
                assert (response.status, (await response.json()).get("reason")) == (
                    status,
                    "Unauthorized" if status == 401 else None,
                )
