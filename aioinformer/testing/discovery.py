"""Discovery: the documents from which clients learn what is served, in the plain and in the aggregated form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.testing.media import parse_accept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aioinformer.testing.catalog import Catalog, Served
    from aioinformer.testing.encoding import JSON

__all__ = ["VERSION", "Discovery"]

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]
_AGGREGATED = "APIGroupDiscoveryList"

VERSION: Mapping[str, str] = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-08-01T00:00:00Z",
    "goVersion": "go1.26",
    "compiler": "gc",
    "platform": "linux/amd64",
}


class Discovery:
    """Answers the discovery paths for what a catalog serves at that moment."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def document(self, path: str, accept: str) -> tuple[JSON, str] | None:
        """The document at a path and its content type, or ``None`` if nothing is there."""
        match [part for part in path.split("/") if part]:
            case ["api" | "apis" as root] if aggregated := _aggregated_version(accept):
                return self._aggregated(root, aggregated)
            case ["api"]:
                found: JSON | None = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
            case ["apis"]:
                groups = [self._group(group) for group in self._groups() if group]
                found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["apis", group] if group in self._groups():
                found = {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
            case ["api", version]:
                found = self._resources("", version)
            case ["apis", group, version]:
                found = self._resources(group, version)
            case _:
                found = None
        return None if found is None else (found, "application/json")

    def _groups(self) -> dict[str, dict[str, list[Served]]]:
        groups: dict[str, dict[str, list[Served]]] = {}
        for served in self._catalog:
            groups.setdefault(served.gvr.group, {}).setdefault(served.gvr.version, []).append(served)
        return groups

    def _group(self, group: str) -> JSON:
        versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in self._groups()[group]]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resources(self, group: str, version: str) -> JSON | None:
        resources = self._groups().get(group, {}).get(version)
        if resources is None:
            return None
        group_version = f"{group}/{version}" if group else version
        rows = [row for served in resources for row in _rows(served)]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}

    def _aggregated(self, root: str, version: str) -> tuple[JSON, str]:
        items: list[JSON] = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [_aggregated_row(name, resources) for name, resources in versions.items()],
            }
            for group, versions in self._groups().items()
            if bool(group) is (root == "apis")
        ]
        found: JSON = {
            "kind": _AGGREGATED,
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": items,
        }
        return found, f"application/json;g=apidiscovery.k8s.io;v={version};as={_AGGREGATED}"


def _aggregated_version(accept: str) -> str:
    for media_range in parse_accept(accept):
        version = media_range.parameters.get("v", "")
        if media_range.parameters.get("as") == _AGGREGATED and version in ("v2", "v2beta1"):
            return version
    return ""


def _rows(served: Served) -> Iterable[JSON]:
    resource = served.resource
    row: JSON = {
        "name": served.gvr.resource,
        "singularName": resource.singular,
        "namespaced": served.namespaced,
        "kind": served.kind,
        "verbs": _VERBS,
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    yield row
    if served.has_status:
        yield row | {
            "name": f"{served.gvr.resource}/status",
            "singularName": "",
            "verbs": _STATUS_VERBS,
            "shortNames": [],
        }


def _aggregated_row(version: str, resources: Iterable[Served]) -> JSON:
    return {
        "version": version,
        "freshness": "Current",
        "resources": [_aggregated_resource(served) for served in resources],
    }


def _aggregated_resource(served: Served) -> JSON:
    kind = {"group": served.gvr.group, "version": served.gvr.version, "kind": served.kind}
    row: JSON = {
        "resource": served.gvr.resource,
        "responseKind": kind,
        "scope": "Namespaced" if served.namespaced else "Cluster",
        "singularResource": served.resource.singular,
        "verbs": _VERBS,
    }
    if served.resource.short_names:
        row["shortNames"] = list(served.resource.short_names)
    if served.has_status:
        row["subresources"] = [{"subresource": "status", "responseKind": kind, "verbs": _STATUS_VERBS}]
    return row
