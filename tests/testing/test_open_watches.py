from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aioinformer.testing import ApiServerError, Cluster
from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.open_watches import OpenWatches
from aioinformer.testing.options import ListOptions
from aioinformer.testing.rendering import Rendering
from aioinformer.testing.requests import parse_request
from aioinformer.testing.statuses import GroupResource
from aioinformer.testing.view import View
from aioinformer.testing.watching import Watch, WatchScope, WatchTiming

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = Target(GroupResource("", "pods"))


def make_watch(resource: str) -> Watch:
    cluster = Cluster()
    served = cluster.catalog.find(resource)
    options = ListOptions.parse({"watch": "1", "resourceVersion": cluster.resource_version, "allowWatchBookmarks": "1"})
    scope = WatchScope(served.group_resource, None, cluster.selection(served), Rendering.whole(served))
    request = parse_request("GET", served.gvr.path(), {"watch": "1"})
    view = View(cluster.store, Faults(lambda: None), request)
    return Watch(view, scope, options, request=request, timing=WatchTiming(60, 1800))


async def sent(watch: Watch) -> bytes:
    chunks: list[bytes] = []

    async def send(chunk: bytes) -> None:
        chunks.append(chunk)

    watch.end()
    await watch.run(send)
    return b"".join(chunks)


async def test_counting_by_target() -> None:
    watches = OpenWatches(lambda: None)
    for resource in ("pods", "pods", "nodes"):
        watches.add(make_watch(resource), lambda: None)
    assert (watches.count(Target()), watches.count(PODS)) == (3, 2)


@pytest.mark.parametrize(
    "act",
    [
        lambda watches: watches.end(PODS),
        lambda watches: watches.fail(PODS, ApiServerError(500)),
        lambda watches: watches.cut(PODS),
    ],
    ids=["end", "fail", "cut"],
)
async def test_a_watch_told_to_end_counts_as_closed_at_once(act: Callable[[OpenWatches], None]) -> None:
    changes: list[int] = []
    watches = OpenWatches(lambda: changes.append(watches.count(Target())))
    for resource in ("pods", "nodes"):
        watches.add(make_watch(resource), lambda: None)
    act(watches)
    assert changes == [1, 2, 1]


async def test_cutting_aborts_only_what_is_meant() -> None:
    aborted: list[str] = []
    watches = OpenWatches(lambda: None)
    watches.add(make_watch("pods"), lambda: aborted.append("pods"))
    watches.add(make_watch("nodes"), lambda: aborted.append("nodes"))
    watches.cut(PODS)
    assert aborted == ["pods"]


async def test_cutting_in_mid_line_leaves_the_connection_to_the_watch() -> None:
    aborted: list[str] = []
    watches, watch = OpenWatches(lambda: None), make_watch("pods")
    watches.add(watch, lambda: aborted.append("pods"))
    watches.cut(PODS, mid_line=True)
    assert watches.count(PODS) == 0
    assert (watch.broken, aborted) == (True, [])


async def test_ending_may_be_in_mid_line() -> None:
    watches, watch = OpenWatches(lambda: None), make_watch("pods")
    watches.add(watch, lambda: None)
    watches.end(PODS, mid_line=True)
    chunks: list[bytes] = []

    async def send(chunk: bytes) -> None:
        chunks.append(chunk)

    await watch.run(send)
    assert not watch.broken
    assert not b"".join(chunks).endswith(b"\n")


async def test_all_can_be_woken() -> None:
    """For what they may send is not theirs to know."""
    watches, woken = OpenWatches(lambda: None), []
    for resource in ("pods", "nodes"):
        watch = make_watch(resource)
        watch.wake = lambda resource=resource: woken.append(resource)  # type: ignore[method-assign,misc]
        watches.add(watch, lambda: None)
    watches.wake()
    assert woken == ["pods", "nodes"]


async def test_bookmarks_and_errors_reach_the_watch() -> None:
    watches, watch = OpenWatches(lambda: None), make_watch("pods")
    watches.add(watch, lambda: None)
    watches.bookmark(PODS)
    watches.fail(PODS, ApiServerError(500))
    text = await sent(watch)
    assert text.index(b"BOOKMARK") < text.index(b"ERROR")


async def test_discarding_twice_changes_once() -> None:
    changes: list[None] = []
    watches, watch = OpenWatches(lambda: changes.append(None)), make_watch("pods")
    watches.add(watch, lambda: None)
    watches.discard(watch)
    watches.discard(watch)
    assert len(changes) == 2
