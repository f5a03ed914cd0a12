"""Reading your own writes: a view of an informer that is never behind what its writer wrote."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from aioinformer.batches import Delta
from aioinformer.errors import InvalidOption, WaitTimeout
from aioinformer.events import Deleted, Synced
from aioinformer.lister import Lister
from aioinformer.models import document_of
from aioinformer.objects import KubeObject
from aioinformer.overlay import Overlay
from aioinformer.waiting import check_timeout
from aioinformer.wire import decode_item

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from aioinformer.events import Event
    from aioinformer.mirror import Mirror
    from aioinformer.objects import JSON, Stored
    from aioinformer.options import InformerSpec

__all__ = ["Writer"]

T = TypeVar("T")

REMEMBERED = 1024
"""Writes of which a writer recognizes the echo."""


class Writer(Lister[T]):
    """One writer's view of an informer; made by ``informer.writing()``.

    Its reads are the informer's, but that what this writer wrote is in them at once: hand every answer of the API to
    ``wrote``. A controller that lists its children through its writer does not create one twice because the watch has not
    brought the first yet.

    - What it shows is a state that the server has answered with. A write that failed has no answer, so it is never seen.
    - Once the cache has that version or a later one, the cache is what is read: another's later write, or the deletion, is
      never covered up. An older version that the watch brings meanwhile is not shown.
    - The informer's own reads, its subscribers and other writers do not see it before the watch brings it.
    - It is not ahead of others' writes: those are seen when the watch brings them.

    Keep one for as long as you write; it holds what the watch has not brought yet, and nothing else. With
    ``async with informer.writing() as mine``, leaving the block without an exception waits until the cache holds what was
    written, so that afterwards every reader of the informer sees it.
    """

    def __init__(self, mirror: Mirror, view: Callable[[Stored], T], *, timeout: float | None = None) -> None:
        check_timeout(timeout)
        spec = mirror.spec
        self._mirror = mirror
        self._overlay = Overlay(mirror.store)
        self._timeout = timeout
        self._echoes: OrderedDict[tuple[str, str], None] = OrderedDict()
        namespaced = spec.builtin is not None and spec.builtin.namespaced
        super().__init__(self._overlay, view, namespace=lambda: mirror.spec.one_namespace, namespaced=namespaced)

    def wrote(self, returned: object) -> T | None:
        """Lay what the API returned for a create, update, patch, or a delete that is not over yet, over the cache.

        It goes the way of every object: ``transform`` sees it, and the informer's label selector and namespace decide whether
        there is anything of it to be seen (its field selector cannot: then the watch has the last word).

        Args:
            returned: the answer as a model of ``kubernetes_asyncio``, as a dict with the API's own names, or as a
                ``KubeObject``. A model knows only the fields of its client's version, until the watch brings all.

        Returns:
            What reads show of it; ``None`` if nothing.

        Raises:
            InvalidOption: it is no object that a server of this resource has returned.
            Exception: what ``transform`` raised, or that the ``model`` cannot hold it.
        """
        record = _record_of(returned, self._mirror.spec)
        admitted = self._mirror.store.admitted(record) if _is_covered(record, self._mirror.spec) else None
        try:
            self._overlay.put(record, admitted)
        except ValueError as error:
            raise InvalidOption(str(error)) from None
        self._remember(record.uid, record.resource_version)
        found = self._overlay.get(record.key)
        return None if found is None else self._view(found)

    def deleted(self, key: str) -> None:
        """The API has answered a delete of this object with success, and not with the object: show it no more.

        An object that has to wait for its finalizers, or for its pod to end, comes back from the API: hand that to ``wrote``.

        Raises:
            InvalidOption: it is no key.
        """
        self._mirror.spec.check_key(key)
        gone = self._overlay.hide(key)
        if gone is not None:
            self._remember(gone.uid, "")

    @property
    def pending(self) -> tuple[str, ...]:
        """The keys of what was written and the watch has not brought yet."""
        return self._overlay.pending

    def is_echo(self, event: Event[T]) -> bool:
        """Whether an event tells this writer nothing but what it wrote itself: one of its last thousand writes.

        An event that covers later changes as well is none. The watch may be faster than the API's answer: an event that is
        looked at before ``wrote`` was called is not recognized.

        Raises:
            InvalidOption: the informer's model has no ``metadata`` with ``uid`` and ``resource_version``.
        """
        if isinstance(event, Synced):
            return False
        uid, version = _identity_of(event.object)
        return (uid, "" if isinstance(event, Deleted) else version) in self._echoes

    async def settled(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the error says why
        """Return once the cache holds all that was written, or something later; for all readers of the informer.

        Milliseconds as a rule; about a minute, until the server's next bookmark, for an object that is outside a field
        selector. Cancelling it loses nothing.

        Raises:
            WaitTimeout: not within ``timeout`` seconds; names the keys.
            InformerClosed: the informer was stopped.
            NotRunning: the factory is not running.
        """
        check_timeout(timeout)
        if self.pending:
            self._mirror.check_running()
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                await self._mirror.bell.until(lambda: self._mirror.stopped or not self.pending)
        except TimeoutError:
            raise WaitTimeout(
                f"{', '.join(self.pending)} did not come back by the watch within {timeout:g} s: {self._mirror.status.explain()}"
            ) from None
        if self.pending:
            self._mirror.check_alive()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.settled(self._timeout)

    def _remember(self, uid: str, version: str) -> None:
        self._echoes[uid, version] = None
        if len(self._echoes) > REMEMBERED:
            self._echoes.popitem(last=False)

    def __repr__(self) -> str:
        return f"<Writer of {self._mirror.spec} pending={len(self.pending)}>"


def _is_covered(record: Stored, spec: InformerSpec) -> bool:
    """Whether the server would send an object, as far as that can be told from here."""
    return (None in spec.namespaces or record.namespace in spec.namespaces) and spec.label_selector.matches(
        record.labels
    )


def _record_of(returned: object, spec: InformerSpec) -> Stored:
    """What the watch will bring of a returned object, but for the fields that a client's model does not know."""
    document = _document(returned)
    metadata = document.get("metadata")
    given: dict[str, JSON] = cast("dict[str, JSON]", metadata) if isinstance(metadata, dict) else {}
    missing = [name for name in ("name", "uid", "resourceVersion") if not isinstance(given.get(name), str)]
    if missing:
        raise InvalidOption(
            f"what was handed over has no metadata.{missing[0]}: give what the API returned, not what was sent; "
            "if it is a dict, with the API's own names; for a delete that returned a Status use deleted(key)"
        )
    builtin = spec.builtin
    if builtin is not None:
        document = {"kind": builtin.kind, "apiVersion": builtin.gvr.api_version} | document
        if document["kind"] != builtin.kind:
            raise InvalidOption(f"a {document['kind']} was handed over, but this is an informer on {spec}")
    if spec.metadata_only:
        document = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": given}
    try:
        item = decode_item(msgspec.json.encode(document), keep_managed_fields=spec.keep_managed_fields)
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidOption(f"what was handed over is not JSON: {error}") from None
    if not isinstance(item, Delta):
        raise InvalidOption(f"{item.key} cannot be taken in: {type(item.error).__name__}") from item.error
    return item.record


def _document(returned: object) -> dict[str, JSON]:
    if isinstance(returned, KubeObject):
        return returned.to_dict()
    if isinstance(returned, Mapping):
        return dict(cast("Mapping[str, JSON]", returned))
    if hasattr(returned, "openapi_types") and hasattr(returned, "attribute_map"):
        return document_of(returned)
    raise InvalidOption(
        f"wrote takes what the API returned: a kubernetes_asyncio model, a dict or a KubeObject, not {type(returned).__name__}"
    )


def _identity_of(obj: Any) -> tuple[str, str]:
    if isinstance(obj, KubeObject):
        return obj.uid, obj.resource_version
    metadata = getattr(obj, "metadata", None)
    uid, version = getattr(metadata, "uid", None), getattr(metadata, "resource_version", None)
    if not (isinstance(uid, str) and isinstance(version, str)):
        raise InvalidOption(
            f"{type(obj).__name__} has no metadata with uid and resource_version, by which an echo is recognized"
        )
    return uid, version
