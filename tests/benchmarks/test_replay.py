"""benchmarks/replay.py: what a client sees is a list and a watch as of an API server."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.bare import WATCH
from benchmarks.servers import Recording, replay, snapshot_version

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with replay(Recording(pods=700, events=3, small=True, snapshots=3)) as url:
        yield url


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # on 127.0.0.1
        return json.load(answer)


def test_lists_come_in_pages(url: str) -> None:
    first = fetch(url + "/api/v1/pods?limit=500")
    last = fetch(f"{url}/api/v1/pods?limit=500&continue={first['metadata']['continue']}")
    assert [len(first["items"]), len(last["items"])] == [500, 200]
    assert first["metadata"]["remainingItemCount"] == 200
    assert "continue" not in last["metadata"]


def test_a_list_from_the_watch_cache_is_whole(url: str) -> None:
    assert len(fetch(url + "/api/v1/pods?limit=500&resourceVersion=0")["items"]) == 700


def test_a_streamed_list_ends_with_the_bookmark(url: str) -> None:
    with urllib.request.urlopen(url + "/api/v1/pods?watch=true&sendInitialEvents=true", timeout=10) as answer:  # noqa: S310  # on 127.0.0.1
        events = [json.loads(answer.readline()) for _ in range(701)]
    assert {event["type"] for event in events[:700]} == {"ADDED"}
    assert events[700]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_modifies_the_pods_in_turn(url: str) -> None:
    with urllib.request.urlopen(url + WATCH, timeout=10) as answer:  # noqa: S310  # on 127.0.0.1
        events = [json.loads(answer.readline()) for _ in range(3)]
    versions = [event["object"]["metadata"]["resourceVersion"] for event in events]
    assert {event["type"] for event in events} == {"MODIFIED"}
    assert versions == [str(snapshot_version(0) + number) for number in (1, 2, 3)]


def test_expiring_ends_watches_and_moves_on(url: str) -> None:
    """The second snapshot has the first's objects, the third changed ones."""
    before = fetch(url + "/api/v1/pods")
    with urllib.request.urlopen(url + WATCH, timeout=10) as watch:  # noqa: S310  # on 127.0.0.1
        for _ in range(3):
            watch.readline()
        urllib.request.urlopen(url + "/replay/expire", timeout=10).close()  # noqa: S310  # on 127.0.0.1
        assert json.loads(watch.readline())["object"]["code"] == 410
    unchanged = fetch(url + "/api/v1/pods")
    urllib.request.urlopen(url + "/replay/expire", timeout=10).close()  # noqa: S310  # on 127.0.0.1
    changed = fetch(url + "/api/v1/pods")
    assert unchanged["items"] == before["items"]
    assert unchanged["metadata"] != before["metadata"]
    assert all(
        a["metadata"]["uid"] == b["metadata"]["uid"] for a, b in zip(before["items"], changed["items"], strict=True)
    )
    assert all(a["status"] != b["status"] for a, b in zip(before["items"], changed["items"], strict=True))
