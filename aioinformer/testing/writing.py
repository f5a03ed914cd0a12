"""What happens to an object between a request and the store: the rules of create, update, patch and delete.

Synchronous. HTTP requests and in-process calls both come through here, so that both see the same server.

Simplified against a real one: no admission, no schemas and no defaulting of specs; ``managedFields`` are kept as given
and not tracked; a deleted pod goes at once, as nothing plays the kubelet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

from aioinformer.testing.checks import check_labels, check_metadata, check_name, check_preconditions, check_type
from aioinformer.testing.encoding import JSON, copy
from aioinformer.testing.mvcc import Store, Stored
from aioinformer.testing.statuses import (
    AlreadyExistsError,
    ApiServerError,
    BadRequestError,
    ConflictError,
    GroupResource,
    InvalidError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from aioinformer.testing.catalog import Served

__all__ = ["Deletion", "Keeper", "ObjectPath", "Writer", "typed"]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_FIXED_METADATA = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """One object, or with an empty name the collection, or one part of the object: what a URL path says."""

    served: Served
    namespace: str
    name: str = ""
    subresource: str = ""

    @property
    def group_resource(self) -> GroupResource:
        """What it is stored and reported under."""
        return self.served.group_resource


class Deletion(NamedTuple):
    """The last state of a deleted object; ``gone`` is false while finalizers hold it back."""

    stored: Stored
    gone: bool


class Keeper(Protocol):
    """Rules of one resource that go beyond those of all, such as those for namespaces."""

    def prepare(self, document: JSON) -> None:
        """Fill in or refuse an object about to be created."""

    def written(self, stored: Stored) -> None:
        """Follow up a creation or an update."""

    def may_delete(self, stored: Stored) -> bool:
        """Follow up the wish to delete an object; false keeps it until the keeper removes it."""
        ...


def typed(served: Served, stored: Stored) -> JSON:
    """The whole object as GET answers it, kind and apiVersion included; a fresh copy."""
    document: JSON = {"kind": served.kind, "apiVersion": served.gvr.api_version, **stored.document()}
    if not stored.revision:  # what a dry run would have created
        del document["metadata"]["resourceVersion"]
    return document


class Writer:
    """Applies writes to a store. ``keepers`` may be filled after construction."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], random: Random) -> None:
        self.keepers: dict[GroupResource, Keeper] = {}
        self.may_enter: Callable[[str], None] = lambda _namespace: None
        self.left: Callable[[str], None] = lambda _namespace: None
        self._store = store
        self._clock = clock
        self._random = random

    def create(self, path: ObjectPath, document: JSON, *, dry_run: bool = False) -> Stored:
        """Store a new object.

        Raises:
            ApiServerError: what is wrong with it, as the real server words it.
        """
        new = self._received(path, document)
        metadata: JSON = new["metadata"]
        self._name(path, metadata)
        if metadata.pop("resourceVersion", ""):
            raise ApiServerError(500, "", "resourceVersion should not be set on objects to be created")
        if path.namespace:
            self.may_enter(path.namespace)
        if self._store.get(path.group_resource, path.namespace, metadata["name"]):
            raise AlreadyExistsError(path.group_resource, metadata["name"])
        self._stamp(path, new)
        keeper = self.keepers.get(path.group_resource)
        if keeper:
            keeper.prepare(new)
        return self._put(path, new, dry_run=dry_run)

    def update(self, path: ObjectPath, document: JSON, *, dry_run: bool = False) -> Stored:
        """Replace an object, or with the ``status`` subresource that part of it. Without any change nothing is written.

        Raises:
            ApiServerError: it is missing, the version is stale, or the new state is not allowed.
        """
        before = self._existing(path)
        new = self._received(path, document)
        old = before.document()
        self._check_same_object(path, old, new)
        old["metadata"].pop("resourceVersion")
        merged = _merged(path, old, new)
        if merged == old:
            return before
        if "deletionTimestamp" in merged["metadata"] and not merged["metadata"].get("finalizers"):
            if not dry_run:
                self._remove(before, path.group_resource)
            return Stored.of(merged, self._store.revision)
        return self._put(path, merged, dry_run=dry_run)

    def patch(self, path: ObjectPath, change: Callable[[JSON], JSON], *, dry_run: bool = False) -> Stored:
        """Replace an object by what ``change`` makes of it. A resource version the patch sets is a precondition."""
        return self.update(path, change(typed(path.served, self._existing(path))), dry_run=dry_run)

    def delete(self, path: ObjectPath, options: JSON) -> Deletion:
        """Delete an object, or mark it deleted until its finalizers are gone. ``options`` is a DeleteOptions document.

        Raises:
            ApiServerError: it is missing, or a precondition does not hold.
        """
        stored = self._existing(path)
        check_preconditions(path.served, stored, options.get("preconditions") or {})
        if options.get("dryRun"):
            return Deletion(stored, gone=True)
        document = stored.document()
        metadata: JSON = document["metadata"]
        keeper = self.keepers.get(path.group_resource)
        if not metadata.get("finalizers") and (keeper is None or keeper.may_delete(stored)):
            return Deletion(self._remove(stored, path.group_resource), gone=True)
        current = self._store.get(path.group_resource, path.namespace, path.name)
        if current is not stored:
            return Deletion(current or stored, gone=current is None)
        if "deletionTimestamp" not in metadata:
            metadata |= {"deletionTimestamp": self.now(), "deletionGracePeriodSeconds": 0}
            if "generation" in metadata:
                metadata["generation"] += 1
            stored = self._store.put(path.group_resource, document)
        return Deletion(stored, gone=False)

    def remove(self, resource: GroupResource, stored: Stored) -> None:
        """Take an object away, whatever holds it back."""
        self._remove(stored, resource)

    def now(self) -> str:
        """The time as objects carry it."""
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _put(self, path: ObjectPath, document: JSON, *, dry_run: bool) -> Stored:
        if dry_run:
            before = self._store.get(path.group_resource, path.namespace, document["metadata"]["name"])
            return Stored.of(document, before.revision if before else 0)
        stored = self._store.put(path.group_resource, document)
        keeper = self.keepers.get(path.group_resource)
        if keeper is None:
            return stored
        keeper.written(stored)
        return self._store.get(path.group_resource, stored.namespace, stored.name) or stored

    def _remove(self, stored: Stored, resource: GroupResource) -> Stored:
        gone = self._store.remove(resource, stored.namespace, stored.name)
        if stored.namespace:
            self.left(stored.namespace)
        return gone

    def _existing(self, path: ObjectPath) -> Stored:
        stored = self._store.get(path.group_resource, path.namespace, path.name)
        if stored is None:
            raise NotFoundError(path.group_resource, path.name)
        return stored

    def _received(self, path: ObjectPath, document: JSON) -> JSON:
        new = copy(document)
        check_type(path.served, new)
        metadata: JSON = new.setdefault("metadata", {})
        check_metadata(path.served, metadata)
        check_labels(path.served, metadata)
        if path.namespace and metadata.setdefault("namespace", path.namespace) != path.namespace:
            raise BadRequestError(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if not path.namespace:
            metadata.pop("namespace", None)
        if path.name and metadata.setdefault("name", path.name) != path.name:
            given = metadata["name"]
            raise BadRequestError(f"the name of the object ({given}) does not match the name on the URL ({path.name})")
        return new

    def _name(self, path: ObjectPath, metadata: JSON) -> None:
        prefix = metadata.get("generateName", "")
        if prefix and not metadata.get("name"):
            metadata["name"] = prefix + "".join(self._random.choices(_SUFFIX_LETTERS, k=5))
        check_name(path.served, metadata.get("name", ""))

    def _stamp(self, path: ObjectPath, document: JSON) -> None:
        metadata: JSON = document["metadata"]
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            metadata.pop(field, None)
        metadata["uid"] = str(UUID(int=self._random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = self.now()
        if "spec" in document or not path.served.builtin:
            metadata["generation"] = 1
        if path.served.has_status:
            document.pop("status", None)

    def _check_same_object(self, path: ObjectPath, old: JSON, new: JSON) -> None:
        was, now = old["metadata"], new["metadata"]
        version = now.pop("resourceVersion", "")
        if not version and not path.served.builtin:
            message = "Invalid value: 0: must be specified for an update"
            raise InvalidError(path.group_resource, path.name, "metadata.resourceVersion", message)
        uid = now.get("uid", was["uid"])
        if uid != was["uid"]:
            where = "/".join(filter(None, ("/registry", path.served.gvr.resource, path.namespace, path.name)))
            why = (
                f"StorageError: invalid object, Code: 4, Key: {where}, ResourceVersion: 0, AdditionalErrorMsg:"
                f" Precondition failed: UID in precondition: {uid}, UID in object meta: {was['uid']}"
            )
            raise ConflictError(path.group_resource, path.name, why)
        if version not in ("", was["resourceVersion"]):
            raise ConflictError(path.group_resource, path.name)


def _merged(path: ObjectPath, old: JSON, new: JSON) -> JSON:
    if path.subresource == "status":
        return _with_status(old, new)
    merged = _with_status(new, old) if path.served.has_status else dict(new)
    metadata = {field: value for field, value in new["metadata"].items() if field not in _FIXED_METADATA}
    kept = {field: old["metadata"][field] for field in _FIXED_METADATA if field in old["metadata"]}
    merged["metadata"] = kept | metadata
    if "generation" in kept and _desired(merged) != _desired(old):
        merged["metadata"]["generation"] += 1
    return merged


def _with_status(document: JSON, source: JSON) -> JSON:
    merged = {field: value for field, value in document.items() if field != "status"}
    return merged | ({"status": source["status"]} if "status" in source else {})


def _desired(document: JSON) -> JSON:
    return {field: value for field, value in document.items() if field not in ("metadata", "status")}
