"""The first state: whole or not at all, whatever happens while it arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import Added, Deleted, SharedInformerFactory, Synced
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import Answer, Middleman, bookmark, ends_snapshot, error, refusal
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aioinformer import Informer, KubeObject


def names(informer: Informer[KubeObject]) -> list[str]:
    """The cached objects, without the one that marks the end."""
    return sorted(o.name for o in informer if o.name != "zz-last")


async def test_a_healthy_start_is_one_request(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """The stream that brings the snapshot goes on as the watch."""
    await cluster.create(CONFIGMAPS, "before")
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["stream"]


async def test_nothing_is_visible_before_a_streamed_snapshot_is_whole(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """All initial objects have come, but not the word that they are all: reads are empty, and nobody hears of any."""
    await cluster.create_many(CONFIGMAPS, ["a", "b"])
    middleman.keeps = ends_snapshot
    informer = through.core.v1.configmaps
    events = informer.events()
    await middleman.changed.until(lambda: bool(middleman.kept))
    await cluster.request("GET", "/version")  # time enough for what was passed on to be read
    assert (len(informer), informer.synced, events.pending) == (0, False, 0)
    await (await middleman.watch()).release()
    await informer.wait_for_cache_sync(PATIENCE)
    assert names(informer) == ["a", "b"]


async def test_nothing_is_visible_before_the_last_page(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Of two pages the first is there: reads are empty until both are."""
    await cluster.create_many(CONFIGMAPS, ["a", "b"])
    informer = through.informer("configmaps", initial_list="consistent", page_size=1, namespace=cluster.namespace)
    events = informer.events()
    seen: list[int] = []

    def look(body: bytes) -> bytes:
        seen.append(len(informer) + events.pending)
        return body

    middleman.edit = look
    await informer.wait_for_cache_sync(PATIENCE)
    assert seen[:2] == [0, 0]
    assert names(informer) == ["a", "b"]
    assert middleman.kinds[:2] == ["list", "page"]


async def test_a_bookmark_that_says_false_is_not_the_end(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """Only the annotation's "true" ends the initial events."""
    await cluster.create(CONFIGMAPS, "a")
    middleman.keeps = ends_snapshot
    informer = through.core.v1.configmaps
    stream = await middleman.watch()
    await middleman.changed.until(lambda: bool(middleman.kept))
    await stream.send(bookmark("1", ends="false"))
    await cluster.request("GET", "/version")
    assert not informer.synced
    await stream.release()
    await informer.wait_for_cache_sync(PATIENCE)
    assert names(informer) == ["a"]


async def test_changes_before_the_end_fold_into_the_snapshot(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """MODIFIED and DELETED among the initial events: one Added for what is left, in its last state, and nothing else."""
    await cluster.create_many(CONFIGMAPS, ["changes", "goes"])
    middleman.keeps = ends_snapshot
    informer = through.core.v1.configmaps
    events = informer.events()
    stream = await middleman.watch()
    await middleman.changed.until(lambda: bool(middleman.kept))
    await cluster.patch(CONFIGMAPS, "changes", data={"a": "2"})
    await cluster.delete(CONFIGMAPS, "goes")
    await middleman.changed.until(lambda: b'"DELETED"' in b"".join(middleman.passed))
    await stream.release()
    async with asyncio.timeout(PATIENCE):
        added, synced = await anext(events), await anext(events)
    assert isinstance(added, Added)
    assert (added.object.name, added.object["data"]) == ("changes", {"a": "2"})
    assert isinstance(synced, Synced)
    await assert_mirrors(informer, cluster)


async def test_a_break_before_the_end_starts_clean(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """What had arrived is dropped: an object that is gone by the second try is never seen."""
    await cluster.create_many(CONFIGMAPS, ["stays", "goes"])
    middleman.keeps = ends_snapshot
    informer = through.core.v1.configmaps
    events = informer.events()
    stream = await middleman.watch()
    await middleman.changed.until(lambda: bool(middleman.kept))
    await cluster.delete(CONFIGMAPS, "goes")
    middleman.keeps = lambda _: False
    await stream.cut()
    async with asyncio.timeout(PATIENCE):
        added, synced = await anext(events), await anext(events)
    assert isinstance(added, Added)
    assert added.object.name == "stays"
    assert isinstance(synced, Synced)
    assert middleman.kinds == ["stream", "stream"]
    await assert_mirrors(informer, cluster)


UNKNOWN = {"sendInitialEvents": None, "resourceVersionMatch": None, "allowWatchBookmarks": None}
"""Without these a server does what one does that has never heard of them."""
REFUSALS: dict[str, Mapping[str, str | None] | Answer] = {
    "422": {"resourceVersionMatch": "Exact"},
    "400": refusal(400, "BadRequest"),
    "405": refusal(405, "MethodNotAllowed"),
    "415": refusal(415, "UnsupportedMediaType"),
    "ignored, and ends": {**UNKNOWN, "timeoutSeconds": "1"},
    "ends before the bookmark": Answer(200),
    "HTML": Answer(200, b"<html>", content_type="text/html"),
}


@pytest.mark.parametrize("refused", REFUSALS)
async def test_a_server_that_cannot_stream_is_asked_for_pages_and_not_to_stream_again(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, refused: str
) -> None:
    """Refused in any way, or ignored: pages bring the snapshot, now and when it has to be fetched anew."""
    await cluster.create(CONFIGMAPS, "a")
    trouble = REFUSALS[refused]
    if isinstance(trouble, Answer):
        middleman.answer("stream", trouble)
    else:
        middleman.rewrite("stream", trouble)
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["stream", "list", "watch"]
    await (await middleman.watch()).send(error(410, "Expired"))
    await middleman.requests(5)
    assert middleman.kinds == ["stream", "list", "watch", "list", "watch"]
    await assert_mirrors(informer, cluster)


async def test_a_server_that_only_ever_sends_plain_bookmarks_is_asked_for_pages(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """It does not know of initial events, and the stream does not end either."""
    middleman.rewrite("stream", UNKNOWN)
    informer = through.core.v1.configmaps
    stream = await middleman.watch()
    await stream.send(*[bookmark(str(version)) for version in (1, 2, 3)])
    await informer.wait_for_cache_sync(PATIENCE)
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["stream", "list", "watch"]


async def test_an_object_that_came_and_went_while_away_is_seen_as_a_pair_or_not_at_all(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """A watch that resumes tells of both its ends, a new snapshot of neither."""
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    for name, anew in (("resumed", False), ("anew", True)):
        watch = await middleman.watch()
        middleman.keeps = lambda _: True
        await cluster.create(CONFIGMAPS, "brief")
        await cluster.delete(CONFIGMAPS, "brief")
        middleman.keeps = lambda _: False
        await (watch.send(error(410, "Expired")) if anew else watch.cut())
        await cluster.create(CONFIGMAPS, name)
        await informer.wait_for(f"{cluster.namespace}/{name}", PATIENCE)
    async with asyncio.timeout(PATIENCE):
        told = [await anext(events) for _ in range(4)]
    assert [(type(each), each.object.name) for each in told if isinstance(each, Added | Deleted)] == [
        (Added, "brief"), (Deleted, "brief"), (Added, "resumed"), (Added, "anew"),
    ]  # fmt: skip
    assert events.pending == 0


async def test_a_relist_tells_only_of_what_differs(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """What vanished meanwhile comes as Deleted with its last known state; of what is unchanged nobody hears."""
    await cluster.create(CONFIGMAPS, "unchanged")
    await cluster.create(CONFIGMAPS, "goes", data={"last": "known"})
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    watch = await middleman.watch()
    middleman.keeps = lambda _: True
    await cluster.delete(CONFIGMAPS, "goes")
    middleman.keeps = lambda _: False
    await watch.send(error(410, "Expired"))
    async with asyncio.timeout(PATIENCE):
        deleted = await anext(events)
    assert isinstance(deleted, Deleted)
    assert (deleted.final_state_known, deleted.object["data"]) == (False, {"last": "known"})
    await assert_mirrors(informer, cluster)
    added: Any = await anext(events)
    assert (added.object.name, events.pending) == ("zz-last", 0)
