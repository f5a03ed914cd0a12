"""One watch by itself: where it starts, what it sends, how it ends. Time is virtual."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing import ApiServerError, Cluster
from aioinformer.testing.conditions import BookmarksDropped, Spoilt, Stale
from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.options import ListOptions
from aioinformer.testing.rendering import Rendering
from aioinformer.testing.requests import parse_request
from aioinformer.testing.view import View
from aioinformer.testing.watching import Watch, WatchScope, WatchTiming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.looptime

STREAMING = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


class Sink:
    """Takes chunks, and tells their events; can be held up."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()
        self._got = asyncio.Event()

    async def send(self, chunk: bytes) -> None:
        await self.open.wait()
        self.chunks.append(chunk)
        self._got.set()

    @property
    def events(self) -> list[tuple[str, str]]:
        lines = b"".join(self.chunks).splitlines()
        return [_brief(json.loads(line)) for line in lines]

    async def has(self, count: int) -> list[tuple[str, str]]:
        while len(self.events) < count:
            self._got.clear()
            await self._got.wait()
        return self.events


def _brief(event: dict[str, Any]) -> tuple[str, str]:
    metadata = event["object"]["metadata"]
    return event["type"], metadata.get("name") or metadata.get("resourceVersion") or str(event["object"]["code"])


def make_watch(
    cluster: Cluster, faults: Faults | None = None, /, *, namespace: str | None = None, labels: str = "", **query: str
) -> Watch:
    options = ListOptions.parse({"watch": "1", **query})
    served = cluster.catalog.find("pods")
    scope = WatchScope(served.group_resource, namespace, cluster.selection(served, labels), Rendering.whole(served))
    timing = WatchTiming(60, options.timeout_seconds or 1800)
    request = parse_request("GET", "/api/v1/pods", {})
    view = View(cluster.store, faults or Faults(lambda: None), request)
    return Watch(view, scope, options, request=request, timing=timing)


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[Sink]:
    sink = Sink()
    task = asyncio.create_task(watch.run(sink.send))
    yield sink
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    watch.close()


async def finished(watch: Watch) -> Sink:
    sink = Sink()
    await watch.run(sink.send)
    watch.close()
    return sink


@pytest.fixture
def cluster(pod: Callable[..., dict[str, Any]]) -> Cluster:
    cluster = Cluster()
    cluster.create("pods", pod("a", labels={"x": "1"}))
    cluster.create("pods", pod("b"))
    return cluster


async def test_from_a_version_every_later_change_and_no_earlier_one(cluster: Cluster) -> None:
    version = cluster.resource_version
    cluster.create("pods", {"metadata": {"name": "c"}})
    async with running(make_watch(cluster, resourceVersion=version)) as sink:
        assert await sink.has(1) == [("ADDED", "c")]
        cluster.patch("pods", "a", {"spec": {"nodeName": "n"}})
        cluster.delete("pods", "c")
        assert (await sink.has(3))[1:] == [("MODIFIED", "a"), ("DELETED", "c")]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_from_no_version_the_present_objects_come_as_added(cluster: Cluster, query: dict[str, str]) -> None:
    async with running(make_watch(cluster, **query)) as sink:
        assert await sink.has(2) == [("ADDED", "a"), ("ADDED", "b")]
        cluster.delete("pods", "a")
        assert (await sink.has(3))[2] == ("DELETED", "a")


async def test_streamed_state_ends_with_a_marked_bookmark_at_its_version(cluster: Cluster) -> None:
    async with running(make_watch(cluster, **STREAMING)) as sink:
        assert await sink.has(3) == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", cluster.resource_version)]
        mark = json.loads(sink.chunks[-1])["object"]["metadata"]
        assert mark["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_streamed_state_is_of_one_moment_and_what_comes_later_follows_it(cluster: Cluster) -> None:
    watch = make_watch(cluster, **STREAMING)
    version = cluster.resource_version
    cluster.delete("pods", "a")
    cluster.create("pods", {"metadata": {"name": "c"}})
    async with running(watch) as sink:
        expected = [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", version), ("DELETED", "a"), ("ADDED", "c")]
        assert await sink.has(5) == expected


async def test_with_initial_events_declined_only_what_comes_later(cluster: Cluster) -> None:
    async with running(make_watch(cluster, sendInitialEvents="false", resourceVersionMatch="NotOlderThan")) as sink:
        cluster.delete("pods", "a")
        assert await sink.has(1) == [("DELETED", "a")]


async def test_from_a_version_to_come_nothing_before_it(cluster: Cluster) -> None:
    async with running(make_watch(cluster, resourceVersion=str(cluster.store.revision + 1))) as sink:
        cluster.delete("pods", "a")
        cluster.delete("pods", "b")
        assert await sink.has(1) == [("DELETED", "b")]


async def test_a_namespace_s_watch_sees_that_one_only(cluster: Cluster) -> None:
    async with running(make_watch(cluster, namespace="other")) as sink:
        cluster.delete("pods", "a")
        cluster.create("pods", {"metadata": {"name": "c", "namespace": "other"}})
        assert await sink.has(1) == [("ADDED", "c")]


async def test_entering_and_leaving_the_selection(cluster: Cluster) -> None:
    async with running(make_watch(cluster, labels="x=1")) as sink:
        assert await sink.has(1) == [("ADDED", "a")]
        cluster.patch("pods", "b", {"metadata": {"labels": {"x": "1"}}})
        cluster.patch("pods", "a", {"metadata": {"labels": {"x": "2"}}})
        assert (await sink.has(3))[1:] == [("ADDED", "b"), ("DELETED", "a")]


async def test_from_a_compacted_version_the_only_event_is_410(cluster: Cluster) -> None:
    version = cluster.resource_version
    cluster.compact()
    cluster.delete("pods", "a")
    sink = await finished(make_watch(cluster, resourceVersion=version))
    body = json.loads(sink.chunks[0])["object"]
    assert sink.events == [("ERROR", "410")]
    assert (body["reason"], body["message"]) == ("Expired", f"too old resource version: {version} ({int(version) + 1})")


async def test_an_open_watch_survives_compaction(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    cluster.delete("pods", "a")
    cluster.compact()
    async with running(watch) as sink:
        assert await sink.has(1) == [("DELETED", "a")]


async def test_bookmarks_come_at_their_interval_and_two_seconds_before_the_end(cluster: Cluster) -> None:
    loop = asyncio.get_running_loop()
    started, times = loop.time(), list[float]()

    async def send(_: bytes) -> None:
        times.append(loop.time() - started)

    watch = make_watch(
        cluster, resourceVersion=cluster.resource_version, allowWatchBookmarks="true", timeoutSeconds="130"
    )
    await watch.run(send)
    assert times == pytest.approx([60, 120, 128], abs=0.1)
    assert loop.time() - started == pytest.approx(130, abs=0.1)


async def test_without_leave_there_are_no_bookmarks(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version, timeoutSeconds="300")
    watch.send_bookmark()
    assert (await finished(watch)).events == []


async def test_a_bookmark_never_overtakes_a_change(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version, allowWatchBookmarks="true")
    cluster.delete("pods", "a")
    watch.send_bookmark()
    async with running(watch) as sink:
        assert await sink.has(2) == [("DELETED", "a"), ("BOOKMARK", cluster.resource_version)]


async def test_a_bookmark_tells_of_writes_to_other_resources(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version, allowWatchBookmarks="true")
    cluster.create("nodes", {"metadata": {"name": "n"}})
    watch.send_bookmark()
    async with running(watch) as sink:
        assert await sink.has(1) == [("BOOKMARK", cluster.resource_version)]


async def test_ending_sends_what_is_pending_first(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    cluster.delete("pods", "a")
    watch.end()
    assert (await finished(watch)).events == [("DELETED", "a")]


async def test_failing_ends_with_the_error(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    cluster.delete("pods", "a")
    watch.fail(ApiServerError(500))
    assert (await finished(watch)).events == [("DELETED", "a"), ("ERROR", "500")]


async def test_time_is_up_even_for_a_client_that_does_not_read(cluster: Cluster) -> None:
    watch = make_watch(cluster, timeoutSeconds="5")
    sink = Sink()
    sink.open.clear()
    async with asyncio.timeout(6):
        await watch.run(sink.send)
    watch.close()
    assert sink.chunks == []


async def test_a_time_out_of_the_caller_s_is_not_swallowed(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await watch.run(Sink().send)
    watch.close()


async def test_many_objects_come_in_chunks_and_none_is_lost(cluster: Cluster) -> None:
    for number in range(600):
        cluster.create("pods", {"metadata": {"name": f"p{number:03}"}})
    watch = make_watch(cluster, **STREAMING)
    for number in range(600):
        cluster.delete("pods", f"p{number:03}")
    watch.end()
    sink = await finished(watch)
    kinds = [kind for kind, _ in sink.events]
    assert (kinds.count("ADDED"), kinds.count("DELETED"), kinds.count("BOOKMARK")) == (602, 600, 1)
    assert 4 < len(sink.chunks) < 20


async def test_ending_in_mid_line_sends_half_of_the_first_event_pending(cluster: Cluster) -> None:
    query = {"resourceVersion": cluster.resource_version}
    cluster.delete("pods", "a")
    cluster.delete("pods", "b")
    whole, halved = make_watch(cluster, **query), make_watch(cluster, **query)
    whole.end()
    halved.end(mid_line=True)
    line = b"".join((await finished(whole)).chunks).splitlines(keepends=True)[0]
    assert (await finished(halved)).chunks == [line[: len(line) // 2]]


async def test_with_nothing_pending_it_is_half_a_bookmark(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    watch.end(mid_line=True)
    (chunk,) = (await finished(watch)).chunks
    assert chunk.startswith(b'{"type":"BOOKMARK"')
    assert b"\n" not in chunk


async def test_a_state_that_is_being_sent_is_broken_off_too(cluster: Cluster) -> None:
    for number in range(600):
        cluster.create("pods", {"metadata": {"name": f"p{number:03}"}})
    watch = make_watch(cluster, **STREAMING)
    async with running(watch) as sink:
        await sink.has(1)
        watch.break_off()
        await asyncio.sleep(1)
        lines = b"".join(sink.chunks).split(b"\n")
        assert len(lines) < 602
        assert lines[-1].startswith(b'{"type":')
        with pytest.raises(ValueError, match=r"."):
            json.loads(lines[-1])
    assert watch.broken


async def test_ending_in_time_happens_only_if_it_still_should(cluster: Cluster) -> None:
    wanted, unwanted = (make_watch(cluster, resourceVersion=cluster.resource_version) for _ in range(2))
    wanted.end_in(10, if_still=lambda: True)
    unwanted.end_in(10, if_still=lambda: False)
    async with running(unwanted), asyncio.timeout(11):
        await finished(wanted)
        assert asyncio.get_running_loop().time() == 10
        await asyncio.sleep(0.5)
        cluster.delete("pods", "a")
        unwanted.end()


async def test_a_closed_watch_keeps_no_timer(cluster: Cluster) -> None:
    asked = asyncio.Event()

    def still() -> bool:
        asked.set()
        return True

    watch = make_watch(cluster)
    watch.end_in(1, if_still=still)
    watch.close()
    await asyncio.sleep(2)
    assert not asked.is_set()


async def test_a_line_of_another_comes_before_what_is_pending(cluster: Cluster) -> None:
    watch = make_watch(cluster, resourceVersion=cluster.resource_version)
    cluster.delete("pods", "a")
    watch.interject(b"what?\n")
    watch.end()
    first, second = (await finished(watch)).chunks
    assert first == b"what?\n"
    assert json.loads(second)["type"] == "DELETED"


async def test_bookmarks_can_be_withheld_and_the_last_of_the_state_need_not_be(cluster: Cluster) -> None:
    for initial, expected in ((False, 1), (True, 0)):
        faults = Faults(lambda: None)
        faults.begin(BookmarksDropped(Target(), initial))
        watch = make_watch(cluster, faults, **STREAMING)
        watch.send_bookmark()
        watch.end()
        kinds = [kind for kind, _ in (await finished(watch)).events]
        assert kinds == ["ADDED", "ADDED"] + ["BOOKMARK"] * expected


async def test_past_the_horizon_nothing_is_seen_until_it_lifts(cluster: Cluster) -> None:
    faults = Faults(lambda: None)
    version = cluster.resource_version
    stale = faults.begin(Stale(Target(), int(version)))
    watch = make_watch(cluster, faults, resourceVersion=version, allowWatchBookmarks="1")
    cluster.delete("pods", "a")
    watch.send_bookmark()
    async with running(watch) as sink:
        assert await sink.has(1) == [("BOOKMARK", version)]
        stale.heal()
        watch.wake()
        assert (await sink.has(2))[1] == ("DELETED", "a")


@pytest.mark.parametrize("bookmarks", ["1", "0"])
async def test_a_watch_that_is_ahead_of_the_horizon_hears_nothing(cluster: Cluster, bookmarks: str) -> None:
    """As a replica that lags, which sends neither events nor bookmarks from before the version asked for."""
    faults, horizon = Faults(lambda: None), int(cluster.resource_version)
    cluster.delete("pods", "a")
    faults.begin(Stale(Target(), horizon))
    watch = make_watch(cluster, faults, resourceVersion=cluster.resource_version, allowWatchBookmarks=bookmarks)
    cluster.delete("pods", "b")
    async with running(watch) as sink:
        watch.send_bookmark()
        await asyncio.sleep(1000)
        assert sink.chunks == []


async def test_no_bookmark_leads_back_behind_what_was_sent(cluster: Cluster) -> None:
    faults, horizon = Faults(lambda: None), int(cluster.resource_version)
    watch = make_watch(cluster, faults, resourceVersion=str(horizon), allowWatchBookmarks="1")
    cluster.delete("pods", "a")
    async with running(watch) as sink:
        await sink.has(1)
        faults.begin(Stale(Target(), horizon))
        watch.send_bookmark()
        await asyncio.sleep(1000)
        assert sink.events == [("DELETED", "a")]


async def test_an_object_that_is_spoilt_is_so_in_state_and_events_and_leaves_the_shared_lines_whole(
    cluster: Cluster,
) -> None:
    faults = Faults(lambda: None)
    faults.begin(Spoilt(Target(), "default/a"))
    spoilt, whole = make_watch(cluster, faults), make_watch(cluster)
    cluster.delete("pods", "a")
    assert await labels_of_a(spoilt) == [0, 0]
    assert await labels_of_a(whole) == [{"x": "1"}, {"x": "1"}]


async def labels_of_a(watch: Watch) -> list[object]:
    watch.end()
    events = [json.loads(line) for line in b"".join((await finished(watch)).chunks).splitlines()]
    objects = [event["object"]["metadata"] for event in events]
    return [metadata["labels"] for metadata in objects if metadata["name"] == "a"]
