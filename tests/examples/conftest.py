"""What the tests of the examples share: an API server, the example as a module, and the example as a process."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 30.0
"""Seconds until a process that says nothing fails its test."""


class Program:
    """A running example, and what it prints."""

    def __init__(self, process: Process, output: asyncio.StreamReader) -> None:
        self.process = process
        self.output = output

    async def line(self) -> str:
        """The next line; empty when it has ended."""
        return (await self.output.readline()).decode().rstrip()


class RunExample(Protocol):
    def __call__(self, *command: str, **environment: str) -> AbstractAsyncContextManager[Program]: ...


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
def load_example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import an example as a fresh module."""

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def run_example(server: ApiServer, tmp_path: Path) -> RunExample:
    """Run ``python command...`` in the folder of the examples, on the server's kubeconfig; leaving terminates it."""
    kubeconfig = tmp_path / "kubeconfig"
    server.write_kubeconfig(kubeconfig)

    @asynccontextmanager
    async def run(*command: str, **environment: str) -> AsyncIterator[Program]:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1", **environment}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=EXAMPLES,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                yield Program(process, process.stdout)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()

    return run
