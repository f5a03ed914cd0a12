"""The API server without its HTTP side: resources, objects and the verbs on them, in-process and synchronous."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from aioinformer.testing.catalog import Catalog, ResourceLike, Served
from aioinformer.testing.encoding import is_object
from aioinformer.testing.keepers import (
    DEFINITIONS,
    NAMESPACES,
    PODS,
    DefinitionKeeper,
    NamespaceKeeper,
    PodKeeper,
    delete_all,
)
from aioinformer.testing.mvcc import Change, Store
from aioinformer.testing.patching import merge_patch
from aioinformer.testing.selecting import Selection
from aioinformer.testing.statuses import NotFoundError
from aioinformer.testing.writing import ObjectPath, Writer, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aioinformer.resource import APIResource, GroupVersionResource
    from aioinformer.testing.encoding import JSON

__all__ = ["Cluster"]

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False, kw_only=True)
class Cluster:
    """A Kubernetes API over an in-memory store.

    Args:
        strict_namespaces: creating something in a namespace that does not exist is a 404, as on a real server.
        all_versions: serve alpha and beta API versions too.
        clock: the time stamped on objects.
        random: where uids and generated names come from; a seeded one makes them repeatable.

    ``resource`` is everywhere a `GroupVersionResource`, an `APIResource` or a kubectl-style name. Namespaced calls without a namespace
    mean ``default``, and what the object itself says goes first. Objects go in and come out as plain dicts; what a caller does to
    them afterwards changes nothing here. The verbs raise `ApiServerError` where HTTP answers an error Status, and ``LookupError`` for a
    resource that is not served.
    """

    strict_namespaces: bool = False
    all_versions: bool = False
    clock: Callable[[], datetime] = field(default=_utc_now, repr=False)
    random: Random = field(default_factory=Random, repr=False)

    def __post_init__(self) -> None:
        self.store = Store()
        self.catalog = Catalog(everything=self.all_versions)
        self.writer = Writer(self.store, clock=self.clock, random=self.random)
        namespaces = NamespaceKeeper(self.store, self.writer, self.catalog, strict=self.strict_namespaces)
        self.writer.may_enter, self.writer.left = namespaces.may_enter, namespaces.left
        self.writer.keepers |= {
            PODS: PodKeeper(),
            NAMESPACES: namespaces,
            DEFINITIONS: DefinitionKeeper(self.store, self.writer, self.catalog, withdraw=self._withdraw),
        }
        for name in _NAMESPACES:
            self.create("namespaces", {"metadata": {"name": name}})

    @property
    def resource_version(self) -> str:
        """The version of the latest write to anything."""
        return str(self.store.revision)

    def register(self, resource: APIResource, *, status_subresource: bool = False) -> None:
        """Serve a custom resource from now on, as a CustomResourceDefinition would."""
        self.catalog.add(Served(resource, builtin=False, has_status=status_subresource))

    def unregister(self, resource: ResourceLike) -> None:
        """Stop serving a resource version: its watches end, requests for it get 404.

        With the last version all objects go too; watches see their deletions first.
        """
        served = self.catalog.find(resource)
        versions = [each for each in self.catalog if each.group_resource == served.group_resource]
        if len(versions) == 1:
            delete_all(self.writer, served, self.store.snapshot(served.group_resource).objects)
        self._withdraw(served.gvr)

    def create(self, resource: ResourceLike, obj: Mapping[str, object], *, namespace: str | None = None) -> JSON:
        """Create an object; returns it as stored. ``generateName`` works as usual, and a ``status`` that has its own subresource is dropped."""
        path = self._path(resource, namespace, obj)
        return typed(path.served, self.writer.create(path, dict(obj)))

    def update(
        self, resource: ResourceLike, obj: Mapping[str, object], *, namespace: str | None = None, subresource: str = ""
    ) -> JSON:
        """Replace an object, or with ``subresource="status"`` its status. A resourceVersion in it has to be the latest."""
        path = self._path(resource, namespace, obj, subresource=subresource)
        return typed(path.served, self.writer.update(path, dict(obj)))

    def patch(
        self,
        resource: ResourceLike,
        name: str,
        patch: Mapping[str, object],
        *,
        namespace: str | None = None,
        subresource: str = "",
    ) -> JSON:
        """Apply a merge patch (RFC 7386): nested objects merge, ``None`` removes, lists are replaced."""
        path = self._path(resource, namespace, {"metadata": {"name": name}}, subresource=subresource)
        stored = self.writer.patch(path, lambda document: merge_patch(document, patch))
        return typed(path.served, stored)

    def delete(
        self, resource: ResourceLike, name: str, *, namespace: str | None = None, options: JSON | None = None
    ) -> JSON:
        """Delete an object; returns its last state. Finalizers keep it, with a deletionTimestamp. ``options``: DeleteOptions."""
        path = self._path(resource, namespace, {"metadata": {"name": name}})
        return typed(path.served, self.writer.delete(path, options or {}).stored)

    def get(self, resource: ResourceLike, name: str, *, namespace: str | None = None) -> JSON:
        """The object as it is now."""
        path = self._path(resource, namespace, {"metadata": {"name": name}})
        stored = self.store.get(path.group_resource, path.namespace, name)
        if stored is None:
            raise NotFoundError(path.group_resource, name)
        return typed(path.served, stored)

    def list(
        self,
        resource: ResourceLike,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[JSON]:
        """The objects of a namespace (``None``: of all), sorted by namespace and name."""
        served = self.catalog.find(resource)
        selection = self.selection(served, label_selector or "", field_selector or "")
        snapshot = self.store.snapshot(served.group_resource)
        start, end = snapshot.span(namespace if served.namespaced else None)
        return [typed(served, stored) for stored in snapshot.objects[start:end] if selection.matches(stored)]

    def compact(self, revision: int | None = None) -> None:
        """Forget the history before a version; without one, all of it, the present version included.

        Watches and exact lists from an older version and continue tokens of one are answered 410 from then on. Open watches go on.
        Without ``revision`` the version counter moves on by one, as by the write with which a real server's compactor records itself.
        """
        self.store.compact(self.store.advance() if revision is None else revision)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call back synchronously after each write; returns what ends it. The listener must not write itself."""
        return self.store.subscribe(listener)

    def selection(self, served: Served, labels: str = "", fields: str = "") -> Selection:
        """Both selectors of a request, checked."""
        return Selection(
            served.group_resource, labels, fields, selectable=None if served.builtin else served.selectable
        )

    def _withdraw(self, gvr: GroupVersionResource) -> None:
        self.catalog.discard(gvr)

    def _path(
        self, resource: ResourceLike, namespace: str | None, obj: Mapping[str, object], *, subresource: str = ""
    ) -> ObjectPath:
        served = self.catalog.find(resource)
        metadata = obj.get("metadata")
        given = metadata if is_object(metadata) else {}
        scope = (namespace or given.get("namespace") or "default") if served.namespaced else ""
        return ObjectPath(served, scope, given.get("name", ""), subresource)
