"""benchmarks: every measure runs, with numbers too small to say anything, and the table shows what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import compare_caches, compare_loop, compare_waiting, fairness, first_sync, memory, stages, watch_events
from benchmarks.loop_clock import LoopClock
from benchmarks.process import STATUS
from benchmarks.result import Span, compared
from benchmarks.run import table
from benchmarks.upkeep import HERE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.result import Result

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")


def shown(results: Sequence[Result], capsys: pytest.CaptureFixture[str]) -> str:
    """The table of what these print."""
    for result in results:
        result.emit()
    return table([json.loads(line) for line in capsys.readouterr().out.splitlines()])


def test_watch_events(capsys: pytest.CaptureFixture[str]) -> None:
    results = watch_events.measure(pods=5, events=40, slow_events=5, rounds=1)
    assert len(results) == 8
    assert all(result.value > 0 for result in results)
    assert "kubernetes_asyncio Watch, typed" in shown(results, capsys)


def test_first_sync(capsys: pytest.CaptureFixture[str]) -> None:
    results = first_sync.measure(pods=12, slow_pods=12, rounds=1)
    assert len(results) == 5
    assert all(result.value > 0 for result in results)
    assert "aioinformer, streamed" in shown(results, capsys)


@pytest.mark.skipif(not memory.STATM.exists(), reason="resident memory is read from /proc")
def test_memory(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "VARIANTS", {"aioinformer, streamed": memory.streamed})
    results = memory.measure(sizes=(50,), sizes_of_models=())
    assert [result.variant for result in results] == ["aioinformer, streamed, 50 pods"]
    assert "bytes/pod" in shown(results, capsys)


def test_fairness(capsys: pytest.CaptureFixture[str]) -> None:
    results = fairness.measure(objects=30, how=("stream",))
    assert [result.variant for result in results] == [
        "bare aiohttp read",
        "first sync, streamed",
        "relist, unchanged, streamed",
        "relist, all changed, streamed",
    ]
    assert "late p99.9" in shown(results, capsys)


@pytest.mark.soak
@pytest.mark.skipif(not STATUS.exists(), reason="resident memory is read from /proc")
def test_what_a_filled_cache_costs(capsys: pytest.CaptureFixture[str]) -> None:
    """In processes of their own, as beside other clients; of a relist that changes nothing, nothing comes out."""
    results = [
        *compare_loop.fanout(5, 1, clients=[HERE]),
        *compare_caches.relist([(HERE, 30)]),
        *compare_caches.million(40, ours=HERE),
        *compare_waiting.first_event(1, clients=[HERE]),
    ]
    by_variant = {(result.measure, result.variant): result for result in results}
    assert by_variant["relist", "aioinformer"].details["events"] == 0
    assert sum(by_variant["relist", "aioinformer"].series["ticks"]) > 0
    assert by_variant["a million", "aioinformer, 40 pods"].details["update µs"] > 0
    assert "aioinformer, per event and further consumer" in shown(results, capsys)


@pytest.mark.soak
def test_what_goes_on_beside_a_relist(capsys: pytest.CaptureFixture[str]) -> None:
    """Every phase sees events of the other informer, and the collector next to nothing of the cache."""
    results = [*compare_loop.neighbour(30, ours=HERE), *compare_loop.collecting(40, ours=HERE)]
    by_variant = {result.variant.removeprefix("aioinformer, "): result for result in results}
    assert by_variant["a relist, all changed"].details["events"] > 0
    assert by_variant["40 pods, all of it, forced"].value > 0
    assert "3 first syncs at once" in shown(results, capsys)


def test_the_stages_of_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    results = stages.measure(HERE, events=50, rounds=1)
    costs = {result.variant: result.value for result in results}
    assert {
        "a bare aiohttp read",
        "read: by our transport, instead",
        "decode: lines to deltas",
        "the whole, async for",
    } <= set(costs)
    assert all(cost > 0 for name, cost in costs.items() if not name.startswith("of it tasks"))  # which is a difference
    assert "later: packing" in shown(results, capsys)


def test_a_client_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such measure"):
        HERE.run("no such measure", "http://127.0.0.1:1")


async def test_the_loop_clock_names_who_holds_the_loop() -> None:
    clock = LoopClock()

    async def hog() -> None:
        await asyncio.sleep(0)
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0)

    with clock.watching():
        await asyncio.create_task(hog())
        await asyncio.sleep(0.005)
    assert clock.longest[0].seconds >= 0.01
    assert "hog" in clock.longest[0].name or Path(__file__).stem in clock.longest[0].name
    assert clock.late


def test_ratios_are_taken_within_a_round() -> None:
    """A round in which all were slow does not tilt the ratio."""
    one = [(10, Span(1.0, 2.0)), (10, Span(5.0, 10.0)), (10, Span(1.0, 2.0))]
    other = [(10, Span(2.0, 2.0)), (10, Span(10.0, 10.0)), (10, Span(2.0, 2.0))]
    results = compared("speed", "per second", {"one": one, "other": other}, baseline="one")
    assert [result.value for result in results] == [10.0, 5.0]
    assert [result.wall for result in results] == [5.0, 5.0]
    assert [result.relative for result in results] == [1.0, 0.5]
