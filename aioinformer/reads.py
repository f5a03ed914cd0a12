"""The reads of an informer: by key, by selector and by index, synchronous and from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aioinformer.errors import InvalidOption
from aioinformer.functions import is_function
from aioinformer.lister import Lister, check_value
from aioinformer.shapes import index_function

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator

    from aioinformer.resource import APIResource
    from aioinformer.selectors import SelectorLike
    from aioinformer.shapes import Indexer
    from aioinformer.store import Store

__all__ = ["Reads"]

T = TypeVar("T")


class Reads(Generic[T]):
    """What an informer's cache can be asked. Before the first sync it is empty."""

    def __init__(
        self,
        store: Store,
        view: Callable[[Any], T],
        *,
        namespace: Callable[[], str | None],
        builtin: APIResource | None,
    ) -> None:
        self._store = store
        self._view = view
        namespaced = builtin is not None and builtin.namespaced
        self.lister: Lister[T] = Lister(store, view, namespace=namespace, namespaced=namespaced)
        """The same reads as an object of their own, to hand to code that only reads."""

    def get(self, name: str, namespace: str | None = None) -> T | None:
        """The object, or ``None``; ``name`` may be a whole key; see ``Lister.get``."""
        return self.lister.get(name, namespace)

    def list(self, namespace: str | None = None, label_selector: SelectorLike = None) -> builtins.list[T]:
        """The objects of a namespace, or of all, that match a label selector; see ``Lister.list``."""
        return self.lister.list(namespace, label_selector)

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        """The objects that have this value in an index; see ``Lister.by_index``."""
        return self.lister.by_index(index, value)

    def index_keys(self, index: str, value: str) -> builtins.list[str]:
        """The keys of the objects that have this value in an index. ``InvalidOption``: there is no such index, or value."""
        check_value(value)
        return self._store.index_keys(index, value)

    def index_values(self, index: str) -> builtins.list[str]:
        """The values that some object has in an index. ``InvalidOption``: there is no such index."""
        return self._store.index_values(index)

    def add_indexer(self, name: str, indexer: Indexer) -> None:
        """Index all objects by a further function, now and from now on.

        What the function raises for an object that is there passes through, and nothing is added. Takes microseconds
        per cached object, at once.

        Raises:
            InvalidOption: there is an index of this name, or what was given is no function.
        """
        if not is_function(indexer):
            raise InvalidOption(f"indexer is a function of an object, or one of aioinformer.indexers, not {indexer!r}")
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise InvalidOption(f"name is what by_index calls the index, not {name!r}")
        self._store.add_indexer(name, index_function(indexer, self._view))

    def remove_indexer(self, name: str) -> None:
        """Forget an index, whoever asked for it: from now on reads by it raise ``InvalidOption``, and its memory is free.

        Takes a fraction of a microsecond per cached object, at once.

        Raises:
            InvalidOption: there is no index of this name.
        """
        self._store.remove_indexer(name)

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store

    def __iter__(self) -> Iterator[T]:
        return iter(self.lister)
