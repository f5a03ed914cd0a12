"""The child processes of a control plane, each with its output in a log file.

Built on `subprocess` rather than `asyncio.subprocess`: a control plane outlives the event loop of
the test that happened to start it, and may be stopped from another.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aioinformer.testing.control_plane_binaries import ControlPlaneError
from aioinformer.testing.control_plane_requests import FAILURES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.02
_TAIL_BYTES = 64 * 1024


class PortTakenError(ControlPlaneError):
    """A process died because another one listens on its port: worth another try."""


class ControlPlaneProcess:
    """A named child process that can be started again after it ended."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._popen: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        state = f"pid {self._popen.pid}" if self._popen is not None and self.running else "not running"
        return f"<{type(self).__name__} {self.name}: {state}>"

    @property
    def running(self) -> bool:
        """Whether the process exists; reaps it when it has just ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._popen.pid if self._popen is not None and self.running else None

    def start(self) -> None:
        """Spawn it; a second run appends to the same log. Raises `ControlPlaneError` if that fails."""
        if self.running:
            raise ControlPlaneError(f"{self.name} is running already")
        try:
            with self.log.open("ab") as log:
                self._popen = subprocess.Popen(  # noqa: S603  paths from find_binaries, no shell
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
        except OSError as error:
            raise ControlPlaneError(f"{self.name} could not be started: {error}") from error

    def check_running(self) -> None:
        """Raise `ControlPlaneError` with the exit status and the end of the log if it has died."""
        if self.running:
            return
        status = self._popen.returncode if self._popen is not None else "never started"
        tail = self.log_tail()
        kind = PortTakenError if "address already in use" in tail else ControlPlaneError
        raise kind(f"{self.name} died (exit status {status}). Its log ends:\n{tail}")

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of its output, or a note that there are none."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(text.splitlines()[-lines:]) or "(empty)"

    def terminate(self) -> None:
        """Ask it to end (SIGTERM where there is one) and return at once; harmless when it has ended."""
        if self._popen is not None and self.running:
            self._popen.terminate()

    async def ended(self, deadline: float) -> bool:
        """Wait until it has ended or until ``deadline`` on `time.monotonic`; say which."""
        while self.running:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    @contextmanager
    def paused(self) -> Generator[None]:
        """Suspend it (SIGSTOP) while the context lasts: its sockets stay open, and nothing comes out of them."""
        self.check_running()
        assert self._popen is not None  # noqa: S101  # it runs
        self._popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it now (SIGKILL) and reap it. Synchronous, so that no cancellation gets in between."""
        if self._popen is not None and self.running:
            self._popen.kill()
            self._popen.wait()


class ProcessGroup:
    """The processes of one control plane by name, in the order in which they were first started.

    ``start_timeout``: seconds until one that is not ready counts as failed.
    """

    def __init__(self, start_timeout: float) -> None:
        self._start_timeout = start_timeout
        self._processes: dict[str, ControlPlaneProcess] = {}
        self._probes: dict[str, Callable[[], Awaitable[None]]] = {}

    def __getitem__(self, name: str) -> ControlPlaneProcess:
        try:
            return self._processes[name]
        except KeyError:
            raise ControlPlaneError(f"this control plane has no {name} running") from None

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        return {name: process.pid for name, process in self._processes.items() if process.pid is not None}

    async def launch(self, process: ControlPlaneProcess, ready: Callable[[], Awaitable[None]]) -> None:
        """Start a process and return once ``ready`` does not raise one of `FAILURES` any more.

        Raises `ControlPlaneError`, with the end of its log, if it dies or is not ready in time.
        """
        self._processes[process.name], self._probes[process.name] = process, ready
        process.start()
        await self.until_ready(process.name)

    async def restart(self, name: str) -> None:
        """Kill a process if it runs and start it with the same command; returns when it is ready.

        Cancelling leaves it starting or dead; calling again is safe. Raises `ControlPlaneError`.
        """
        deadline = time.monotonic() + self._start_timeout
        process = self[name]
        while True:
            process.kill()
            process.start()
            try:
                await self.until_ready(name, deadline)
            except PortTakenError:
                # A client that hammers the port can be given it as its own source port.
                if time.monotonic() >= deadline:
                    raise
            else:
                return

    def check_running(self) -> None:
        """Raise `ControlPlaneError` if one of them has died."""
        for process in self._processes.values():
            process.check_running()

    async def stop(self, seconds: float) -> None:
        """End all of them: SIGTERM, and SIGKILL after so many seconds in all. Cancelling cuts the wait short only."""
        processes = list(self._processes.values())
        deadline = time.monotonic() + seconds
        try:
            # Last started first: each waits for its clients' connections, the API server for etcd.
            for process in reversed(processes):
                process.terminate()
                await process.ended(deadline)
        finally:
            for process in processes:
                process.kill()
            self._processes.clear()
            self._probes.clear()

    async def until_ready(self, name: str, deadline: float | None = None) -> None:
        """Return when its probe passes; raises as ``launch`` does. ``deadline`` is on `time.monotonic`."""
        process = self[name]
        deadline = deadline or time.monotonic() + self._start_timeout
        while True:
            try:
                await self._probes[process.name]()
            except FAILURES as error:
                problem = error
            else:
                return
            process.check_running()
            if time.monotonic() >= deadline:
                raise ControlPlaneError(
                    f"{process.name} was not ready after {self._start_timeout:g} s ({problem!r}). "
                    f"Its log ends:\n{process.log_tail()}"
                )
            await asyncio.sleep(_POLL_SECONDS)
