"""The pages of docs/: whatever Python stands on them runs, in their order, against the embedded API server."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import SharedInformerFactory
from aioinformer.testing import ApiServer
from tests.docs.pages import DOCS, SHOWN, Block, blocks, fences

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE = 60.0
BOOKMARKS = 1.0
"""Seconds between them: real servers take a minute, which a page may have to wait for."""
OWN_TEST = {"testing.md"}
"""Its blocks are files of a project, which test_testing_page.py runs."""
PAGES = {
    path.relative_to(DOCS).as_posix(): [*blocks(path.read_text())]
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).as_posix() not in OWN_TEST
}


class Program:
    """A program of a page, running as a reader would run it."""

    def __init__(self, process: Process, output: asyncio.StreamReader) -> None:
        self.process = process
        self._output = output

    async def line(self) -> str:
        """The next line it prints."""
        return (await self._output.readline()).decode().rstrip()

    async def address(self) -> str:
        """Where it says that it listens."""
        async for line in self._output:
            if found := re.search(rb"running on (http://\S+)", line):
                return found[1].decode()
        raise EOFError("it ended before it listened")


class Stage:
    """What the blocks of a page find: an API server, and the means to run the page's files."""

    def __init__(self, server: ApiServer, directory: Path) -> None:
        self.server = server
        self.directory = directory
        server.write_kubeconfig(directory / "kubeconfig")

    def write(self, block: Block) -> None:
        """A block with a title is a file."""
        (self.directory / block.title).write_text(block.text)

    @asynccontextmanager
    async def run(self, *command: str) -> AsyncIterator[Program]:
        """``python command...`` beside the page's files, on the server's kubeconfig; leaving ends it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=self.directory,
            env={**os.environ, "KUBECONFIG": str(self.directory / "kubeconfig"), "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            yield Program(process, process.stdout)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.mark.parametrize(
    "name", [name for name, parts in PAGES.items() if any(p.language in {"python", "test"} for p in parts)]
)
async def test_its_python_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``server``, ``client`` and ``factory`` as the pages speak of them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    async with (
        asyncio.timeout(PATIENCE),
        ApiServer(bookmark_interval=BOOKMARKS) as server,
        server.api_client() as client,
    ):
        stage = Stage(server, tmp_path)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        async with SharedInformerFactory(client) as factory:
            names: dict[str, Any] = {"__name__": "page", "server": server, "client": client, "factory": factory}
            names["run"] = stage.run
            for block in PAGES[name]:
                if block.title:
                    stage.write(block)
                elif block.language in {"python", "test"}:
                    await block.run(name, names)


@pytest.mark.parametrize("name", PAGES)
def test_every_fence_is_run_or_there_to_be_read(name: str) -> None:
    """No block slips through because its fence is written otherwise."""
    parts = [block for block in PAGES[name] if block.language != "test"]
    assert [block.line for block in parts if block.language not in SHOWN | {"python"}] == []
    assert 2 * len(parts) == fences((DOCS / name).read_text())


@pytest.mark.parametrize("name", PAGES)
def test_every_file_of_a_page_is_run_by_it(name: str) -> None:
    """A block with a title is only written down; some test between the blocks runs it."""
    tests = "".join(block.text for block in PAGES[name] if block.language == "test")
    titles = [block.title.removesuffix(".py") for block in PAGES[name] if block.title]
    assert [title for title in titles if title not in tests] == []
