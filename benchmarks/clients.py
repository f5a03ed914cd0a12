"""The programs that are compared, each in a process of its own, pinned to one core, printing one JSON line per measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.servers import PEERS, ROOT, pinned

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLIENT_GO", "COLUMNS", "KUBE_RS", "OURS", "PYTHON_PEERS", "Client", "client_go", "python_peer"]

PYTHONS = ("3.11", "3.12", "3.13")
PRESENT = "3.13"
"""The Python that ours runs on beside the peers, which run on it, too."""
PATIENCE = 280.0
"""Seconds until a client counts as hung."""


@dataclass(frozen=True)
class Client:
    """A program: what it is called in the tables, and how it is started for a measure."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def start(self, *args: str | float) -> subprocess.Popen[str]:
        """The process, on the first core, with its output in pipes."""
        with pinned(0):
            return subprocess.Popen(  # noqa: S603  # ourselves, or what we built
                [*self.command, *map(str, args)],
                cwd=ROOT,
                env={**os.environ, "GOMAXPROCS": "1", **self.environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def finish(self, process: subprocess.Popen[str], seconds: float = PATIENCE) -> dict[str, Any]:
        """The line that it prints.

        Raises:
            RuntimeError: it failed, or did not end in time; with the end of what it said.
        """
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            raise RuntimeError(f"{self.name} did not end within {seconds:g} s: {errors[-1000:]}") from None
        if process.returncode or not output:
            raise RuntimeError(f"{self.name} failed: {errors[-1000:]}")
        line: dict[str, Any] = json.loads(output.splitlines()[-1])
        return line

    def run(self, *args: str | float) -> dict[str, Any]:
        """Start, and finish."""
        return self.finish(self.start(*args))


def _interpreter(version: str) -> str:
    """The one of an environment that `make bench-peers` made, or the one that runs this."""
    program = PEERS / f"aioinformer-{version}" / "bin" / "python"
    return str(program) if program.exists() else sys.executable


def _ours(name: str, version: str, **environment: str) -> Client:
    return Client(name, (_interpreter(version), "-m", "benchmarks.ours"), environment)


def client_go(mode: str, *, streamed: bool = False) -> Client:
    """client-go with typed protobuf, typed JSON, or dynamic; its measures are given the mode by ``args``."""
    names = {"protobuf": "typed protobuf", "json": "typed JSON", "dynamic": "dynamic"}
    gate = {"KUBE_FEATURE_WatchListClient": "true" if streamed else "false"}
    return Client(f"client-go {names[mode]}", (str(PEERS / "bin" / "client-go"), mode), gate)


def python_peer(name: str, title: str) -> Client:
    """Another Python client's watch."""
    program = PEERS / "python" / "bin" / "python"
    return Client(title, (str(program), str(ROOT / "benchmarks" / "peers" / "python" / "peers.py"), name))


OURS = _ours("aioinformer", PRESENT)
COLUMNS = (
    *(_ours(f"aioinformer, Python {version}", version) for version in PYTHONS),
    _ours(f"aioinformer, Python {PRESENT}, uvloop", PRESENT, UVLOOP="1"),
)
CLIENT_GO = client_go("protobuf")
KUBE_RS = Client("kube-rs", (str(PEERS / "kube-rs" / "release" / "kube-rs-peer"),))
PYTHON_PEERS = {
    "kubernetes_asyncio Watch": python_peer("kubernetes_asyncio", "kubernetes_asyncio Watch"),
    "kubernetes Watch": python_peer("kubernetes", "kubernetes Watch"),
    "kubernetes informer": python_peer("kubernetes-informer", "kubernetes informer"),
    "kr8s watch": python_peer("kr8s", "kr8s watch"),
    "lightkube watch": python_peer("lightkube", "lightkube watch"),
    "kopf on.event": python_peer("kopf", "kopf on.event"),
}
