"""As much of OpenAPI v3 as kubectl looks at before it writes: that the server takes ``fieldValidation`` and ``dryRun``.

No schemas: the server checks no fields, it only spares kubectl the search for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioinformer.testing.catalog import Catalog, Served
    from aioinformer.testing.encoding import JSON

__all__ = ["OpenAPI"]

_ROOT = "/openapi/v3"
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


class OpenAPI:
    """Answers the OpenAPI paths for what a catalog serves at that moment."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def document(self, path: str) -> JSON | None:
        """The document at a path, or ``None`` if nothing is there."""
        group_versions = {_group_path(served) for served in self._catalog}
        if path == _ROOT:
            return {"paths": {each: {"serverRelativeURL": f"{_ROOT}/{each}"} for each in sorted(group_versions)}}
        wanted = path.removeprefix(f"{_ROOT}/")
        return self._group_version(wanted) if wanted in group_versions else None

    def _group_version(self, group_path: str) -> JSON:
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.37.0"},
            "paths": {
                _object_path(served): {"patch": _operation(served), "parameters": _PARAMETERS}
                for served in self._catalog
                if _group_path(served) == group_path
            },
            "components": {"schemas": {}},
        }


def _group_path(served: Served) -> str:
    gvr = served.gvr
    return f"apis/{gvr.group}/{gvr.version}" if gvr.group else f"api/{gvr.version}"


def _object_path(served: Served) -> str:
    return served.gvr.path("{namespace}" if served.namespaced else None) + "/{name}"


def _operation(served: Served) -> JSON:
    kind = {"group": served.gvr.group, "version": served.gvr.version, "kind": served.kind}
    return {"parameters": _PARAMETERS, "responses": {}, "x-kubernetes-group-version-kind": kind}
