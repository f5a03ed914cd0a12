"""A bound on each of many waits, where a timer for each would cost more than what is waited for."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from aioinformer.errors import IdleTimeout

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Patience"]


class Patience:
    """Entered around many waits, it ends the one that takes too long; a wait costs it a look at the clock.

    Its one timer is set when there is none, and looks at what is due when it fires.
    """

    __slots__ = ("_loop", "_seconds", "_timeout", "_timer", "_until")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._seconds = 0.0
        self._until = inf

    def begin(self, seconds: float) -> None:
        """A wait begins, of so many seconds at most."""
        self._seconds = seconds
        self._until = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set()

    def end(self) -> None:
        """It was not too long."""
        self._until = inf
        if self._timeout.when() is not None:  # it was about to be found so
            self._timeout.reschedule(None)

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._until <= self._loop.time():
            self._timeout.reschedule(self._until)
        elif self._until < inf:
            self._set()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise ``IdleTimeout`` if a wait was too long."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise IdleTimeout(
                f"nothing came for {self._seconds:.0f} s where something should have: the connection is probably dead"
            ) from None
