"""`VirtualTimeLoop`: an event loop on which hours pass in milliseconds, sockets included.

Its rules:

- Time stands still while anything is runnable, and while a socket has something to say.
- When nothing is, time jumps to the next timer.
- While a thread of an executor or a child process of this loop is at work, time passes as it does outside.
- What can never end is an error that says who waits, and where.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from asyncio import BaseTransport, Future, SubprocessTransport, Task
    from collections.abc import Callable
    from concurrent.futures import Executor
    from types import FrameType
    from typing import TypeVarTuple, Unpack

    Arguments = TypeVarTuple("Arguments")
    Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]
    Poll: TypeAlias = Callable[[float | None], Events]

__all__ = ["Deadlock", "VirtualTimeLoop"]

T = TypeVar("T")

QUIET = 0.0003
PATIENCE = 5.0
LIMIT = 7 * 24 * 3600.0


class Deadlock(RuntimeError):
    """Every task waits for something that cannot come; says which tasks, and where they wait."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual and starts at 0.

    Anything that takes time from its loop can run on it unchanged: ``asyncio``, ``anyio``, ``aiohttp`` as a client and as a
    server, this library and its `ApiServer`. Give it to ``asyncio.Runner(loop_factory=VirtualTimeLoop)``, to ``anyio.run`` or
    anyio's pytest plugin as ``{"loop_factory": VirtualTimeLoop}``, or to pytest-asyncio by its hook
    ``pytest_asyncio_loop_factories``.

    Two things it does not see: threads that neither ``run_in_executor`` nor ``asyncio.to_thread`` started (anyio's, for one),
    and whatever answers over a socket from another process. Raise ``quiet`` above the time these take to answer.

    Args:
        quiet: seconds of real time without I/O before time jumps; loopback needs next to none.
        patience: seconds of real time to wait for I/O when there is not even a timer to jump to.
        limit: seconds of virtual time (a week) after which a test counts as hanging; a task that does something every minute
            keeps a loop going for ever, whoever else waits.

    Raises:
        Deadlock: out of ``run_until_complete``, when ``patience`` or ``limit`` is over.
    """

    _clock_resolution: float

    def __init__(self, *, quiet: float = QUIET, patience: float = PATIENCE, limit: float = LIMIT) -> None:
        self._now = 0.0
        self._quiet = quiet
        self._patience = patience
        self._limit = limit
        self._threads = 0
        self._processes: WeakSet[SubprocessTransport] = WeakSet()
        super().__init__(_Selector(self._wait))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Arguments]], T], *args: *Arguments
    ) -> Future[T]:
        """Run a function in a thread, during which time passes as it does outside."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the threads, in real time."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._threads -= 1

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """Start a child process, until whose end time passes as it does outside."""
        return self._followed(await super().subprocess_exec(*args, **kwargs))

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        """Start a shell, until whose end time passes as it does outside."""
        return self._followed(await super().subprocess_shell(*args, **kwargs))

    def _thread_done(self, _: Future[Any]) -> None:
        self._threads -= 1

    def _followed(
        self, started: tuple[SubprocessTransport, BaseTransport]
    ) -> tuple[SubprocessTransport, BaseTransport]:
        self._processes.add(started[0])
        return started

    @property
    def _is_awaited_outside(self) -> bool:
        return self._threads > 0 or any(process.get_returncode() is None for process in self._processes)

    def _wait(self, poll: Poll, timeout: float | None) -> Events:
        """What the selector does instead of sleeping until the next timer, which is due in ``timeout`` seconds."""
        events = poll(0)
        if events or timeout == 0:
            return events
        if self._is_awaited_outside:
            return self._sleep(poll, timeout)
        if timeout is None:
            events = poll(self._patience)
            if not events:
                raise Deadlock(f"no timer is set, and no I/O came for {self._patience:g} s; {self._explain()}")
            return events
        if self._quiet:
            time.sleep(self._quiet)
        return poll(0) or self._jump()

    def _sleep(self, poll: Poll, timeout: float | None) -> Events:
        began = time.monotonic()
        events = poll(timeout)
        elapsed = time.monotonic() - began
        self._now += elapsed if timeout is None else min(elapsed, timeout)
        return events

    def _jump(self) -> Events:
        """Go to the next timer.

        To the very float: asyncio runs a timer a nanosecond early, and whoever then finds that would set it again, for ever.
        """
        self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
        self._clock_resolution = max(
            self._clock_resolution, math.ulp(self._now)
        )  # else no timer is due after half a year
        if self._now > self._limit:
            raise Deadlock(f"it is still going after {self._limit:g} s of virtual time; {self._explain()}")
        return []

    def _explain(self) -> str:
        tasks = sorted(f"{task.get_name()} ({_place(task)})" for task in asyncio.all_tasks(self))
        return f"pending tasks: {', '.join(tasks) or 'none'}"


class _Selector(selectors.DefaultSelector):
    """A selector that lets somebody else decide how long to wait."""

    def __init__(self, wait: Callable[[Poll, float | None], Events]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> Events:
        return self._wait(super().select, timeout)


def _place(task: Task[Any]) -> str:
    """Where a suspended task waits: the innermost line outside asyncio."""
    place = "not started"
    waits_in: Any = task.get_coro()
    while waits_in is not None:
        frame: FrameType | None = getattr(waits_in, "cr_frame", None) or getattr(waits_in, "gi_frame", None)
        if frame is not None and not frame.f_globals.get("__name__", "").startswith("asyncio."):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        waits_in = getattr(waits_in, "cr_await", None) or getattr(waits_in, "gi_yieldfrom", None)
    return place
