"""Faults: whom one concerns, how long it lasts, and which are in force.

What a fault does is told by its class, and done where it belongs: ``refusals`` answer instead of the server, ``conditions`` are asked
for by whatever they change (``link`` the bytes, ``view`` the store, ``routes`` the rest). ``verbs`` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.requests import Request
    from aioinformer.testing.statuses import GroupResource

__all__ = ["Fault", "Faults", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """Which requests are meant; ``None`` is any. ``number`` means a single one."""

    resource: GroupResource | None = None
    verb: str | None = None
    namespace: str | None = None
    version: str | None = None
    client: str | None = None
    number: int | None = None

    def covers(self, request: Request) -> bool:
        """Whether a request is one of them."""
        gvr = request.resource
        return (
            (self.resource is None or (gvr is not None and self.resource == (gvr.group, gvr.resource)))
            and (self.version is None or (gvr is not None and self.version == gvr.version))
            and (self.verb is None or self.verb == request.verb)
            and (self.namespace is None or self.namespace == request.namespace)
            and (self.client is None or self.client == request.client)
            and (self.number is None or self.number == request.number)
        )


@dataclass(eq=False)
class Fault:
    """A fault in force, until `heal`; as a context manager, until its block is left."""

    target: Target
    part: Target = field(default_factory=Target, init=False, repr=False)
    _healed: Callable[[Fault], None] | None = field(default=None, init=False, repr=False)

    @property
    def in_force(self) -> bool:
        """Whether it is neither healed nor used up."""
        return self._healed is not None

    def begin(self, part: Target, healed: Callable[[Fault], None]) -> None:
        """Take force, as made for some part of a server; ``healed`` is called once, when it ends."""
        self.part = part
        self._healed = healed

    def heal(self) -> None:
        """End the fault; what it held up goes on. Healing it again does nothing."""
        healed, self._healed = self._healed, None
        if healed is not None:
            healed(self)

    def covers(self, request: Request) -> bool:
        """Whether it concerns a request."""
        return self.target.covers(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()


F = TypeVar("F", bound=Fault)


class Faults:
    """The faults in force, in the order they were made; ``changed`` is called when one has begun or ended."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._faults: list[Fault] = []
        self._changed = changed

    def begin(self, fault: F, part: Target | None = None) -> F:
        """Put a fault in force, made for a part that may be more than its target."""
        fault.begin(part or fault.target, self._ended)
        self._faults.append(fault)
        self._changed()
        return fault

    def heal(self, part: Target | None = None) -> None:
        """Heal the faults that were made for just this part; without one, all. The latest goes first."""
        for fault in reversed(tuple(self._faults)):
            if part is None or fault.part == part:
                fault.heal()

    def of(self, kind: type[F]) -> list[F]:
        """Those of one kind."""
        return [fault for fault in self._faults if isinstance(fault, kind)]

    def concerning(self, request: Request, kind: type[F]) -> F | None:
        """The latest of a kind that concerns a request."""
        if not self._faults:
            return None
        return next((fault for fault in reversed(self.of(kind)) if fault.covers(request)), None)

    def _ended(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._changed()
