"""Which informers a factory has: one for each resource, scope and selectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aioinformer.asking import check_conflict
from aioinformer.errors import InformerConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aioinformer.informer import Informer
    from aioinformer.options import InformerSpec

__all__ = ["Registry"]


class Registry:
    """Informers by what identifies them, in the order they were asked for. A closed one is forgotten."""

    def __init__(self) -> None:
        self._informers: dict[tuple[object, ...], Informer[Any]] = {}
        self._specs: dict[tuple[object, ...], InformerSpec] = {}

    @property
    def all(self) -> tuple[tuple[Informer[Any], InformerSpec], ...]:
        """Each, with what was asked for."""
        return tuple((informer, self._specs[identity]) for identity, informer in self._informers.items())

    def __contains__(self, informer: object) -> bool:
        return any(informer is known for known in self._informers.values())

    def __len__(self) -> int:
        return len(self._informers)

    def find(self, spec: InformerSpec, options: Mapping[str, Any]) -> Informer[Any] | None:
        """The one there is, if it runs or will.

        Raises:
            InformerConflict: it has other options.
        """
        known = self._informers.get(spec.identity)
        if known is None or known.is_stopped:
            return None
        check_conflict(self._specs[spec.identity], spec, options)
        return known

    def add(self, informer: Informer[Any], spec: InformerSpec) -> None:
        """A new one, in the place of any that a defect has stopped."""
        self._informers[spec.identity] = informer
        self._specs[spec.identity] = spec

    def forget(self, informer: Informer[Any]) -> None:
        """It is closed; nothing if it is not known."""
        identity = next((identity for identity, known in self._informers.items() if known is informer), None)
        if identity is not None:
            del self._informers[identity], self._specs[identity]

    def move(self, informer: Informer[Any], spec: InformerSpec) -> None:
        """It is about to be in another scope: whoever asks for that one gets it from now on.

        Raises:
            InformerConflict: there is one in that scope.
        """
        former = next(identity for identity, known in self._informers.items() if known is informer)
        taken = self._informers.get(spec.identity)
        if taken is not None and not taken.is_stopped:
            raise InformerConflict(f"there is an informer on {spec} already: ask the factory for that one instead")
        self._informers = {
            spec.identity if identity == former else identity: known
            for identity, known in self._informers.items()
            if known is not taken
        }
        del self._specs[former]
        self._specs[spec.identity] = spec
