"""One child process of a control plane, its output in a log file.

Built on `subprocess` rather than `asyncio.subprocess`: a control plane outlives the event loop of
the test that happened to start it, and may be stopped from another.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING

from aioinformer.testing.control_plane_binaries import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence
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

    def kill(self) -> None:
        """End it now (SIGKILL) and reap it. Synchronous, so that no cancellation gets in between."""
        if self._popen is not None and self.running:
            self._popen.kill()
            self._popen.wait()
