"""Whose turn it is: what many objects are to do is done in slices, one per turn of the loop, however many informers have some.

So a turn of the loop takes about as long as one slice, whether one informer syncs or a hundred: everything else on the
loop comes between any two slices. The line is a loop's own; factories that share a loop share it. It rotates over
lanes, one per informer, and over the tasks of a lane.

A grant is no lock. Nothing has to be given back, so whoever is cancelled, fails or goes away keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FEW", "SECONDS", "Lane", "clock_of"]

FEW = 8
"""Objects that are handled without waiting for a turn: what a quiet watch brings is not to stand behind a relist."""
SECONDS = 0.001
"""How long a slice should take; what is counted instead of timed is sized for that."""


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's ``time``, for who asks it for every event: without a call in between where it is the system's clock."""
    its_own = getattr(loop.time, "__func__", None) is not asyncio.BaseEventLoop.time
    return loop.time if its_own else monotonic


class Lane:
    """One informer's place in the line: of its tasks, however many wait, one has a slice per round."""

    __slots__ = ()

    async def turn(self, *, at_once: bool = True) -> float:
        """Wait until a slice of work may be done, which is then to be done without awaiting. Cancelling it leaves the line.

        Returns when it should end, by the loop's clock. It may be done at once if nobody else is at it, unless ``at_once``
        is false: whoever has done some already lets others run first.
        """
        loop = asyncio.get_running_loop()
        line = _lines.get(loop)
        if line is None:
            line = _lines[loop] = _Line()
        waiter = line.join(self, loop, at_once=at_once)
        if waiter is not None:
            await waiter
        return loop.time() + SECONDS


class _Line:
    """Who waits on one loop, by lane. While there are slices it ticks, once per turn of the loop."""

    __slots__ = ("_is_ticking", "_lanes")

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[asyncio.Future[None]]] = {}
        self._is_ticking = False

    def join(self, lane: Lane, loop: asyncio.AbstractEventLoop, *, at_once: bool) -> asyncio.Future[None] | None:
        """What to wait for; ``None`` if the slice of this turn of the loop is there to be had."""
        if not self._is_ticking:
            self._is_ticking = True
            loop.call_soon(self._tick)
            if at_once:
                return None
        waiter: asyncio.Future[None] = loop.create_future()
        self._lanes.setdefault(lane, deque()).append(waiter)
        return waiter

    def _tick(self) -> None:
        """The loop has made a turn: the next one's slice goes to whoever has waited longest of the lane that has."""
        waiter = self._next()
        self._is_ticking = waiter is not None
        if waiter is not None:
            waiter.set_result(None)
            waiter.get_loop().call_soon(self._tick)

    def _next(self) -> asyncio.Future[None] | None:
        while self._lanes:
            lane, waiting = next(iter(self._lanes.items()))
            del self._lanes[lane]
            while waiting:
                waiter = waiting.popleft()
                if not waiter.done():  # else it was cancelled
                    if waiting:
                        self._lanes[lane] = waiting
                    return waiter
        return None


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()
