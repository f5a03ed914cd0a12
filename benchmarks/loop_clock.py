"""Who holds the event loop, and for how long: a ticker that notices, and a stopwatch on every callback that names.

The ticker is what a user's own tasks would feel; on a busy machine it also feels the neighbours. The stopwatch counts
CPU time, which neighbours cannot stretch, and knows the task: so a hold is the loop's own, and somebody's.
"""

from __future__ import annotations

import asyncio
import gc
import linecache
from asyncio.events import Handle
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

import aioinformer
from aioinformer import turns

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hold", "LoopClock"]

OURS = (Path(aioinformer.__file__).parent, Path(__file__).parent)
TICK = 0.001
NAMED = 0.0005
"""Seconds from which a hold is worth a name."""


@dataclass(frozen=True)
class Hold:
    """One callback: its CPU seconds, the seconds of garbage collection within, and whose it was."""

    seconds: float
    collecting: float
    name: str

    def __str__(self) -> str:
        collecting = f" ({self.collecting * 1000:.1f} of it garbage collection)" if self.collecting > NAMED else ""
        return f"{self.seconds * 1000:.1f} ms{collecting} {self.name}"


@dataclass
class LoopClock:
    """What happened on the loop since ``reset``."""

    late: list[float] = field(default_factory=list)
    """Seconds by which each tick came late."""
    holds: list[Hold] = field(default_factory=list)
    _collecting: float = 0.0
    _collection_began: float = 0.0

    def reset(self) -> None:
        """Forget."""
        self.late.clear()
        self.holds.clear()

    @property
    def longest(self) -> list[Hold]:
        """The three longest holds, of those that have a name."""
        return sorted(self.holds, key=lambda hold: -hold.seconds)[:3]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tick, and time every callback of every loop, for as long as the context lasts. Enter it in a running loop."""
        ticker = asyncio.get_running_loop().create_task(self._tick())
        original = Handle._run  # noqa: SLF001  # there is no other place where all callbacks come by
        Handle._run = self._timed(original)  # type: ignore[method-assign]  # noqa: SLF001  # as above
        gc.callbacks.append(self._collection)
        try:
            yield
        finally:
            gc.callbacks.remove(self._collection)
            Handle._run = original  # type: ignore[method-assign]  # noqa: SLF001  # as above
            ticker.cancel()

    async def _tick(self) -> None:
        while True:
            due = perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.late.append(perf_counter() - due)

    def _timed(self, run: Any) -> Any:
        def timed(handle: Any) -> None:
            task = getattr(handle._callback, "__self__", None)  # noqa: SLF001  # as asyncio's own slow-callback log does
            before = _where(task) if isinstance(task, asyncio.Task) else repr(handle._callback)  # noqa: SLF001  # as above
            self._collecting, began = 0.0, thread_time()
            run(handle)
            seconds = thread_time() - began
            if seconds >= NAMED:
                after = f" to {_where(task)}" if isinstance(task, asyncio.Task) else ""
                self.holds.append(Hold(seconds, self._collecting, before + after))

        return timed

    def _collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = thread_time()
        else:
            self._collecting += thread_time() - self._collection_began


def _where(task: asyncio.Task[Any]) -> str:
    """The innermost line of the library, or of the benchmark, at which the task stands."""
    coroutine: Any = task.get_coro()
    place = f"end of {coroutine.__qualname__}"
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        code = frame.f_code
        if Path(code.co_filename).parent in OURS and code.co_filename != turns.__file__:  # who waits there is the name
            line = linecache.getline(code.co_filename, frame.f_lineno).strip()
            place = f"{Path(code.co_filename).stem}.{code.co_name}:{frame.f_lineno} `{line}`"
        coroutine = coroutine.cr_await
    return place
