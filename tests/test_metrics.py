"""metrics.py: the figures of a factory, and their text, which Prometheus' own parsers read."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from aioinformer import SharedInformerFactory
from aioinformer.failures import Decision
from aioinformer.metrics import Metric, Sample, measure, render
from aioinformer.packing import StorageStatus
from aioinformer.status import InformerState, InformerStatus
from aioinformer.transitions import State
from tests.docs.pages import DOCS
from tests.pod_server import Mirroring, PodServer

BUSY = InformerStatus(
    "pods.v1 in d", InformerState.RESUMING, True, "5", 7, 1, None, None, 3, 1.5, 12.0, 2, (4, 10),
    lag=(0.5, 2.0), resource="pods.v1", events=100, reconnects=9,
    requests={State.WATCHING: 10, State.STREAMING: 3}, failures={Decision.RESUME: 8, Decision.RELIST: 2},
    storage=StorageStatus("compressed", 5, 2500, 2, 8000, 0.1, 1, ""),
)  # fmt: skip


def figures(metrics: tuple[Metric, ...], **labels: str) -> dict[str, float]:
    """By metric, those that have these labels and none but the informer's besides."""
    wanted = labels.keys() | {"informer", "resource"}
    return {
        metric.name: value
        for metric in metrics
        for of, value in metric.samples
        if of.keys() == wanted and labels.items() <= of.items()
    }


def test_a_status_comes_out_as_figures() -> None:
    """Each once, with the informer's name and resource."""
    assert figures(measure([BUSY])) == {
        "aioinformer_ready": 1,
        "aioinformer_synced": 1,
        "aioinformer_objects": 7,
        "aioinformer_quarantined_objects": 1,
        "aioinformer_heard_age_seconds": 12.0,
        "aioinformer_failures_in_a_row": 3,
        "aioinformer_retry_seconds": 1.5,
        "aioinformer_subscriptions": 2,
        "aioinformer_pending_events": 14,
        "aioinformer_pending_events_max": 10,
        "aioinformer_lag_seconds": 2.0,
        "aioinformer_events_total": 100,
        "aioinformer_relists_total": 2,
        "aioinformer_reconnects_total": 9,
    }
    assert figures(measure([BUSY]), state="resuming") == {"aioinformer_state": 1}
    assert figures(measure([BUSY]), state="live") == {"aioinformer_state": 0}
    assert figures(measure([BUSY]), request="watch") == {"aioinformer_requests_total": 10}
    assert figures(measure([BUSY]), request="list") == {"aioinformer_requests_total": 0}
    assert figures(measure([BUSY]), decision="relist") == {"aioinformer_failures_total": 2}
    assert figures(measure([BUSY]), form="packed") == {"aioinformer_stored_bytes": 2500}
    assert figures(measure([BUSY]), form="waiting") == {"aioinformer_stored_bytes": 8000}


def test_what_is_not_known_is_left_out() -> None:
    """A server that was never heard from has no age: 0 would be a lie."""
    metrics = measure([dataclasses.replace(BUSY, age=None, next_retry=None, pending=(), lag=())])
    assert "aioinformer_heard_age_seconds" not in figures(metrics)
    assert figures(metrics)["aioinformer_lag_seconds"] == figures(metrics)["aioinformer_retry_seconds"] == 0


def test_each_state_and_decision_has_a_series_from_the_beginning() -> None:
    """A counter that appears only with its first failure is one whose increase nobody sees."""
    labels = {value for metric in measure([BUSY]) for of, _ in metric.samples for value in of.values()}
    assert {*InformerState, *Decision} <= labels


@pytest.mark.parametrize("openmetrics", [False, True])
def test_prometheus_parsers_read_what_is_rendered(openmetrics: bool) -> None:  # noqa: FBT001
    """Every name, type, label and figure, whatever is in a label."""
    odd = dataclasses.replace(BUSY, name='pods (a="b\\c",\nd)')
    metrics = measure([BUSY, odd])
    families = list(
        (openmetrics_families if openmetrics else prometheus_families)(render(metrics, openmetrics=openmetrics))
    )
    assert [family.type for family in families] == [metric.type for metric in metrics]
    assert [family.documentation for family in families] == [metric.help for metric in metrics]
    read = [(s.name, s.labels, s.value) for family in families for s in family.samples]
    assert read == [(metric.name, dict(of), value) for metric in metrics for of, value in metric.samples]  # fmt: skip


def test_a_figure_is_rendered_exactly_and_one_without_labels_too() -> None:
    assert render([Metric("a_b", "x\\y\nz", "gauge", (Sample({}, 0.1), Sample({"c": "d"}, 3.0)))]) == (
        '# HELP a_b x\\\\y\\nz\n# TYPE a_b gauge\na_b 0.10000000000000001\na_b{c="d"} 3\n'
    )


@pytest.mark.looptime
async def test_counters_count_what_happens() -> None:
    """Events, reconnects, relists, requests and failures of an informer that lives through some."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.put("b")
        server.delete("b")
        await asyncio.sleep(1)
        server.cut()
        await asyncio.sleep(5)
        server.expire()
        await asyncio.sleep(30)
        server.put("c")
        await asyncio.sleep(1)
        metrics = measure([informer.status])
        counted: dict[str, Any] = figures(metrics)
        assert counted["aioinformer_events_total"] == 3
        assert counted["aioinformer_reconnects_total"] == 1
        assert counted["aioinformer_relists_total"] == 1
        assert figures(metrics, request="watch") == {"aioinformer_requests_total": 1}
        assert figures(metrics, request="stream") == {"aioinformer_requests_total": 2}
        assert figures(metrics, decision="resume") == figures(metrics, decision="relist") == {
            "aioinformer_failures_total": 1
        }  # fmt: skip


@pytest.mark.looptime
async def test_a_slow_consumer_shows() -> None:
    """What waits, and for how long."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        async with informer.events(replay=False) as events:
            await anext(events)
            server.put("b")
            await asyncio.sleep(10)
            waiting = figures(measure([informer.status]))
            assert waiting["aioinformer_pending_events"] == waiting["aioinformer_subscriptions"] == 1
            assert waiting["aioinformer_lag_seconds"] == pytest.approx(10, abs=0.1)


def test_a_factory_measures_all_its_informers_running_or_not() -> None:
    """A probe may come before the start."""
    factory = SharedInformerFactory()
    assert [metric.samples for metric in factory.metrics()] == [()] * len(factory.metrics())
    assert list(prometheus_families(render(factory.metrics())))
    factory.informer("pods")
    factory.informer("nodes")
    assert [of["informer"] for of, _ in factory.metrics()[1].samples] == ["pods.v1", "nodes.v1"]


def test_the_page_has_every_metric_and_no_other() -> None:
    """docs/howto/metrics.md: what is not on it is not found."""
    named = re.findall(r"`(aioinformer_\w+)`", (DOCS / "howto" / "metrics.md").read_text())
    assert set(named) == {metric.name for metric in measure([])}
