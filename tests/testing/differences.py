"""Where the embedded server is known to differ from a real one: for each difference a request or two that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.testing.conftest import Http

__all__ = ["DIFFERENCES", "NAMESPACE", "Difference"]

JSON = dict[str, Any]
NAMESPACE = "differences"
CORE = f"/api/v1/namespaces/{NAMESPACE}"
MAPS, PODS = f"{CORE}/configmaps", f"{CORE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CONTAINERS: JSON = {"containers": [{"name": "c", "image": "i"}]}


class Difference(NamedTuple):
    """One row of docs/fidelity.md. ``shown`` asks a server whose namespace is there and empty; without a feature gate they may agree."""

    matter: str
    embedded: str
    real: str
    shown: Callable[[Http], Awaitable[object]]
    answers: tuple[object, object]
    """The embedded server's, and the real one's."""


async def bodies(http: Http) -> object:
    return [(await http("GET", MAPS, Accept=kind))[0] for kind in ("application/json", "application/yaml", PROTOBUF)]


async def tables(http: Http) -> object:
    return [(await http("GET", MAPS, Accept=kind))[1]["kind"] for kind in (TABLE, f"{TABLE},application/json")]


async def schemas(http: Http) -> object:
    refused, _ = await http("POST", DEPLOYMENTS, {"metadata": {"name": "odd"}, "spec": {"replicas": "three"}})
    _, pod = await http("POST", PODS, {"metadata": {"name": "defaulted"}, "spec": CONTAINERS})
    return refused, "restartPolicy" in pod["spec"]


async def managers(http: Http) -> object:
    applied: list[tuple[int, bool]] = []
    for who in ("one", "two"):
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"by": who}}
        answer = await http("PATCH", f"{MAPS}/applied?fieldManager={who}", document, Content_Type=APPLY)
        applied.append((answer[0], "managedFields" in answer[1]["metadata"]))
    return applied


async def subresources(http: Http) -> object:
    labels = {"a": "b"}
    template = {"metadata": {"labels": labels}, "spec": CONTAINERS}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    await http("POST", DEPLOYMENTS, {"metadata": {"name": "scaled"}, "spec": spec})
    return [(await http("GET", f"{DEPLOYMENTS}/scaled/{name}"))[0] for name in ("status", "scale")]


async def propagation(http: Http) -> object:
    await http("POST", MAPS, {"metadata": {"name": "owner"}})
    await http("DELETE", f"{MAPS}/owner?propagationPolicy=Foreground")
    await http("POST", MAPS, {"metadata": {"name": "orphaning", "finalizers": ["example.com/hold"]}})
    _, held = await http("DELETE", f"{MAPS}/orphaning?propagationPolicy=Orphan")
    return sorted(held["metadata"]["finalizers"])


async def graceful(http: Http) -> object:
    await http("POST", PODS, {"metadata": {"name": "running"}, "spec": CONTAINERS | {"nodeName": "n"}})
    return (await http("DELETE", f"{PODS}/running"))[0], (await http("GET", f"{PODS}/running"))[0]


async def access(http: Http) -> object:
    return (await http("GET", MAPS, Impersonate_User="nobody"))[0]


async def several_faults(http: Http) -> object:
    _, refused = await http("POST", MAPS, {"metadata": {"name": "A_b", "labels": {"a": "-"}}})
    return len(refused["details"]["causes"])


async def undecodable_bodies(http: Http) -> object:
    _, refused = await http("POST", MAPS, 7)
    return "json: cannot unmarshal" in refused["message"], "struct { APIVersion string" in refused["message"]


async def labels_of_a_status(http: Http) -> object:
    await http("POST", PODS, {"metadata": {"name": "labelled"}, "spec": CONTAINERS})
    patch = {"metadata": {"labels": {"by": "status"}}, "status": {"message": "m"}}
    _, patched = await http("PATCH", f"{PODS}/labelled/status", patch, Content_Type=MERGE)
    return patched["metadata"].get("labels")


async def shards(http: Http) -> object:
    return (await http("GET", f"{MAPS}?shardSelector=nonsense"))[0]


DIFFERENCES = [
    Difference(
        "bodies",
        "JSON; YAML is taken, not given",
        "also protobuf, CBOR and YAML",
        bodies,
        ([200, 406, 406], [200, 200, 200]),
    ),
    Difference(
        "`Table` output, which kubectl prints",
        "not offered; kubectl is given the objects and prints fewer columns",
        "offered",
        tables,
        (["Status", "ConfigMapList"], ["Table", "Table"]),
    ),
    Difference(
        "schemas",
        "objects are neither validated against them nor defaulted; only metadata is checked",
        "validated and defaulted",
        schemas,
        ((201, False), (400, True)),
    ),
    Difference(
        "`managedFields`, conflicts of server-side apply",
        "not tracked; apply merges",
        "tracked",
        managers,
        ([(201, False), (200, False)], [(201, True), (409, False)]),
    ),
    Difference(
        "subresources",
        "`status` only",
        "also `scale`, `eviction`, `log`, `exec`, `proxy`, `token` and more",
        subresources,
        ([200, 404], [200, 200]),
    ),
    Difference(
        "`propagationPolicy`, garbage collection",
        "ignored; what an object owns stays",
        "orphaned, or deleted by the garbage collector",
        propagation,
        (["example.com/hold"], ["example.com/hold", "orphan"]),
    ),
    Difference(
        "deletions of pods, namespaces and definitions",
        "take effect at once, finalizers apart",
        "graceful",
        graceful,
        ((200, 404), (200, 200)),
    ),
    Difference("admission, quotas, RBAC", "none; `revoke()` answers in RBAC's words", "enforced", access, (200, 403)),
    Difference("several faults in one request", "told one at a time", "told together", several_faults, (1, 2)),
    Difference(
        "errors about bodies that cannot be decoded",
        "name Go types only roughly",
        "name them",
        undecodable_bodies,
        ((True, False), (True, True)),
    ),
    Difference(
        "a pod's `status` subresource",
        "does not take labels",
        "takes them",
        labels_of_a_status,
        (None, {"by": "status"}),
    ),
    Difference("`shardSelector`", "ignored", "ignored, too, unless its feature gate is on", shards, (200, 200)),
]
