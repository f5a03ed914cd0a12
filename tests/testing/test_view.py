"""What one request sees of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing import Cluster, ExpiredError
from aioinformer.testing.conditions import BookmarksDropped, Spoilt, Stale
from aioinformer.testing.faults import Faults, Target
from aioinformer.testing.refusals import StreamingRejected
from aioinformer.testing.requests import parse_request
from aioinformer.testing.statuses import GroupResource
from aioinformer.testing.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = GroupResource("", "pods")
STREAM = {
    "watch": "1",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


@pytest.fixture
def cluster(pod: Callable[..., dict[str, Any]]) -> Cluster:
    cluster = Cluster()
    cluster.create("pods", pod("a", labels={"x": "1"}))
    return cluster


@pytest.fixture
def faults() -> Faults:
    return Faults(lambda: None)


@pytest.fixture
def view(cluster: Cluster, faults: Faults) -> View:
    return View(cluster.store, faults, parse_request("GET", "/api/v1/pods", STREAM))


def names(view: View) -> list[str]:
    return [stored.name for stored in view.snapshot(PODS).objects]


def test_without_faults_it_is_the_store(cluster: Cluster, view: View) -> None:
    assert (view.revision, view.horizon) == (cluster.store.revision, None)
    assert view.get(PODS, "default", "a") is cluster.store.get(PODS, "default", "a")
    assert names(view) == ["a"]
    assert view.query == STREAM
    assert view.sends_bookmarks()
    assert view.sends_bookmarks(initial=True)


def test_a_stale_view_is_of_its_version_until_healed(cluster: Cluster, faults: Faults, view: View) -> None:
    stale = faults.begin(Stale(Target(), cluster.store.revision))
    cluster.delete("pods", "a")
    cluster.create("pods", {"metadata": {"name": "b"}})
    assert (view.revision, names(view)) == (stale.revision, ["a"])
    assert view.get(PODS, "default", "a") is not None
    assert view.get(PODS, "default", "b") is None
    stale.heal()
    assert (view.revision, names(view)) == (cluster.store.revision, ["b"])
    assert view.get(PODS, "default", "a") is None


@pytest.mark.parametrize(
    "compact",
    [
        lambda cluster: cluster.compact(),
        lambda cluster: cluster.store.collection(PODS).compact(cluster.store.revision),
    ],
    ids=["of all", "of the resource"],
)
def test_a_compaction_takes_the_horizon_along(
    cluster: Cluster, faults: Faults, view: View, compact: Callable[[Cluster], None]
) -> None:
    """A replica that lags so far behind would have to start anew."""
    faults.begin(Stale(Target(), cluster.store.revision))
    cluster.create("pods", {"metadata": {"name": "b"}})
    compact(cluster)
    assert view.horizon == cluster.store.oldest(PODS)
    assert names(view) == ["a", "b"]


def test_the_end_of_a_resources_history_is_seen(cluster: Cluster, view: View) -> None:
    cluster.store.collection(PODS).compact(cluster.store.revision)
    assert view.oldest(PODS) == cluster.store.revision
    with pytest.raises(ExpiredError):
        view.snapshot(PODS, 1)


def test_a_spoilt_object_keeps_its_identity_and_loses_its_labels(cluster: Cluster, faults: Faults, view: View) -> None:
    cluster.create("pods", {"metadata": {"name": "b"}})
    faults.begin(Spoilt(Target(), "default/a"))
    spoilt, whole = view.shown(view.snapshot(PODS).objects)
    stored = cluster.get("pods", "a")
    assert spoilt.document()["metadata"] == {**stored["metadata"], "labels": 0}
    assert spoilt.labels == {"x": "1"}, "selectors still find it"
    assert whole is cluster.store.get(PODS, "default", "b")
    got = view.get(PODS, "default", "a")
    assert got is not None
    assert got.document() == spoilt.document()


def test_a_spoilt_change_does_not_share_its_lines(cluster: Cluster, faults: Faults, view: View) -> None:
    cluster.delete("pods", "a")
    (_, change) = view.log(PODS, None).after(0)
    assert view.shown_change(change) is change
    faults.begin(Spoilt(Target(), "default/a"))
    shown = view.shown_change(change)
    assert (shown.lines, shown.after) == (None, None)
    assert shown.before is not None
    assert shown.before.document()["metadata"]["labels"] == 0


def test_bookmarks_are_withheld_while_the_fault_lasts(faults: Faults, view: View) -> None:
    with faults.begin(BookmarksDropped(Target(), initial=False)):
        assert (view.sends_bookmarks(), view.sends_bookmarks(initial=True)) == (False, True)
    with faults.begin(BookmarksDropped(Target(), initial=True)):
        assert (view.sends_bookmarks(), view.sends_bookmarks(initial=True)) == (False, False)
    assert view.sends_bookmarks()


def test_an_old_server_does_not_see_what_it_does_not_know(faults: Faults, view: View) -> None:
    with faults.begin(StreamingRejected(Target(), None)):
        assert view.query == {"watch": "1", "allowWatchBookmarks": "true"}
        assert not view.sends_bookmarks(initial=True)
        assert view.sends_bookmarks()
    with faults.begin(StreamingRejected(Target(), 422)):
        assert view.query == STREAM
