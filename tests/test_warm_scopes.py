"""warm.py, mirror.py and applier.py: a cache that starts from a file, in one namespace, and in another scope before or after."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from aioinformer import Informer, InformerError, InvalidOption, KubeObject, ServerError
from aioinformer.options import InformerSpec, namespace_scope
from aioinformer.warm import RESCOPED
from tests.audited import keys
from tests.pod_server import PODS, PodServer
from tests.test_warm import taken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.looptime


class World:
    """Pods in namespaces ``a`` and ``b``, those of ``a`` with a label, and a file of what was in ``a``."""

    def __init__(self, path: Path) -> None:
        self.a, self.b = PodServer("x", "y", namespace="a"), PodServer("x", namespace="b")
        self.labelled = PodServer(namespace="a")
        self.labelled.pods = {"x": self.a.pods["x"]}
        self.a.scopes = self.b.scopes = {("a", ""): self.a, ("b", ""): self.b, ("a", "l"): self.labelled}
        self.path = path

    @asynccontextmanager
    async def starting(self, **options: Any) -> AsyncGenerator[Informer[KubeObject]]:
        """An informer on ``a`` at work that need not be in sync yet."""
        informer: Informer[KubeObject] = Informer(InformerSpec(PODS, "a", **options).checked())
        async with anyio.create_task_group() as tasks:
            informer.start(tasks, self.a)
            yield informer
            tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def restored(self) -> AsyncGenerator[Informer[KubeObject]]:
        """One that starts from the file; ``z`` has come, and ``y`` has gone, since that was saved."""
        async with self.starting() as informer:
            await informer.wait_for_cache_sync()
            await informer.snapshot_to(self.path)
        self.a.put("z")
        self.a.delete("y")
        async with self.starting(restore_from=self.path) as informer:
            yield informer


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "cache")


async def read(informer: Informer[KubeObject]) -> None:
    """Return when the file has been read."""
    while informer.status.warm_start is None:  # noqa: ASYNC110  # turns of the loop, not time
        await asyncio.sleep(0)


def refused(informer: Informer[KubeObject]) -> str | None:
    warm = informer.status.warm_start
    return None if warm is None else warm.refused


async def test_one_namespace_is_restored_and_its_watch_resumes(world: World) -> None:
    async with world.restored() as informer:
        events = informer.events()
        await informer.wait_for_version(str(world.a.version))
        assert await taken(events) == ["+x (initial)", "+y (initial)", "synced 102", "+z", "-y"]
        assert (keys(informer), world.a.streams, refused(informer)) == ({"a/x", "a/z"}, 1, "")
        assert informer.resource_version == str(world.a.version)


async def test_another_scope_afterwards_is_like_after_any_start(world: World) -> None:
    """The watch of what stays goes on, and the versions of both namespaces are known."""
    async with world.restored() as informer:
        await informer.wait_for_version(str(world.a.version))
        asked = len(world.a.queries)
        await informer.rescope(namespaces=["a", "b"])
        assert (keys(informer), len(world.a.queries)) == ({"a/x", "a/z", "b/x"}, asked)
        assert {name: status.synced for name, status in informer.status.namespaces.items()} == {"a": True, "b": True}
        await informer.rescope(namespaces="b")
        assert (keys(informer), informer.resource_version) == ({"b/x"}, str(world.b.version))
        assert refused(informer) == ""


SCOPES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "one more": ({"namespaces": ["a", "b"]}, {"a/x", "a/z", "b/x"}),
    "another": ({"namespaces": "b"}, {"b/x"}),
    "other labels": ({"label_selector": "l"}, {"a/x"}),
}


@pytest.mark.parametrize("scope", SCOPES)
async def test_another_scope_before_it_is_visible_makes_the_start_cold(world: World, scope: str) -> None:
    """What was saved is of the former one: nobody is ever told of it, neither as there nor as gone."""
    options, expected = SCOPES[scope]
    async with world.restored() as informer:
        world.a.refusal = ServerError(503)
        events = informer.events()
        await read(informer)
        await asyncio.sleep(5)
        assert not informer.synced
        world.a.refusal = None
        await informer.rescope(**options)
        assert (keys(informer), refused(informer)) == (expected, RESCOPED)
        await asyncio.sleep(60)
        assert keys(informer) == expected
        seen = await taken(events)
        assert sorted(event.partition(" ")[0] for event in seen[:-1]) == sorted(f"+{key[2:]}" for key in expected)
        assert seen[-1].startswith("synced ")
        assert informer._store._shelved is None


async def test_so_it_does_while_a_watch_from_the_saved_version_has_begun(world: World) -> None:
    """What that watch still brings has nothing to stand on: it is dropped, and a list comes instead."""
    async with world.restored() as informer:
        await read(informer)
        while not world.a.watches:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        await informer.rescope(namespaces=["a", "b"])
        assert keys(informer) == {"a/x", "a/z", "b/x"}
        await asyncio.sleep(60)
        assert (keys(informer), informer.status.state) == ({"a/x", "a/z", "b/x"}, "live")


async def test_so_it_does_while_the_file_is_being_read(world: World) -> None:
    async with world.restored() as informer:
        while not informer._store._stagings:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        await informer.rescope(namespaces=["b", "a"])
        assert (keys(informer), refused(informer)) == ({"a/x", "a/z", "b/x"}, RESCOPED)
        assert (informer._store._shelved, world.a.streams, world.b.streams) == (None, 2, 1)


async def test_several_namespaces_are_neither_saved_nor_started_from(world: World) -> None:
    """They have no version in common."""
    with pytest.raises(InvalidOption, match="restore_from is for one namespace or for all"):
        InformerSpec(PODS, namespace_scope(["a", "b"]), restore_from=world.path).checked()
    async with world.starting() as informer:
        await informer.rescope(namespaces=["a", "b"])
        with pytest.raises(InvalidOption, match="snapshot_to is for one namespace or for all"):
            await informer.snapshot_to(world.path)


async def test_what_is_saved_is_of_the_scope_that_it_has_now(world: World) -> None:
    """Not while it shows the former one; and the file knows which it is."""
    async with world.starting() as informer:
        await informer.wait_for_cache_sync()
        world.b.refusal = ServerError(503)
        moving = asyncio.create_task(informer.rescope(namespaces="b"))
        await asyncio.sleep(1)
        with pytest.raises(InformerError, match="new scope"):
            await informer.snapshot_to(world.path)
        world.b.refusal = None
        await moving
        await informer.snapshot_to(world.path)
    async with world.starting(restore_from=world.path) as informer:
        await informer.wait_for_cache_sync()
        assert "another namespace" in (refused(informer) or "")
        assert keys(informer) == {"a/x", "a/y"}


async def test_a_journal_tells_of_each_namespace_its_own(world: World) -> None:
    """That another one was listed is nothing to a key, and what left the scope did not go while nobody watched."""
    async with world.starting() as informer:
        await informer.wait_for_cache_sync()
        await informer.rescope(namespaces=["a", "b"])
        assert [entry.what for entry in informer.explain("b/x").journal] == [
            "the cache was listed anew, 2 objects", "added", "namespace b was listed anew, 3 objects in the cache",
        ]  # fmt: skip
        assert "the server has no such object" in informer.explain("b/none").reason
        assert f"at version {world.b.version}" in informer.explain("b/none").reason
        assert informer.explain("c/x").reason == "outside this informer's namespaces, a, b"
        await informer.rescope(namespaces="a")
        assert [entry.what for entry in informer.explain("b/x").journal][-1] == "removed: out of scope"
        assert informer.explain("b/x").reason == "outside this informer's namespace, a"


async def test_what_a_namespace_holds_that_has_not_come_yet_is_not_known(world: World) -> None:
    """The others being in sync says nothing of it."""
    async with world.starting() as informer:
        await informer.wait_for_cache_sync()
        world.b.refusal = ServerError(503)
        moving = asyncio.create_task(informer.rescope(namespaces=["a", "b"]))
        await asyncio.sleep(1)
        assert informer.explain("b/x").reason.startswith("not known yet: ")
        assert "the server has no such object" in informer.explain("a/none").reason
        world.b.refusal = None
        await moving
