"""Starting a replay server: the one in Python that is always there, or the one in Go that makes a million pods as it goes.

Both are told the same and send the same bytes. The one in Go, which ``make bench-peers`` builds, also speaks protobuf.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.drawing import GROUPS
from benchmarks.pods import changed_template, template

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CORES", "PEERS", "ROOT", "Recording", "compiled_server", "pin", "pinned", "replay", "snapshot_version"]

ROOT = Path(__file__).parent.parent
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aioinformer" / "peers"
"""Where what is compiled or installed for a comparison is kept: outside the checkout."""
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


class Recording(msgspec.Struct, frozen=True):
    """What is replayed: how many pods, of 7 kB or (``small``) 1 kB, and how many events that modify them in turn."""

    pods: int
    events: int = 0
    small: bool = False
    snapshots: int = 1
    """How many lists there are: the second is like the first, in the third every object has changed."""


def snapshot_version(snapshot: int) -> int:
    """The resource version of a snapshot's list."""
    return 2_000_000 * (snapshot + 1)


def pin(core: int) -> None:
    """Keep this process to one core (0 for what is measured, -1 for the server), where there are two to choose from."""
    if sys.platform == "linux" and len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[core]})


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """As ``pin`` for the processes that are started meanwhile, with all their threads."""
    before = os.sched_getaffinity(0) if CORES else set[int]()
    pin(core)
    try:
        yield
    finally:
        if CORES:
            os.sched_setaffinity(0, before)


def compiled_server() -> Path | None:
    """The server in Go, if it has been built."""
    program = PEERS / "bin" / "replay"
    return program if program.exists() else None


@contextmanager
def replay(recording: Recording, *, program: Path | None = None) -> Iterator[str]:
    """The base URL of a server that replays this, in a process of its own, once it is ready.

    Args:
        recording: what it replays.
        program: the server in Go, as ``compiled_server`` finds it; ``None`` for the one in Python.
    """
    command = [str(program)] if program else [sys.executable, "-m", "benchmarks.replay"]
    command.append(msgspec.json.encode(recording).decode())
    with pinned(-1):
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # ourselves
    with process:
        try:
            assert process.stdin is not None  # noqa: S101  # asked for above
            assert process.stdout is not None  # noqa: S101  # asked for above
            if program:
                process.stdin.write(_templates(small=recording.small))
            process.stdin.close()
            port = process.stdout.readline().decode().strip()
            if not port:
                raise RuntimeError("the replay server did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _templates(*, small: bool) -> bytes:
    groups = range(GROUPS)
    return msgspec.json.encode(
        {
            "first": [template(group, small=small) for group in groups],
            "modified": [changed_template(group, small=small) for group in groups],
        }
    )
