"""Where one informer's objects come from: a path and selectors on an API server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aioinformer.errors import InformerError, NotFound, UnknownResource
from aioinformer.resource import GroupVersionResource, ResourceName

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aioinformer.discovery import Discovery
    from aioinformer.options import InformerSpec
    from aioinformer.reflector import Body
    from aioinformer.resource import APIResource
    from aioinformer.selectors import LabelSelector
    from aioinformer.transport import Transport

__all__ = ["Collection"]

_PARTIAL = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


class Collection:
    """A reflector's ``Source``. A name that needs looking up is looked up by the first request that gets an answer."""

    def __init__(self, spec: InformerSpec, transport: Transport, discovery: Discovery) -> None:
        self._spec = spec
        self._transport = transport
        self._discovery = discovery
        self._found: APIResource | None = None
        self._was_served = False

    @asynccontextmanager
    async def open(self, query: Mapping[str, str]) -> AsyncGenerator[Body]:
        """Send a GET for the collection.

        Where the version was looked up and is no longer served, another one is asked, at once.

        Raises:
            UnknownResource: the server serves nothing of this name, or nothing any more.
            APIError, NetworkError, MalformedResponse: see ``Transport.get``.
        """
        asked = {**query, **self._selectors()}
        compressed = self._spec.compress_lists and "watch" not in query
        was_open = moved = False
        while True:
            path = await self._path()
            try:
                async with self._transport.get(path, asked, accept=self._accept(query), compressed=compressed) as body:
                    self._was_served = was_open = True
                    yield body
                    return
            except NotFound:
                had_moved, moved = moved, await self._has_moved()
                if was_open or had_moved or not moved:
                    raise

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._transport.server

    def metadata_only(self) -> Collection:
        """The same collection, asked for its objects' metadata alone."""
        return Collection(replace(self._spec, metadata_only=True), self._transport, self._discovery)

    def scoped(self, namespace: str | None, label_selector: LabelSelector) -> Collection:
        """The same resource in one namespace or all, with other labels."""
        default = self._spec.namespace_is_default and not isinstance(self._spec.namespace, tuple)
        spec = replace(self._spec, namespace=namespace, label_selector=label_selector, namespace_is_default=default)
        return Collection(spec, self._transport, self._discovery)

    async def _path(self) -> str:
        name, namespace = self._spec.resource, self._spec.one_namespace
        if isinstance(name, GroupVersionResource):
            if namespace is None or self._spec.builtin is not None:
                return name.path(namespace)
            name = ResourceName(name.resource, name.version, name.group)  # has it namespaces at all?
        if self._found is None:
            self._found = await self._discovery.resolve(name)
        if self._found.namespaced or namespace is None:
            return self._found.gvr.path(namespace)
        if self._spec.namespace_is_default:
            return self._found.gvr.path()
        raise NotFound(404, "NotFound", f"{self._found.gvr} is cluster-scoped: leave namespace={namespace!r} out")

    async def _has_moved(self) -> bool:
        """Whether, after a 404, what was meant is served in another version. What was looked up is looked up again.

        Raises:
            UnknownResource: it was served, and is not any more, in no version.
            NotFound: it still is, but not in the version that was asked for by name.
        """
        found, self._found = self._found, None
        if found is not None:
            self._discovery.forget(found)
        name = self._spec.resource
        gvr = name if found is None else found.gvr
        if not self._was_served or not isinstance(gvr, GroupVersionResource):
            return False
        try:
            await self._discovery.refresh()
        except InformerError:  # it does not contradict the 404, nor say more
            return False
        versions = self._discovery.versions(gvr.group, gvr.resource)
        if not versions and not self._discovery.is_doubtful(gvr.group):
            self._was_served = False
            raise UnknownResource(404, "NotFound", f"{gvr} is not served any more")
        if not versions or gvr.version in versions:
            return False
        if isinstance(name, GroupVersionResource) or name.version is not None:
            raise NotFound(
                404, "NotFound", f"{gvr} is not served any more, but {', '.join(versions)} is: ask without a version"
            )
        return True

    def _selectors(self) -> dict[str, str]:
        selectors = {"labelSelector": str(self._spec.label_selector), "fieldSelector": self._spec.field_selector or ""}
        return {name: value for name, value in selectors.items() if value}

    def _accept(self, query: Mapping[str, str]) -> str:
        if not self._spec.metadata_only:
            return "application/json"
        return _PARTIAL.format("" if "watch" in query else "List")
