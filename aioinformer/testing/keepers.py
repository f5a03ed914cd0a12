"""The rules that single resources add to those of all: namespaces hold objects, definitions bring resources, pods start out pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing.catalog import Catalog, Served
from aioinformer.testing.encoding import inner
from aioinformer.testing.statuses import ForbiddenError, GroupResource, InvalidError, NotFoundError
from aioinformer.testing.writing import ObjectPath, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.mvcc import Store, Stored

__all__ = ["DEFINITIONS", "NAMESPACES", "PODS", "DefinitionKeeper", "NamespaceKeeper", "PodKeeper", "delete_all"]

NAMESPACES = GroupResource("", "namespaces")
DEFINITIONS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
PODS = GroupResource("", "pods")
_IMMORTAL = ("default", "kube-system", "kube-public")


def delete_all(writer: Writer, served: Served, objects: Iterable[Stored]) -> None:
    """Delete objects of one resource; those with finalizers are only marked."""
    for stored in objects:
        writer.delete(ObjectPath(served, stored.namespace, stored.name), {})


class PodKeeper:
    """Pods begin in phase Pending. Scheduling and running them is left to others."""

    def prepare(self, document: JSON) -> None:
        """Give a new pod the status a real server gives it."""
        document["status"] = {"phase": "Pending", "qosClass": "BestEffort"}

    def written(self, stored: Stored) -> None:
        """Nothing follows."""

    def may_delete(self, stored: Stored) -> bool:  # noqa: ARG002 - part of the protocol
        """Pods can always go."""
        return True


class NamespaceKeeper:
    """Plays the namespace controller, at once: a deleted namespace takes all that is in it along.

    It stays, Terminating, while finalizers hold back something in it. With ``strict`` creates need their namespace to exist.
    """

    def __init__(self, store: Store, writer: Writer, catalog: Catalog, *, strict: bool) -> None:
        self._store = store
        self._writer = writer
        self._catalog = catalog
        self._strict = strict

    def prepare(self, document: JSON) -> None:
        """Give a new namespace its label, finalizer and phase."""
        metadata: JSON = document["metadata"]
        metadata["labels"] = {"kubernetes.io/metadata.name": metadata["name"], **(metadata.get("labels") or {})}
        document |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}

    def written(self, stored: Stored) -> None:
        """Nothing follows."""

    def may_delete(self, stored: Stored) -> bool:
        """Empty the namespace; the last object to leave takes it away."""
        if stored.name in _IMMORTAL:
            raise ForbiddenError(NAMESPACES, stored.name, "this namespace may not be deleted")
        document = stored.document()
        if document["status"]["phase"] == "Active":
            document["status"]["phase"] = "Terminating"
            document["metadata"]["deletionTimestamp"] = self._writer.now()
            self._store.put(NAMESPACES, document)
        for served in self._catalog:
            if served.namespaced:
                objects = self._objects(served.group_resource, stored.name)
                delete_all(self._writer, served, objects)
        self.left(stored.name)
        return False

    def may_enter(self, namespace: str) -> None:
        """Refuse creates in a namespace that is going, and if strict in one that is not there.

        Raises:
            ApiServerError: the refusal.
        """
        stored = self._store.get(NAMESPACES, "", namespace)
        if stored is None:
            if self._strict:
                raise NotFoundError(NAMESPACES, namespace)
        elif b'"phase":"Terminating"' in stored.body:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ForbiddenError(NAMESPACES, namespace, why)

    def left(self, namespace: str) -> None:
        """Remove a terminating namespace that has become empty."""
        stored = self._store.get(NAMESPACES, "", namespace)
        if stored is None or b'"phase":"Terminating"' not in stored.body:
            return
        if not any(collection.has_any(namespace) for collection in self._store.collections().values()):
            self._store.remove(NAMESPACES, "", namespace)

    def _objects(self, resource: GroupResource, namespace: str) -> list[Stored]:
        snapshot = self._store.snapshot(resource)
        start, end = snapshot.span(namespace)
        return list(snapshot.objects[start:end])


class DefinitionKeeper:
    """Plays the CustomResourceDefinition controllers, at once: definitions come into force as they are written."""

    def __init__(
        self, store: Store, writer: Writer, catalog: Catalog, *, withdraw: Callable[[GroupVersionResource], None]
    ) -> None:
        self._store = store
        self._writer = writer
        self._catalog = catalog
        self._withdraw = withdraw

    def prepare(self, document: JSON) -> None:
        """Refuse a definition that is incomplete, or not named after its resource."""
        spec = inner(document, "spec")
        names = inner(spec, "names")
        name = document["metadata"]["name"]
        kind = GroupResource(DEFINITIONS.group, "CustomResourceDefinition")
        required = {
            "spec.group": spec.get("group"),
            "spec.scope": spec.get("scope"),
            "spec.versions": spec.get("versions"),
        }
        required |= {f"spec.names.{field}": names.get(field) for field in ("plural", "kind")}
        for field, value in required.items():
            if not value:
                raise InvalidError(kind, name, field, "Required value", cause="FieldValueRequired")
        if name != f"{names['plural']}.{spec['group']}":
            message = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
            raise InvalidError(kind, name, "metadata.name", message)

    def written(self, stored: Stored) -> None:
        """Serve the versions it names, withdraw those it no longer names, report so in its status."""
        document = stored.document()
        served = {each.gvr: each for each in _defined(document)}
        for each in self._of(document):
            if each.gvr not in served:
                self._withdraw(each.gvr)
        for each in served.values():
            self._catalog.add(each)
        status = _definition_status(document)
        if document.get("status") != status:
            self._store.put(DEFINITIONS, document | {"status": status})

    def may_delete(self, stored: Stored) -> bool:
        """Delete all its objects, then withdraw its resource."""
        for each in self._of(stored.document()):
            delete_all(self._writer, each, self._store.snapshot(each.group_resource).objects)
            self._withdraw(each.gvr)
        return True

    def _of(self, document: JSON) -> list[Served]:
        spec = document["spec"]
        resource = GroupResource(spec["group"], spec["names"]["plural"])
        return [served for served in self._catalog if served.group_resource == resource]


def _defined(document: JSON) -> Iterable[Served]:
    spec: JSON = document["spec"]
    names: JSON = spec["names"]
    for version in spec.get("versions") or ():
        if version.get("served"):
            gvr = GroupVersionResource(spec["group"], version["name"], names["plural"])
            short_names = tuple(names.get("shortNames") or ())
            singular = names.get("singular") or names["kind"].lower()
            resource = APIResource(gvr, names["kind"], spec["scope"] == "Namespaced", short_names, singular)
            selectable = tuple(field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ())
            has_status = "status" in (version.get("subresources") or {})
            yield Served(resource, builtin=False, has_status=has_status, selectable=selectable)


def _definition_status(document: JSON) -> JSON:
    names: JSON = document["spec"]["names"]
    accepted = {"singular": names["kind"].lower(), "listKind": f"{names['kind']}List", **names}
    now = document["metadata"]["creationTimestamp"]
    condition = {"status": "True", "lastTransitionTime": now}
    return {
        "conditions": [
            {**condition, "type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found"},
            {
                **condition,
                "type": "Established",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            },
        ],
        "acceptedNames": accepted,
        "storedVersions": [version["name"] for version in document["spec"]["versions"] if version.get("storage")],
    }
