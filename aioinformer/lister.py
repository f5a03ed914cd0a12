"""Reads from memory: ``get`` and ``list`` over the cache, never I/O, never a wait.

Every read makes new views, so that what a reader does to what it got can never change the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from aioinformer.errors import InvalidOption
from aioinformer.selectors import LabelSelector

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator

    from aioinformer.objects import Stored
    from aioinformer.selectors import SelectorLike

__all__ = ["Lister", "NamespaceLister", "Records", "check_value"]

T = TypeVar("T")


class Records(Protocol):
    """What is read from: the cache, or one writer's view of it."""

    def get(self, key: str) -> Stored | None:
        """The record under a key."""
        ...

    def records(self) -> list[Stored]:
        """All records, in a list of their own."""
        ...

    def select(self, namespace: str | None, selector: LabelSelector) -> list[Stored]:
        """Those of a namespace, or of all, that match."""
        ...

    def by_index(self, index: str, value: str) -> list[Stored]:
        """Those that have this value in an index."""
        ...

    def __len__(self) -> int: ...

    def __contains__(self, key: object) -> bool: ...


def _none() -> str | None:
    """What goes without saying in an informer that is not on one namespace."""
    return None


def check_namespace(namespace: object) -> None:
    """Refuse what no namespace is called.

    Raises:
        InvalidOption: it is neither the name of one nor ``None``; ``""``, which client-go has for all of them, is neither.
    """
    if not (namespace is None or (isinstance(namespace, str) and namespace)):
        raise InvalidOption(f"namespace is one namespace, or None for all of them, not {namespace!r}")


def check_value(value: object) -> None:
    """Refuse what no index can have.

    Raises:
        InvalidOption: it is no string.
    """
    if not isinstance(value, str):
        raise InvalidOption(f"value is one of an index's, which are strings, not {value!r}")


class Lister(Generic[T]):
    """Reads of one informer's cache. Before the first sync it is empty."""

    def __init__(
        self,
        store: Records,
        view: Callable[[Stored], T],
        *,
        namespace: Callable[[], str | None] = _none,
        namespaced: bool = False,
    ) -> None:
        self._store = store
        self._view = view
        self._namespace = namespace
        self._namespaced = namespaced

    def get(self, name: str, namespace: str | None = None) -> T | None:
        """The object, or ``None``. ``name`` may also be a whole key, ``"namespace/name"``.

        In an informer on one namespace that namespace goes without saying. ``""`` is none, as in objects without one.

        Raises:
            InvalidOption: the resource is known to have namespaces, the informer is on all of them, and none is given; or what is
                given is no name, or a whole key and a namespace besides.
        """
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise InvalidOption(f"name is an object's name, or a key such as 'default/web', not {name!r}")
        if namespace is not None and not isinstance(namespace, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
            check_namespace(namespace)
        if "/" in name:
            if namespace:
                raise InvalidOption(f"{name!r} is a whole key: leave namespace={namespace!r} out")
        elif not namespace:
            namespace = self._namespace()
            if namespace is None and self._namespaced:
                raise InvalidOption(
                    f"which namespace's {name!r}? Give get(name, namespace), or a key such as 'default/{name}'"
                )
        record = self._store.get(f"{namespace}/{name}" if namespace else name)
        return None if record is None else self._view(record)

    def list(self, namespace: str | None = None, label_selector: SelectorLike = None) -> builtins.list[T]:
        """The objects of a namespace, or of all, that match a label selector; in no particular order.

        A namespace that the informer is not on has none, as far as can be told from here.

        Only those are looked at that are in the namespace, or in an index that the selector can do with, whichever are
        fewer: one by ``indexers.label(key)`` for ``key=value``, ``key==value`` and ``key in (…)``, one by
        ``indexers.label_key`` for every condition that only an object with the label can meet.

        Raises:
            InvalidSelector: the selector does not parse.
            InvalidOption: ``namespace`` is not the name of one.
        """
        check_namespace(namespace)
        selector = LabelSelector.parse(label_selector)
        return [self._view(record) for record in self._store.select(namespace, selector)]

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        """The objects that have this value in an index.

        Raises:
            InvalidOption: there is no such index, or ``value`` is no string, as all values are.
        """
        check_value(value)
        return [self._view(record) for record in self._store.by_index(index, value)]

    def namespace(self, namespace: str) -> NamespaceLister[T]:
        """The same reads, within one namespace. ``InvalidOption``: that is no name of one."""
        check_namespace(namespace)
        return NamespaceLister(self, namespace)

    def __iter__(self) -> Iterator[T]:
        return (self._view(record) for record in self._store.records())

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store

    def __repr__(self) -> str:
        return f"<Lister objects={len(self)}>"


class NamespaceLister(Generic[T]):
    """Reads of one namespace."""

    def __init__(self, lister: Lister[T], namespace: str) -> None:
        self._lister = lister
        self._namespace = namespace

    def get(self, name: str) -> T | None:
        """The object of this name, or ``None``."""
        return self._lister.get(name, self._namespace)

    def list(self, label_selector: SelectorLike = None) -> builtins.list[T]:
        """The objects that match a label selector; see ``Lister.list``."""
        return self._lister.list(self._namespace, label_selector)

    def __repr__(self) -> str:
        return f"<NamespaceLister {self._namespace}>"
