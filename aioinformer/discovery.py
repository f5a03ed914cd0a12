"""Names to resources: what the API server says it serves.

Built-in resources and complete names need no look-up. Anything else is asked of the server once per client, by
aggregated discovery (KEP-3352) in two requests, or group by group from servers that do not have it; a name that is
not in the answer is asked about again, as its CustomResourceDefinition may have come since.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from aioinformer.errors import APIError, InformerError, MalformedResponse, NotFound, UnknownResource
from aioinformer.objects import UNREADABLE
from aioinformer.resource import APIResource, GroupVersionResource, ResourceName, find_builtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Discovery", "DocumentSource"]

logger = logging.getLogger(__name__)

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
    short_names: list[str] | None = None
    verbs: list[str] | None = None
    response_kind: _GroupVersionKind | None = None


class _AggregatedVersion(msgspec.Struct):
    version: str
    freshness: str = ""
    resources: list[_AggregatedResource] | None = None


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _AggregatedGroup(msgspec.Struct):
    metadata: _Name = _Name()
    versions: list[_AggregatedVersion] | None = None


class _GroupVersion(msgspec.Struct, rename="camel"):
    version: str


class _Group(msgspec.Struct):
    name: str = ""
    versions: list[_GroupVersion] | None = None


class _Root(msgspec.Struct):
    """Any of APIGroupDiscoveryList, APIGroupList and APIVersions."""

    kind: str
    items: list[_AggregatedGroup] | None = None
    groups: list[_Group] | None = None
    versions: list[str] | None = None


class _LegacyResource(msgspec.Struct, rename="camel"):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    short_names: list[str] | None = None
    verbs: list[str] | None = None


class _LegacyResources(msgspec.Struct):
    resources: list[_LegacyResource] | None = None


class Discovery:
    """What one API server serves, as far as anybody asked."""

    def __init__(self, source: DocumentSource) -> None:
        self._source = source
        self._asking = asyncio.Lock()
        self._answers = 0
        self._failure: InformerError | None = None
        self.served: tuple[APIResource, ...] = ()
        """What can be listed and watched, as of the last time the server was asked."""
        self.doubtful: frozenset[tuple[str, str]] = frozenset()
        """The groups and versions that did not answer then, so that ``served`` says little of them."""

    async def resolve(self, name: ResourceName) -> APIResource:
        """The resource a name means; of several the one that kubectl would take (core group first, preferred version).

        Raises:
            UnknownResource: the server serves none, as of now.
            APIError, NetworkError, MalformedResponse: it could not be asked.
        """
        known = find_builtin(name) or self._find(name)
        if known is not None:
            return known
        await self.refresh()
        found = self._find(name)
        if found is None and any(name.group in {None, group} for group, _ in self.doubtful):
            silent = ", ".join(sorted({f"{group}/{version}" for group, version in self.doubtful}))
            raise NotFound(404, "NotFound", f"{str(name)!r} may be among what is not served just now: {silent}")
        if found is None:
            close = difflib.get_close_matches(name.name, {resource.gvr.resource for resource in self.served})
            hint = f"; did you mean {' or '.join(close)}?" if close else "; is its CustomResourceDefinition installed?"
            raise UnknownResource(404, "NotFound", f"the server serves no resource {str(name)!r}{hint}")
        return found

    def forget(self, resource: APIResource) -> None:
        """The server does not serve this any more, at least not so."""
        self.served = tuple(served for served in self.served if served != resource)

    def versions(self, group: str, resource: str) -> list[str]:
        """The versions that a resource is served in, the preferred one first, as of the last time the server was asked."""
        return [r.gvr.version for r in self.served if (r.gvr.group, r.gvr.resource) == (group, resource)]

    def is_doubtful(self, group: str) -> bool:
        """Whether the group did not answer the last time."""
        return any(group == doubtful for doubtful, _ in self.doubtful)

    async def refresh(self) -> None:
        """Ask the server; those who wait while another asks share what came of it, failures included.

        Raises:
            APIError, NetworkError, MalformedResponse: it could not be asked.
        """
        answers = self._answers
        async with self._asking:
            if self._answers == answers:
                try:
                    self._silent: set[tuple[str, str]] = set()
                    self.served, self._failure = tuple(await self._fetch()), None
                    self.doubtful = frozenset(self._silent)
                except InformerError as error:
                    self._failure = error.with_traceback(None)  # its frames hold what was being read
                self._answers += 1
        if self._failure is not None:
            raise self._failure

    def _find(self, name: ResourceName) -> APIResource | None:
        return next((resource for resource in self.served if resource.answers_to(name)), None)

    async def _fetch(self) -> list[APIResource]:
        found: list[APIResource] = []
        for path in ("/api", "/apis"):
            root = await self._read(path, _Root, ACCEPT)
            if root.kind == "APIGroupDiscoveryList":
                found += _aggregated(root.items or ())
                self._silent |= {
                    (group.metadata.name, version.version)
                    for group in root.items or ()
                    for version in group.versions or ()
                    if version.freshness == "Stale"
                }
            else:
                versions = [("", version) for version in root.versions or ()]
                versions += [(group.name, v.version) for group in root.groups or () for v in group.versions or ()]
                for group, version in versions:
                    found += await self._group_version(group, version)
        return found

    async def _group_version(self, group: str, version: str) -> list[APIResource]:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            resources = (await self._read(path, _LegacyResources)).resources or ()
        except (APIError, MalformedResponse) as error:
            logger.debug("discovery goes on without %s, which answers %s", path, error)
            if not isinstance(error, NotFound):
                self._silent.add((group, version))
            return []
        return [
            APIResource(gvr, r.kind, r.namespaced, tuple(r.short_names or ()), r.singular_name)
            for r in resources
            if (gvr := _watchable(group, version, r.name, r.verbs)) is not None
        ]

    async def _read(self, path: str, document: type[D], accept: str = "application/json") -> D:
        body = await self._source.read(path, accept=accept)
        try:
            return msgspec.json.decode(body, type=document)
        except UNREADABLE as error:
            why = f"the discovery document {path} makes no sense: {error}"
        raise MalformedResponse(why)


def _aggregated(groups: Iterable[_AggregatedGroup]) -> Iterator[APIResource]:
    for group in groups:
        for version in group.versions or ():
            for r in version.resources or ():
                gvr = _watchable(group.metadata.name, version.version, r.resource, r.verbs)
                if gvr is not None:
                    kind = r.response_kind.kind if r.response_kind else ""
                    names = tuple(r.short_names or ())
                    yield APIResource(gvr, kind, r.scope == "Namespaced", names, r.singular_resource)


def _watchable(group: str, version: str, name: str, verbs: list[str] | None) -> GroupVersionResource | None:
    """The resource, if it can be listed and watched, and if an aggregated server has named it as Kubernetes does."""
    if not {"list", "watch"} <= set(verbs or ()):
        return None
    try:
        return GroupVersionResource(group, version, name)
    except ValueError:
        return None
