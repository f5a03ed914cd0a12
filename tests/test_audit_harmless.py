"""audit.py: what only looks wrong: left out, set aside, odd, or still under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.audit import CATCH_UP, UNCOMPARABLE
from aioinformer.quarantine import Quarantined
from tests import corruption
from tests.audited import assert_left_alone, findings, keys
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


pytestmark = pytest.mark.looptime


def only(names: Collection[str]) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """A transform that leaves all others out."""
    return lambda document: document if document["metadata"]["name"] in names else None


def add(server: PodServer) -> None:
    server.put("new")


def update(server: PodServer) -> None:
    server.put("a")


def remove(server: PodServer) -> None:
    server.delete("a")


def replace(server: PodServer) -> None:
    server.delete("a")
    server.put("a")


def remove_undecodably(server: PodServer) -> None:
    server.pods["a"]["metadata"]["labels"] = 7
    server.delete("a")


CHANGES = [add, update, remove, replace, remove_undecodably]


async def test_what_a_transform_leaves_out_is_not_missing() -> None:
    """Not when it came with the snapshot, nor as an event, nor when it was left out only later."""
    wanted = ["a", "c"]
    server = PodServer("a", "b", "c")
    async with Mirroring(server, transform=only(wanted)) as informer:
        server.put("d")
        wanted.remove("c")
        server.put("c")
        await informer.wait_for_version(str(server.version))
        assert [pod.key for pod in informer] == ["d/a"]
        report = await informer.audit()
        assert (report.clean, report.checked, server.streams) == (True, 4, 1)


async def test_quarantined_objects_are_no_findings() -> None:
    """They are known to be missing or old, and as long as they stay as they are a relist would not mend them."""

    def picky(document: dict[str, Any]) -> dict[str, Any]:
        if "bad" in document:
            raise ValueError("bad pod")
        return document

    server = PodServer("a", "b")
    server.put("c", bad=True)
    async with Mirroring(server, transform=picky) as informer:
        server.put("b", bad=True)
        await informer.wait_for_version(str(server.version))
        assert set(informer.quarantine) == {"d/b", "d/c"}
        assert (await informer.audit()).clean
        assert server.streams == 1


async def test_objects_whose_metadata_cannot_be_decoded_are_counted_and_no_findings() -> None:
    """The list says as little of them as the watch did."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        server.put("b", metadata={"labels": 7})
        server.put("c", metadata={"labels": 7})
        await informer.wait_for_version(str(server.version))
        report = await informer.audit()
        assert (report.clean, report.checked, set(informer.quarantine)) == (True, 3, {"d/b", "d/c"})


async def test_an_object_set_aside_without_a_word_on_who_it_is_is_no_finding() -> None:
    """Nested too deep to find its metadata, on the watch; on the list of metadata it is an object like any other."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.put("b")
        await informer.wait_for_version(str(server.version))
        key, version = "d/b", informer._store.records()[1].resource_version
        informer._store._remove(key)
        informer._store._set_aside(Quarantined(key, version, ValueError("too deep")))
        assert (await informer.audit()).clean
        assert server.streams == 1


async def test_what_is_set_aside_during_an_audit_is_no_finding() -> None:
    """The list still has the version before, which can be read."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        server.metadata.seconds = 1.0
        server.metadata.listed = lambda: server.put("b", metadata={"labels": 7})
        assert ((await informer.audit()).clean, server.streams) == (True, 1)


async def test_an_object_that_cannot_be_read_on_the_list_is_not_surplus() -> None:
    """The event that says so is still under way; the cache has the version before."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.hold_back()
        server.put("a", metadata={"labels": 7})
        report = await informer.audit()
        assert (report.clean, report.checked) == (True, 1)
        server.deliver()
        await informer.wait_for_version(str(server.version))
        assert (set(informer.quarantine), keys(informer)) == ({"d/a"}, {"d/a"})


@pytest.mark.parametrize(
    "oddity",
    [
        {"annotations": {"size": 3}},
        {"creationTimestamp": "yesterday"},
        {"generation": 1.5},
        {"ownerReferences": [{"kind": "Job", "name": "j", "uid": "u", "controller": None}]},
        {"managedFields": "none"},
    ],
    ids=lambda oddity: next(iter(oddity)),
)
async def test_an_object_that_the_cache_took_in_is_not_damaged(oddity: dict[str, Any]) -> None:
    """What is odd beyond identity and labels is between the server and the reader; the audit would find it for ever."""
    server = PodServer()
    server.put("a", metadata=oddity)
    async with Mirroring(server) as informer:
        assert "d/a" in informer
        assert findings(await informer.audit()) == {}


async def test_what_a_transform_makes_of_the_metadata_is_not_damage() -> None:
    """It may write what no API server would, but for identity."""

    def count(document: dict[str, Any]) -> dict[str, Any]:
        document["metadata"]["annotations"] = {"containers": 3}
        return document

    async with Mirroring(PodServer("a"), transform=count) as informer:
        assert findings(await informer.audit()) == {}


@pytest.mark.parametrize("change", CHANGES)
async def test_events_that_were_under_way_are_no_findings(change: Callable[[PodServer], None]) -> None:
    """The server's list is ahead of the watch; the audit waits until the cache is there."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        server.hold_back()
        change(server)
        audit = asyncio.create_task(informer.audit())
        await asyncio.sleep(30)
        assert not audit.done()
        server.deliver()
        assert (await audit).clean
        assert keys(informer) == {f"d/{name}" for name in server.pods}
        assert_left_alone(informer, server)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_what_changes_after_the_list_is_no_finding(change: Callable[[PodServer], None], seconds: float) -> None:
    """The cache is ahead of the list: before its body has arrived, or while the audit compares."""
    server = PodServer("a", "b")
    server.metadata.seconds = seconds
    async with Mirroring(server) as informer:
        server.metadata.listed = lambda: change(server)
        assert (await informer.audit()).clean
        await asyncio.sleep(1)
        assert keys(informer) == {f"d/{name}" for name in server.pods}
        assert_left_alone(informer, server)


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_while_something_else_settles_is_no_finding(change: Callable[[PodServer], None]) -> None:
    """The second look takes place after a while, in which more may have happened."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        server.hold_back()
        server.put("b")
        audit = asyncio.create_task(informer.audit())
        await asyncio.sleep(20)
        change(server)
        server.deliver()
        assert (await audit).clean
        assert keys(informer) == {f"d/{name}" for name in server.pods}
        assert_left_alone(informer, server)


async def test_wrong_objects_that_change_meanwhile_are_left_to_their_event() -> None:
    """An object that the watch has just brought anew is as right as can be."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        corruption.age(informer._store, "d/a")
        corruption.forget(informer._store, "d/b")

        def rewrite() -> None:
            server.put("a")
            server.put("b")

        server.metadata.listed = rewrite
        assert (await informer.audit()).clean
        assert [pod.to_dict() for pod in informer] == [server.pods["a"], server.pods["b"]]
        assert_left_alone(informer, server)


async def test_a_cache_that_is_behind_the_list_is_judged_when_a_bookmark_has_brought_it_there() -> None:
    """Writes to other resources move the list's version on; a quiet watch learns of that once a minute."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        corruption.forget(informer._store, "d/a")
        server.write_elsewhere()
        audit = asyncio.create_task(informer.audit())
        await asyncio.sleep(60)
        assert not audit.done()
        server.bookmark()
        await asyncio.sleep(0.1)
        assert (await audit).missing == ("d/a",)
        assert keys(informer) == {"d/a"}


async def test_a_healthy_cache_that_is_behind_the_list_needs_no_waiting() -> None:
    """Where nothing differs there is nothing to settle."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.write_elsewhere()
        begun = asyncio.get_running_loop().time()
        assert (await informer.audit()).clean
        assert asyncio.get_running_loop().time() == begun


async def test_a_cache_that_does_not_get_to_the_lists_version_is_judged_as_it_is() -> None:
    """A watch that brings neither events nor bookmarks is what audits are for."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.hold_back()
        server.put("lost")
        begun = asyncio.get_running_loop().time()
        report = await informer.audit()
        assert report.missing == ("d/lost",)
        assert asyncio.get_running_loop().time() - begun == CATCH_UP
        assert keys(informer) == {"d/a", "d/lost"}


async def test_versions_that_do_not_compare_are_given_some_seconds() -> None:
    """An aggregated API may have versions of its own kind; what arrives within that time is no finding."""
    server = PodServer("a")
    server.metadata.version = "2f"
    async with Mirroring(server) as informer:
        server.hold_back()
        server.put("b")
        loop = asyncio.get_running_loop()
        loop.call_later(UNCOMPARABLE - 1, server.deliver)
        assert (await informer.audit()).clean
        corruption.forget(informer._store, "d/a")
        begun = loop.time()
        assert (await informer.audit()).missing == ("d/a",)
        assert loop.time() - begun == UNCOMPARABLE
