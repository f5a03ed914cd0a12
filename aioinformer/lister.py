"""Reads from memory: ``get`` and ``list`` over the cache, never I/O, never a wait.

Every read makes new views, so that what a reader does to what it got can never change the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from aioinformer.errors import InvalidOption
from aioinformer.selectors import LabelSelector

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator, Mapping

    from aioinformer.objects import Stored
    from aioinformer.store import Store

__all__ = ["Lister", "NamespaceLister"]

T = TypeVar("T")


class Lister(Generic[T]):
    """Reads of one informer's cache. Before the first sync it is empty."""

    def __init__(
        self, store: Store, view: Callable[[Stored], T], *, namespace: str | None = None, namespaced: bool = False
    ) -> None:
        self._store = store
        self._view = view
        self._namespace = namespace
        self._namespaced = namespaced

    def rescoped(self, namespace: str | None) -> None:
        """Another namespace goes without saying from now on. For the informer to call."""
        self._namespace = namespace

    def get(self, name: str, namespace: str | None = None) -> T | None:
        """The object, or ``None``. ``name`` may also be a whole key, ``"namespace/name"``.

        In an informer on one namespace that namespace goes without saying.

        Raises:
            InvalidOption: the resource is known to have namespaces, the informer is on all of them, and none is given.
        """
        if namespace is None and "/" not in name:
            namespace = self._namespace
            if namespace is None and self._namespaced:
                raise InvalidOption(
                    f"which namespace's {name!r}? Give get(name, namespace), or a key such as 'default/{name}'"
                )
        record = self._store.get(f"{namespace}/{name}" if namespace else name)
        return None if record is None else self._view(record)

    def list(
        self, namespace: str | None = None, label_selector: str | Mapping[str, str] | LabelSelector | None = None
    ) -> builtins.list[T]:
        """The objects of a namespace (from its index), or of all, that match a label selector.

        Raises:
            InvalidSelector: the selector does not parse.
        """
        selector = LabelSelector.parse(label_selector)
        records = self._store.records(namespace)
        if selector:
            records = [record for record in records if selector.matches(record.labels)]
        return [self._view(record) for record in records]

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        """The objects that have this value in an index.

        Raises:
            InvalidOption: there is no such index.
        """
        return [self._view(record) for record in self._store.by_index(index, value)]

    def namespace(self, namespace: str) -> NamespaceLister[T]:
        """The same reads, within one namespace."""
        return NamespaceLister(self, namespace)

    def __iter__(self) -> Iterator[T]:
        return (self._view(record) for record in self._store.records())

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store


class NamespaceLister(Generic[T]):
    """Reads of one namespace."""

    def __init__(self, lister: Lister[T], namespace: str) -> None:
        self._lister = lister
        self._namespace = namespace

    def get(self, name: str) -> T | None:
        """The object of this name, or ``None``."""
        return self._lister.get(name, self._namespace)

    def list(self, label_selector: str | Mapping[str, str] | LabelSelector | None = None) -> builtins.list[T]:
        """The objects that match a label selector; see ``Lister.list``."""
        return self._lister.list(self._namespace, label_selector)
