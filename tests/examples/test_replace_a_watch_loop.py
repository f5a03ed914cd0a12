from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aioinformer.testing import ApiServer
    from tests.examples.conftest import RunExample


def create_pod(server: ApiServer, name: str) -> None:
    server.create("pods", {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "none"}]}})


@pytest.mark.parametrize(
    ("which", "caught_up", "changed"), [("before", [], "MODIFIED"), ("after", ["caught up with 1"], "UPDATED")]
)
async def test_both_keep_the_pods_while_the_connection_holds(
    server: ApiServer, run_example: RunExample, which: str, caught_up: list[str], changed: str
) -> None:
    create_pod(server, "first")
    async with run_example("replace_a_watch_loop.py", which) as program:
        assert await program.line() == "ADDED default/first of 1"
        for line in caught_up:
            assert await program.line() == line
        create_pod(server, "second")
        assert await program.line() == "ADDED default/second of 2"
        server.patch("pods", "second", {"metadata": {"labels": {"tier": "web"}}})
        assert await program.line() == f"{changed} default/second of 2"
        server.delete("pods", "first")
        assert await program.line() == "DELETED default/first of 1"


async def test_a_broken_connection_ends_the_watch_loop(server: ApiServer, run_example: RunExample) -> None:
    create_pod(server, "first")
    async with run_example("replace_a_watch_loop.py", "before") as program:
        assert await program.line() == "ADDED default/first of 1"
        server.on("pods").cut()
        assert await program.process.wait() == 1


async def test_the_informer_tells_what_was_deleted_while_it_was_away(
    server: ApiServer, run_example: RunExample
) -> None:
    create_pod(server, "first")
    create_pod(server, "second")
    async with run_example("replace_a_watch_loop.py", "after") as program:
        lines = [await program.line() for _ in range(3)]
        assert lines == ["ADDED default/first of 2", "ADDED default/second of 2", "caught up with 2"]
        server.on("pods").cut()
        server.delete("pods", "first")
        server.compact()  # the version it knows is forgotten: a watch loop would be answered 410
        assert await program.line() == "DELETED default/first of 1"
