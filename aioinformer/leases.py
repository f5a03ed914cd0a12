"""Informers that live as long as somebody uses them, and a little longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from aioinformer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.informer import Informer

__all__ = ["DEFAULT_LINGER", "Lease", "Leases", "check_linger"]

T = TypeVar("T")

DEFAULT_LINGER = 30.0
"""Seconds that an informer outlives its last user, so that the next one need not list everything anew."""


class _Tenancy:
    """The users of one informer: how many there are, and until when it stays without any."""

    __slots__ = ("informer", "timer", "until", "users")

    def __init__(self, informer: Informer[Any]) -> None:
        self.informer = informer
        self.users = 0
        self.until = 0.0
        self.timer: asyncio.TimerHandle | None = None

    def stay(self) -> None:
        """It is not to stop when it would have."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lease(Generic[T]):
    """One user's use of an informer, from entering to leaving; made by ``factory.lease()``, and entered once."""

    __slots__ = ("_leases", "_linger", "_state", "_take", "_tenancy")

    def __init__(self, leases: Leases, take: Callable[[], Informer[T]], linger: float) -> None:
        self._leases = leases
        self._take = take
        self._linger = linger
        self._tenancy: _Tenancy | None = None
        self._state: Literal["new", "in use", "over"] = "new"

    async def __aenter__(self) -> Informer[T]:
        if self._state != "new":
            raise RuntimeError("a lease is entered once: each use asks for its own, by factory.lease()")
        informer = self._take()
        self._state = "in use"
        self._tenancy = self._leases.enter(informer)
        return informer

    async def __aexit__(self, *_: object) -> None:
        self._state = "over"
        tenancy, self._tenancy = self._tenancy, None
        if tenancy is not None:
            self._leases.leave(tenancy, self._linger)

    def __repr__(self) -> str:
        return f"<Lease {self._state} linger={self._linger:g}>"


class Leases:
    """Which informers are there for their users' sake alone; ``stop`` is called with one whose time is over."""

    def __init__(self, stop: Callable[[Informer[Any]], None]) -> None:
        self._stop = stop
        self._tenancies: dict[int, _Tenancy] = {}

    def made(self, informer: Informer[Any]) -> None:
        """It has been made for a lease, and nobody has asked for it otherwise."""
        self._tenancies[id(informer)] = _Tenancy(informer)

    def keep(self, informer: Informer[Any]) -> None:
        """Somebody has asked for it who gives no sign when they are done: no lease stops it any more."""
        tenancy = self._tenancies.pop(id(informer), None)
        if tenancy is not None:
            tenancy.stay()

    def enter(self, informer: Informer[Any]) -> _Tenancy | None:
        """One user more; ``None`` if the informer is kept, whoever uses it."""
        tenancy = self._tenancies.get(id(informer))
        if tenancy is not None:
            tenancy.users += 1
            tenancy.stay()
        return tenancy

    def leave(self, tenancy: _Tenancy, linger: float) -> None:
        """One user less; after the last one the informer stays for as long as any of them wanted."""
        loop = asyncio.get_running_loop()
        tenancy.users -= 1
        tenancy.until = max(tenancy.until, loop.time() + linger)
        if not tenancy.users and self._tenancies.get(id(tenancy.informer)) is tenancy:
            tenancy.timer = loop.call_at(tenancy.until, self._over, tenancy)

    def end(self) -> None:
        """The factory ends, and all informers with it."""
        for tenancy in self._tenancies.values():
            tenancy.stay()
        self._tenancies.clear()

    def _over(self, tenancy: _Tenancy) -> None:
        del self._tenancies[id(tenancy.informer)]
        self._stop(tenancy.informer)


def check_linger(linger: float) -> None:
    """Refuse a time that is none.

    Raises:
        InvalidOption: it is not a number of seconds.
    """
    if type(linger) not in {int, float} or not 0 <= linger < float("inf"):
        raise InvalidOption(f"linger is a number of seconds, or 0 to stop at once, not {linger!r}")
