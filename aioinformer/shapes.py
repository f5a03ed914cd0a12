"""What a user's own functions and models make of objects: transform, model, indexers, predicates.

Whatever these raise is one object's affair, or one subscription's. None of it may look like the end of a task or a loop.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from aioinformer.functions import is_function
from aioinformer.indexers import ReadyMade
from aioinformer.models import model_builder
from aioinformer.objects import JSON, Record

if TYPE_CHECKING:
    from aioinformer.cache import IndexFunction
    from aioinformer.objects import Stored
    from aioinformer.store import Admission

__all__ = ["BUILT", "Indexer", "ModelView", "Transform", "View", "admission", "index_function", "judged"]

Transform = Callable[[dict[str, JSON]], dict[str, JSON] | None]
Indexer = Callable[[Any], Iterable[str] | str | None]
View = Callable[["Stored"], Any]

BUILT = 64
"""Instances of a model that are kept for their first readers: as many as arrive together."""

LARGEST_BUILT = 16 * 1024
"""Bytes of an object whose instance is kept at most: its bytes are kept along, and nobody may ever read it."""

_MISREAD = (CancelledError, StopIteration, StopAsyncIteration)
"""What a function of the user's may raise by accident, and the loop would take for something else: the end of a task, or of a loop."""


def _misreading(error: BaseException) -> RuntimeError:
    """What to raise instead; its trace leads to the same line."""
    told = RuntimeError(f"a function that was given raised {type(error).__name__}")
    return told.with_traceback(error.__traceback__)


class ModelView:
    """Makes instances of a model from records.

    Whether a model can hold an object is found out when the object is admitted, by building it. What was built then is
    what the first reader gets: nobody else has it, so it is theirs alone.
    """

    __slots__ = ("_build", "_built")

    def __init__(self, model: type[Any]) -> None:
        self._build = model_builder(model)
        self._built: dict[int, tuple[Stored, Any]] = {}
        """By the identity of their records, which are kept along so that it stays theirs."""

    def prove(self, record: Stored) -> Stored:
        """The record, if the model can hold it; raises what building it raises."""
        raw = record.raw
        try:
            instance = self._build(raw)
        except _MISREAD as error:
            raise _misreading(error) from error
        if len(raw) <= LARGEST_BUILT:
            if len(self._built) >= BUILT:
                del self._built[next(iter(self._built))]
            self._built[id(record)] = record, instance
        return record

    def __call__(self, record: Stored) -> Any:
        """An instance of the reader's own."""
        built = self._built.pop(id(record), None)
        return self._build(record.raw) if built is None else built[1]


def admission(transform: Transform | None, view: View) -> Admission | None:
    """The function that sees each new version once: transform, and the proof that the model can hold it."""
    prove = view.prove if isinstance(view, ModelView) else None
    if transform is None:
        return prove

    def admit(record: Stored) -> Stored | None:
        kept = _transformed(record, transform)
        return kept if kept is None or prove is None else prove(kept)

    return admit


def index_function(indexer: Indexer, view: View) -> IndexFunction:
    """An indexer as a function of a record that always gives a collection of values."""
    if isinstance(indexer, ReadyMade):  # those need no view
        return indexer

    def values(record: Stored) -> Iterable[str]:
        try:
            value = indexer(view(record))
        except _MISREAD as error:
            raise _misreading(error) from error
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not hasattr(value, "__iter__"):
            raise TypeError(f"an indexer gives a string, several, or None, not {type(value).__name__}")
        return value

    return values


def judged(where: Callable[[Any], object] | None, view: View) -> Callable[[Stored], object] | None:
    """A subscriber's predicate, as a function of a record; what is no function is left to be refused."""
    if where is None or not is_function(where):
        return where

    def judge(record: Stored) -> object:
        try:
            return where(view(record))
        except _MISREAD as error:
            raise _misreading(error) from error

    return judge


class _Labels(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Labels


def _transformed(record: Stored, transform: Transform) -> Record | None:
    document: dict[str, Any] = msgspec.json.decode(record.raw)
    try:
        changed = transform(document)
    except _MISREAD as error:
        raise _misreading(error) from error
    if changed is None:
        return None
    if not isinstance(changed, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is the user's function
        raise TypeError(f"transform gives the object as a dict, or None to leave it out, not {type(changed).__name__}")
    identity = {"name": record.name, "namespace": record.namespace, "uid": record.uid}
    identity["resourceVersion"] = record.resource_version
    metadata = {name: value for name, value in changed.get("metadata", {}).items() if name not in identity}
    changed["metadata"] = metadata | {name: value for name, value in identity.items() if value}
    raw = msgspec.json.encode(changed)
    labels = msgspec.json.decode(raw, type=_Labelled).metadata.labels or {}
    return Record(record.key, record.uid, record.resource_version, labels, raw)
