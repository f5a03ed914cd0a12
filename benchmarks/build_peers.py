"""Builds and installs what the comparison runs, outside the checkout: Go and Rust programs, and Python environments.

Needs Go 1.26, cargo, and a Python for each column that is wanted; what is missing is said and left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.clients import PRESENT, PYTHONS
from benchmarks.servers import PEERS, ROOT

SOURCES = ROOT / "benchmarks" / "peers"


def run(*command: str | Path, within: Path = ROOT) -> None:
    """Run it, and say so."""
    print("+", *command, flush=True)
    subprocess.run(list(map(str, command)), cwd=within, check=True)  # noqa: S603  # fixed commands


def go() -> None:
    """client-go's informers, and the server that speaks protobuf."""
    (PEERS / "bin").mkdir(parents=True, exist_ok=True)
    run("go", "build", "-o", f"{PEERS / 'bin'}{os.sep}", "./client-go", "./replay", within=SOURCES)


def rust() -> None:
    """kube-rs's watcher and reflector."""
    run("cargo", "build", "--release", "--locked", "--target-dir", PEERS / "kube-rs", within=SOURCES / "kube-rs")


def python_peers() -> None:
    """The other Python clients, in an environment of their own."""
    environment = PEERS / "python"
    if (interpreter := _interpreter(PRESENT)) and not environment.exists():
        run(interpreter, "-m", "venv", environment)
    run(environment / "bin" / "pip", "install", "--quiet", "--requirement", SOURCES / "python" / "requirements.txt")


def columns() -> None:
    """The library itself under each Python that is here, with uvloop beside."""
    for version in PYTHONS:
        environment = PEERS / f"aioinformer-{version}"
        if interpreter := _interpreter(version):
            if not environment.exists():
                run(interpreter, "-m", "venv", environment)
            run(environment / "bin" / "pip", "install", "--quiet", "--editable", ROOT, "uvloop")
        else:
            print(f"no Python {version} on the PATH or under pyenv: its column is measured with {sys.executable}")


def _interpreter(version: str) -> str | None:
    """One of that version: by name, or as pyenv keeps it."""
    if found := shutil.which(f"python{version}"):
        usable = subprocess.run([found, "-c", ""], capture_output=True, check=False)  # noqa: S603  # found above
        if usable.returncode == 0:
            return found
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(kept[-1]) if kept else None


if __name__ == "__main__":
    for step in (go, rust, python_peers, columns):
        step()
