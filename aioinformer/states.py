"""An informer's states as they change."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from aioinformer.status import InformerState

if TYPE_CHECKING:
    from typing import Self

    from aioinformer.bell import Bell

__all__ = ["StateChanges", "Stateful"]


class Stateful(Protocol):
    """Something whose state changes when it rings, or when time has passed."""

    bell: Bell

    @property
    def state(self) -> InformerState:
        """The state as of now."""
        ...

    @property
    def stale_at(self) -> float | None:
        """When, by the loop's clock, it turns stale without a ring; ``None`` when it would not."""
        ...


class StateChanges:
    """Made by ``informer.states()``: the present state, then each new one; ``STOPPED`` is the last.

    Between two steps it holds nothing, so it can simply be dropped. Cancelling a pending step loses nothing.
    """

    def __init__(self, of: Stateful) -> None:
        self._of = of
        self._told: InformerState | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> InformerState:
        if self._told is InformerState.STOPPED:
            raise StopAsyncIteration
        while self._of.state is self._told:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._of.stale_at):
                    await self._of.bell.until(self._changed)
        self._told = self._of.state
        return self._told

    def __repr__(self) -> str:
        return f"<StateChanges {self._told or 'not begun'}>"

    def _changed(self) -> bool:
        return self._of.state is not self._told
