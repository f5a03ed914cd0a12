"""The embedded server held against a real kube-apiserver: the same requests, the same answers, word for word.

What differs and is known to: nothing is validated against schemas or defaulted (so specs and statuses are not compared),
``managedFields`` are not tracked, several faults of one request are reported one at a time, a pod's status subresource does
not take labels, deletions of pods and of definitions take effect at once, decoding errors name Go types only roughly.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import pytest

from aioinformer.testing import ApiServer
from aioinformer.testing.control_plane import (
    ControlPlane,
    ControlPlaneUnavailable,
    control_plane_required,
    require_binaries,
)

JSON = dict[str, Any]

try:
    require_binaries()
except ControlPlaneUnavailable as missing:
    REASON = None if control_plane_required() else str(missing)
else:
    REASON = None
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
MAPS, PODS = "/api/v1/namespaces/t/configmaps", "/api/v1/namespaces/t/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/t/deployments"
STREAMING = "watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"


class Ask(NamedTuple):
    method: str
    path: str
    body: object = None
    content_type: str = "application/json"
    accept: str = "application/json"


def cm(name: str, **metadata: object) -> JSON:
    return {"metadata": {"name": name, **metadata}, "data": {"k": "v"}}


def partial(suffix: str = "") -> str:
    return f"application/json;as=PartialObjectMetadata{suffix};g=meta.k8s.io;v=v1"


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {
    "metadata": {"name": "d", "finalizers": ["a.b/c"]},
    "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE},
    "status": {"replicas": 3},
}

WRITES = [
    Ask("POST", "/api/v1/namespaces", {"metadata": {"name": "t"}}),
    Ask("POST", MAPS, cm("a")),
    Ask("POST", MAPS, cm("a")),
    Ask("POST", MAPS, cm("")),
    Ask("POST", MAPS, cm("A_b")),
    Ask("POST", MAPS, cm("x", namespace="other")),
    Ask("POST", MAPS, cm("x", resourceVersion="5")),
    Ask("POST", MAPS, cm("x", labels={"a": "-"})),
    Ask("POST", MAPS, cm("x", labels={"a/b/c": "d"})),
    Ask("POST", MAPS, cm("x", labels={"a": 1})),
    Ask("POST", MAPS, cm("x", annotations={"a": {}})),
    Ask("POST", MAPS, cm("x", finalizers="a")),
    Ask("POST", MAPS, cm("x", finalizers=[7])),
    Ask("POST", MAPS, {"metadata": {"name": 7}}),
    Ask("POST", f"{MAPS}?dryRun=All", cm("dry")),
    Ask("GET", f"{MAPS}/dry"),
    Ask("PUT", f"{MAPS}/nope", cm("nope")),
    Ask("PUT", f"{MAPS}/a", cm("b")),
    Ask("PUT", f"{MAPS}/a", cm("a", resourceVersion="1")),
    Ask("PUT", f"{MAPS}/a", cm("a", uid="x")),
    Ask("PUT", f"{MAPS}/a", cm("a", labels={"l": "1"})),
    Ask("PATCH", f"{MAPS}/a", {}, "text/x"),
    Ask("PATCH", f"{MAPS}/a", {"data": {"k": "w"}}, MERGE),
    Ask("PATCH", f"{MAPS}/a", {"data": {"m": "n"}}, STRATEGIC),
    Ask("PATCH", f"{MAPS}/nope", {}, MERGE),
    Ask("PATCH", f"{MAPS}/a", {"metadata": {"resourceVersion": "1"}}, MERGE),
    Ask("PATCH", f"{MAPS}/a", [{"op": "test", "path": "/data/k", "value": "z"}], JSON_PATCH),
    Ask("PATCH", f"{MAPS}/a", [{"op": "remove", "path": "/data/zz"}], JSON_PATCH),
    Ask("PATCH", f"{MAPS}/a", [{"op": "add", "path": "/data/zz", "value": "y"}], JSON_PATCH),
    Ask("PATCH", f"{MAPS}/a", {}, JSON_PATCH),
    Ask("PATCH", f"{MAPS}/a", [], MERGE),
    Ask("PATCH", f"{MAPS}/new", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}}, APPLY),
    Ask(
        "PATCH",
        f"{MAPS}/new?fieldManager=m",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}},
        APPLY,
    ),
    Ask("DELETE", f"{MAPS}/nope"),
    Ask("DELETE", f"{MAPS}/a", {"preconditions": {"uid": "x"}}),
    Ask("DELETE", f"{MAPS}/a", {"preconditions": {"resourceVersion": "x"}}),
    Ask("DELETE", f"{MAPS}/a"),
    Ask("POST", DEPLOYMENTS, DEPLOYMENT),
    Ask("DELETE", f"{DEPLOYMENTS}/d"),
    Ask("GET", f"{DEPLOYMENTS}/d"),
    Ask("PATCH", f"{DEPLOYMENTS}/d", {"metadata": {"finalizers": None}}, MERGE),
    Ask("GET", f"{DEPLOYMENTS}/d"),
    Ask("POST", PODS, {"metadata": {"name": "p"}, "spec": TEMPLATE["spec"]}),
    Ask("GET", f"{PODS}/p/status"),
    Ask("DELETE", f"{PODS}/p/status"),
    Ask("DELETE", "/api/v1/namespaces/default"),
    Ask("GET", "/api/v1/namespaces/t/nodes"),
    Ask("GET", "/api/v1/namespaces/t/nodes/n"),
]
READS = [
    Ask("GET", MAPS),
    Ask("GET", f"{MAPS}/new"),
    Ask("GET", f"{MAPS}/nope"),
    *(Ask("GET", path) for path in ("/api/v1/configmaps/a", "/api/v1/nothings", "/apis/none/v1/x", "/nothing")),
    Ask("POST", f"{MAPS}/a", cm("a")),
    Ask("PUT", MAPS, cm("a")),
    Ask("POST", "/api/v1/configmaps", cm("a")),
    Ask("GET", f"{MAPS}/new/status"),
    Ask("GET", f"{MAPS}/new?resourceVersion=abc"),
    Ask("GET", MAPS, accept=partial()),
    Ask("GET", MAPS, accept=partial("List")),
    Ask("GET", f"{MAPS}?labelSelector=no", accept=partial("List")),
    Ask("GET", f"{MAPS}/new", accept=partial()),
    Ask("GET", f"{PODS}?watch=1&timeoutSeconds=1", accept=partial()),
    *(
        Ask("GET", f"{MAPS}?labelSelector={selector}")
        for selector in (
            "%2C",
            "a%20b",
            "a%20in%20b",
            "a%20in%20(b",
            "a%3Db%24",
            "-a",
            "a%3Eb",
            "a%2C",
            "!a%3Db",
            "!",
            "a%20in%20()",
            "!a",
        )
    ),
    *(
        Ask("GET", f"{MAPS}?{query}")
        for query in (
            "fieldSelector=spec.color%3Dred",
            "fieldSelector=a",
            "fieldSelector=metadata.name%3Dnew",
            "limit=x",
            "limit=-1",
            "limit=1&resourceVersion=0",
            "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0",
            "resourceVersion=abc",
            "resourceVersion=999999999",
            "resourceVersion=999999999&resourceVersionMatch=Exact",
            "sendInitialEvents=true",
            "resourceVersionMatch=Exact",
            "resourceVersionMatch=Exact&resourceVersion=0",
            "resourceVersionMatch=Bad&resourceVersion=5",
            "resourceVersionMatch=Exact&resourceVersion=1",
        )
    ),
    Ask("GET", f"{PODS}?fieldSelector=spec.color%3Dred"),
    *(
        Ask("GET", f"{PODS}?{query}")
        for query in (
            "watch=1&resourceVersionMatch=NotOlderThan",
            "watch=1&sendInitialEvents=true",
            "watch=1&resourceVersion=abc",
            "watch=1&timeoutSeconds=x",
            "watch=1&timeoutSeconds=1",
            "watch=1&timeoutSeconds=1&allowWatchBookmarks=1",
            f"{STREAMING}&allowWatchBookmarks=true",
            STREAMING,
            f"{STREAMING}&allowWatchBookmarks=true&resourceVersion=999999999",
        )
    ),
    *(Ask("GET", path) for path in ("/healthz", "/apis/apps", "/apis/none")),
]


def comparable(value: Any) -> Any:
    """The value without what cannot be equal: numbers drawn by each server, and what the module's head excludes."""
    if isinstance(value, dict):
        hidden = ("managedFields", "spec", "status")
        return {
            name: "<time>" if name.endswith("Timestamp") else comparable(item)
            for name, item in value.items()
            if not (name in hidden and isinstance(item, dict | list))
        }
    if isinstance(value, list):
        kept = (item for item in value if not (isinstance(item, dict) and "kube-root-ca" in json.dumps(item)))
        return [comparable(item) for item in kept]
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<![\w.])\d+(?![\w.])", "<n>", value)
    return value


async def answer(session: aiohttp.ClientSession, base: str, ask: Ask) -> tuple[object, ...]:
    data = None if ask.body is None else json.dumps(ask.body)
    headers = {"Accept": ask.accept} | ({} if data is None else {"Content-Type": ask.content_type})
    async with session.request(ask.method, base + ask.path, data=data, headers=headers) as response:
        text = await response.text()
        body: object = text
        if "watch=1" in ask.path and response.status == HTTPStatus.OK:
            body = [comparable(json.loads(line)) for line in text.splitlines()]
        elif response.content_type == "application/json":
            body = comparable(json.loads(text))
        return (
            response.status,
            response.headers.get("Content-Type", "").lower(),
            response.headers.get("Retry-After"),
            body,
        )


async def test_the_same_requests_get_the_same_answers() -> None:
    differences: list[str] = []
    async with ControlPlane() as plane, ApiServer(version_wait=0) as server:
        context = ssl.create_default_context(cafile=str(plane.ca_file))
        real = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {plane.token}"}, connector=aiohttp.TCPConnector(ssl=context)
        )
        async with real, aiohttp.ClientSession() as embedded:
            for ask in WRITES + READS:
                theirs, ours = await asyncio.gather(answer(real, plane.url, ask), answer(embedded, server.url, ask))
                if theirs != ours:
                    differences.append(f"{ask}\n    real {theirs}\n    ours {ours}")
    assert not differences, "\n".join(differences)
