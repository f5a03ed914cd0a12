"""Names to resources: what the API server says it serves.

Built-in resources and complete names need no look-up. Anything else is asked of the server once per client, by
aggregated discovery (KEP-3352) in two requests, or group by group from servers that do not have it; a name that is
not in the answer is asked about again, as its CustomResourceDefinition may have come since.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from aioinformer.errors import MalformedResponse, UnknownResource
from aioinformer.resource import APIResource, GroupVersionResource, ResourceName, find_builtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Discovery", "DocumentSource"]

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
D = TypeVar("D")
ACCEPT = f"{_AGGREGATED.format('v2')},{_AGGREGATED.format('v2beta1')},application/json"


class DocumentSource(Protocol):
    """Where discovery documents are read."""

    async def read(self, path: str, *, accept: str = "application/json") -> bytes:
        """The body of a GET."""
        ...


class _GroupVersionKind(msgspec.Struct):
    kind: str = ""


class _AggregatedResource(msgspec.Struct, rename="camel"):
    resource: str
    scope: str = ""
    singular_resource: str = ""
    short_names: list[str] = []
    verbs: list[str] = []
    response_kind: _GroupVersionKind | None = None


class _AggregatedVersion(msgspec.Struct):
    version: str
    resources: list[_AggregatedResource] = []


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _AggregatedGroup(msgspec.Struct):
    metadata: _Name = _Name()
    versions: list[_AggregatedVersion] = []


class _GroupVersion(msgspec.Struct, rename="camel"):
    version: str


class _Group(msgspec.Struct):
    name: str = ""
    versions: list[_GroupVersion] = []


class _Root(msgspec.Struct):
    """Any of APIGroupDiscoveryList, APIGroupList and APIVersions."""

    kind: str
    items: list[_AggregatedGroup] = []
    groups: list[_Group] = []
    versions: list[str] = []


class _LegacyResource(msgspec.Struct, rename="camel"):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    short_names: list[str] = []
    verbs: list[str] = []


class _LegacyResources(msgspec.Struct):
    resources: list[_LegacyResource] = []


class Discovery:
    """What one API server serves, as far as anybody asked."""

    def __init__(self, source: DocumentSource) -> None:
        self._source = source
        self.served: tuple[APIResource, ...] = ()
        """What can be listed and watched, as of the last time the server was asked."""

    async def resolve(self, name: ResourceName) -> APIResource:
        """The resource a name means; of several the one that kubectl would take (core group first, preferred version).

        Raises:
            UnknownResource: the server serves none, as of now.
            APIError, NetworkError, MalformedResponse: it could not be asked.
        """
        known = find_builtin(name) or self._find(name)
        if known is not None:
            return known
        self.served = tuple(await self._fetch())
        found = self._find(name)
        if found is None:
            close = difflib.get_close_matches(name.name, {resource.gvr.resource for resource in self.served})
            hint = f"; did you mean {' or '.join(close)}?" if close else "; is its CustomResourceDefinition installed?"
            raise UnknownResource(404, "NotFound", f"the server serves no resource {str(name)!r}{hint}")
        return found

    def _find(self, name: ResourceName) -> APIResource | None:
        return next((resource for resource in self.served if resource.answers_to(name)), None)

    async def _fetch(self) -> list[APIResource]:
        found: list[APIResource] = []
        for path in ("/api", "/apis"):
            root = await self._read(path, _Root, ACCEPT)
            if root.kind == "APIGroupDiscoveryList":
                found += _aggregated(root.items)
            else:
                versions = [("", version) for version in root.versions]
                versions += [(group.name, v.version) for group in root.groups for v in group.versions]
                for group, version in versions:
                    found += await self._group_version(group, version)
        return found

    async def _group_version(self, group: str, version: str) -> list[APIResource]:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        resources = (await self._read(path, _LegacyResources)).resources
        return [
            APIResource(
                GroupVersionResource(group, version, resource.name),
                resource.kind,
                resource.namespaced,
                tuple(resource.short_names),
                resource.singular_name,
            )
            for resource in resources
            if {"list", "watch"} <= set(resource.verbs)
        ]

    async def _read(self, path: str, document: type[D], accept: str = "application/json") -> D:
        body = await self._source.read(path, accept=accept)
        try:
            return msgspec.json.decode(body, type=document)
        except msgspec.DecodeError as error:
            raise MalformedResponse(f"the discovery document {path} makes no sense: {error}") from None


def _aggregated(groups: Iterable[_AggregatedGroup]) -> Iterator[APIResource]:
    for group in groups:
        for version in group.versions:
            for resource in version.resources:
                if {"list", "watch"} <= set(resource.verbs):
                    yield APIResource(
                        GroupVersionResource(group.metadata.name, version.version, resource.resource),
                        resource.response_kind.kind if resource.response_kind else "",
                        resource.scope == "Namespaced",
                        tuple(resource.short_names),
                        resource.singular_resource,
                    )
