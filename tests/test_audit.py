"""audit.py: caches that are right and caches made wrong, over a scripted server in virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    Added,
    Deleted,
    KubeObject,
    Updated,
)
from aioinformer.audit import SLICE
from tests import corruption
from tests.audited import assert_right, findings, in_words, subscribed, told
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.store import Store

pytestmark = pytest.mark.looptime

CORRUPTIONS: list[tuple[Callable[[Store, str], None], str, str, list[str]]] = [
    (corruption.forget, "d/b", "missing", ["Added d/b"]),
    (corruption.lose, "d/b", "missing", ["Added d/b"]),
    (corruption.invent, "d/ghost", "surplus", ["Deleted d/ghost"]),
    (corruption.age, "d/b", "outdated", ["Updated d/b"]),
    (corruption.swap_uid, "d/b", "outdated", ["Deleted d/b", "Added d/b"]),
    (corruption.forge, "d/b", "damaged", ["Updated d/b"]),
    (corruption.truncate, "d/b", "damaged", ["Updated d/b"]),
    (corruption.mislabel, "d/b", "damaged", ["Updated d/b"]),
    (corruption.unindex, "d/b", "damaged", []),
    (corruption.misindex, "d/b", "damaged", []),
    (corruption.index_twice, "d/b", "damaged", []),
    (corruption.unname, "d/b", "damaged", []),
    (corruption.name_twice, "d/b", "damaged", []),
]
"""What is done to the cache, to which key, what a report calls it, and what subscribers hear of its repair."""


def by_name(pod: KubeObject) -> str:
    return pod.name


def content(store: Store) -> dict[str, tuple[str, str, dict[str, str], bytes]]:
    """What is cached, in whatever form: packing, which comes with time, changes nothing of it."""
    return {
        key: (record.uid, record.resource_version, record.labels, record.raw)
        for key, record in store._live.records.items()
    }


async def test_a_healthy_cache_costs_a_request_per_page_and_is_left_alone() -> None:
    """No event, no relist, and every record stays the very one it was."""
    server = PodServer("a", "b", "c", "d", "e")
    async with Mirroring(server, page_size=2, indexers={"name": by_name}) as informer:
        events = await subscribed(informer)
        records = {id(record) for record in informer._store.records()}
        server.metadata.listed = server.write_elsewhere
        report = await informer.audit()
        assert (report.clean, report.checked, report.repaired) == (True, 5, False)
        assert report.resource_version == "105"
        assert server.metadata.queries == [
            {"limit": "2"}, {"limit": "2", "continue": "2"}, {"limit": "2", "continue": "4"},
        ]  # fmt: skip
        assert (len(server.queries), events.pending, informer.status.restarts) == (1, 0, 0)
        assert {id(record) for record in informer._store.records()} == records
        assert informer.status.last_audit is report


async def test_an_empty_cache_of_an_empty_collection_is_healthy() -> None:
    """Nothing to compare is nothing wrong."""
    async with Mirroring(PodServer()) as informer:
        assert str(await informer.audit()) == "0 objects at version 100: all as cached"


@pytest.mark.parametrize(
    ("corrupt", "key", "finding", "heard"), CORRUPTIONS, ids=[row[0].__name__ for row in CORRUPTIONS]
)
async def test_what_is_wrong_is_named_and_repaired(
    corrupt: Callable[[Store, str], None], key: str, finding: str, heard: list[str]
) -> None:
    """One relist puts the cache right, and subscribers hear of just that."""
    server = PodServer("a", "b", "c")
    async with Mirroring(server, indexers={"name": by_name}) as informer:
        events = await subscribed(informer)
        corrupt(informer._store, key)
        report = await informer.audit()
        assert findings(report) == {finding: (key,)}
        assert (report.repaired, server.streams) == (True, 2)
        assert_right(informer, server)
        heard_of = await told(events)
        assert in_words(heard_of) == heard
        assert all(not event.final_state_known for event in heard_of if isinstance(event, Deleted))
        again = await informer.audit()
        assert (again.clean, server.streams, events.pending) == (True, 2, 0)


@pytest.mark.parametrize(("corrupt", "key", "finding", "heard"), CORRUPTIONS, ids=[r[0].__name__ for r in CORRUPTIONS])
async def test_without_repair_nothing_is_touched(
    corrupt: Callable[[Store, str], None], key: str, finding: str, heard: list[str]
) -> None:
    """It is reported, and that is all."""
    server = PodServer("a", "b", "c")
    async with Mirroring(server, indexers={"name": by_name}) as informer:
        events = await subscribed(informer)
        corrupt(informer._store, key)
        records = content(informer._store)
        report = await informer.audit(repair=False)
        await asyncio.sleep(10)
        assert (findings(report), report.repaired) == ({finding: (key,)}, False)
        assert content(informer._store) == records
        assert (server.streams, events.pending) == (1, 0)
        assert not informer._store.distrusts([key])


async def test_the_bytes_of_a_repaired_object_are_the_servers_again() -> None:
    """Though uid and version are the same, the update shows subscribers the right ones, with the wrong ones as old."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        events = await subscribed(informer)
        corruption.forge(informer._store, "d/a")
        await informer.audit()
        [update] = await told(events)
        assert isinstance(update, Updated)
        assert (update.object.to_dict(), update.old.to_dict()["metadata"]["name"]) == (server.pods["a"], "other")


async def test_many_wrongs_at_once() -> None:
    """Each is in its list, and one relist mends all."""
    server = PodServer(*"abcdefgh")
    async with Mirroring(server, indexers={"name": by_name}) as informer:
        events = await subscribed(informer)
        for corrupt, name in (
            (corruption.forget, "a"), (corruption.forget, "b"), (corruption.invent, "x"), (corruption.age, "c"),
            (corruption.forge, "d"), (corruption.misindex, "e"),
        ):  # fmt: skip
            corrupt(informer._store, f"d/{name}")
        report = await informer.audit()
        assert findings(report) == {
            "missing": ("d/a", "d/b"), "surplus": ("d/x",), "outdated": ("d/c",), "damaged": ("d/d", "d/e"),
        }  # fmt: skip
        assert_right(informer, server)
        assert server.streams == 2
        assert sorted(in_words(await told(events))) == [
            "Added d/a", "Added d/b", "Deleted d/x", "Updated d/c", "Updated d/d",
        ]  # fmt: skip


async def test_a_repair_tells_early_and_late_subscribers_what_each_needs() -> None:
    """One who joined after the corruption, and replayed it, ends up with the same state as one from before."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        early = await subscribed(informer)
        corruption.forget(informer._store, "d/a")
        corruption.invent(informer._store, "d/ghost")
        late = await subscribed(informer)
        await informer.audit()
        for events in (early, late):
            heard = await told(events)
            assert in_words(heard) == ["Deleted d/ghost", "Added d/a"]
            assert not any(event.initial for event in heard if isinstance(event, Added))


async def test_a_report_reads_well(caplog: pytest.LogCaptureFixture) -> None:
    """It names the first few keys of each kind; the informer logs it once, as a warning."""
    server = PodServer(*"abcdefg")
    async with Mirroring(server) as informer:
        for name in "abcdef":
            corruption.forget(informer._store, f"d/{name}")
        corruption.age(informer._store, "d/g")
        report = await informer.audit()
    line = "7 objects at version 107: 6 missing (d/a, d/b, d/c, d/d, d/e, ...), 1 outdated (d/g), repaired by a relist"
    assert str(report) == line
    assert [r.getMessage() for r in caplog.records] == [f"pods.v1: the audit found the cache wrong: {line}"]


async def test_a_lost_note_that_an_object_is_left_out_is_made_again_without_an_event() -> None:
    """The repair asks the transform once more."""
    server = PodServer("a", "b")
    async with Mirroring(server, transform=lambda d: d if d["metadata"]["name"] == "a" else None) as informer:
        events = await subscribed(informer)
        informer._store._live.left_out.clear()
        assert findings(await informer.audit()) == {"missing": ("d/b",)}
        assert (await informer.audit()).clean
        assert (events.pending, server.streams) == (0, 2)


async def test_a_note_of_an_older_version_is_outdated() -> None:
    """The event of a left-out object that was lost might have let it in."""
    server = PodServer("a", "b")
    async with Mirroring(
        server, transform=lambda d: d if d["metadata"]["name"] == "a" or "in" in d else None
    ) as informer:
        server.hold_back()
        server.put("b", **{"in": True})
        server._held = []  # lost
        server.bookmark()
        server.deliver()
        assert findings(await informer.audit()) == {"outdated": ("d/b",)}
        assert "d/b" in informer


async def test_a_damaged_object_that_cannot_be_had_any_more_is_still_settled() -> None:
    """The relist sets it aside instead; the audit does not wait for it for ever."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        corruption.forge(informer._store, "d/a")
        server.pods["a"]["metadata"]["labels"] = 7
        server.metadata.listed = lambda: server.pods["a"]["metadata"]
        async with asyncio.timeout(60):
            await informer.audit()
        assert informer._store._distrusted == frozenset()


async def test_a_key_that_is_listed_wrongly_in_two_places_is_one_finding() -> None:
    """However far apart these are."""
    server = PodServer(*(f"pod-{n}" for n in range(600)))
    async with Mirroring(server, indexers={"name": by_name}) as informer:
        corruption.name_twice(informer._store, "d/pod-7")
        corruption.index_twice(informer._store, "d/pod-7")
        corruption.index_twice(informer._store, "d/nowhere")
        report = await informer.audit()
        assert findings(report) == {"damaged": ("d/pod-7", "d/nowhere")}
        assert_right(informer, server)


async def test_no_step_looks_at_more_than_a_slice() -> None:
    """Tens of thousands of objects hold the loop no longer than a few do."""
    looked_at = 0

    def counting(pod: KubeObject) -> str:
        nonlocal looked_at
        looked_at += 1
        return pod.name

    server = PodServer(*(f"pod-{n}" for n in range(10 * SLICE)))
    async with Mirroring(server, indexers={"name": counting}) as informer:
        looked_at = 0
        audit = asyncio.create_task(informer.audit())
        seen = [0]
        while not audit.done():
            await asyncio.sleep(0)
            seen.append(looked_at)
        assert (await audit).clean
        assert seen[-1] == 10 * SLICE
        assert max(after - before for before, after in pairwise(seen)) <= SLICE


def picky(document: dict[str, Any]) -> dict[str, Any]:
    if "bad" in document:
        raise ValueError("bad pod")
    return document


def lose(server: PodServer, write: Callable[[], None]) -> None:
    """A write whose event never arrives, though a bookmark says that it did."""
    server.hold_back()
    write()
    server._held = []
    server.bookmark()
    server.deliver()


@pytest.mark.parametrize("good_before", [True, False])
async def test_the_lost_deletion_of_an_object_in_quarantine_is_noticed(*, good_before: bool) -> None:
    """With or without an earlier version in the cache: it leaves both."""
    server = PodServer("a", *(["b"] if good_before else []))
    async with Mirroring(server, transform=picky) as informer:
        events = await subscribed(informer)
        server.put("b", bad=True)
        await informer.wait_for_version(str(server.version))
        lose(server, lambda: server.delete("b"))
        assert findings(await informer.audit()) == {"surplus": ("d/b",)}
        assert not informer.quarantine
        assert in_words(await told(events)) == ["Deleted d/b"] * good_before
        assert (await informer.audit()).clean


async def test_the_lost_next_version_of_an_object_in_quarantine_gets_its_try() -> None:
    """It was good again; or it is bad still, and is set aside as what it is now."""
    server = PodServer("a")
    server.put("b", bad=True)
    server.put("c", bad=True)
    async with Mirroring(server, transform=picky) as informer:
        lose(server, lambda: server.put("b"))
        lose(server, lambda: server.put("c", bad=True))
        assert findings(await informer.audit()) == {"outdated": ("d/b", "d/c")}
        assert "d/b" in informer
        assert {key: q.resource_version for key, q in informer.quarantine.items()} == {"d/c": str(server.version)}
        assert ((await informer.audit()).clean, server.streams) == (True, 2)
