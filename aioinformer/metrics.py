"""A factory in figures, for whatever collects metrics: computed when asked for, from what its status knows.

The names and units follow Prometheus' conventions, and can be rendered as its text; nothing here depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from aioinformer.failures import Decision
from aioinformer.status import InformerState
from aioinformer.transitions import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aioinformer.status import InformerStatus

__all__ = ["OPENMETRICS", "PROMETHEUS", "Metric", "Sample", "measure", "render"]

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""The content type of what ``render`` gives."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""The content type of what ``render`` gives with ``openmetrics=True``."""

_TOTAL = "_total"
_REQUESTS = {State.LISTING: "list", State.STREAMING: "stream", State.WATCHING: "watch"}


class Sample(NamedTuple):
    """One figure: of a metric, for one set of labels."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One kind of figure. A counter's name ends in ``_total``; it begins at 0 with each informer, and only grows."""

    name: str
    help: str
    type: Literal["gauge", "counter"]
    samples: tuple[Sample, ...]


Figure: TypeAlias = tuple[dict[str, str], float]


class _Family(NamedTuple):
    name: str
    help: str
    of: Callable[[InformerStatus], Iterable[Figure]]


def _one(value: Callable[[InformerStatus], float | None]) -> Callable[[InformerStatus], Iterable[Figure]]:
    """A figure without labels of its own; none where there is nothing to tell."""

    def figures(status: InformerStatus) -> Iterator[Figure]:
        figure = value(status)
        if figure is not None:
            yield {}, figure

    return figures


def _states(status: InformerStatus) -> Iterator[Figure]:
    return (({"state": state.value}, status.state is state) for state in InformerState)


def _requests(status: InformerStatus) -> Iterator[Figure]:
    return (({"request": name}, status.requests.get(state, 0)) for state, name in _REQUESTS.items())


def _failures(status: InformerStatus) -> Iterator[Figure]:
    return (({"decision": decision.value}, status.failures.get(decision, 0)) for decision in Decision)


def _stored(status: InformerStatus) -> Iterator[Figure]:
    storage = status.storage
    if storage is not None:
        yield {"form": "packed"}, storage.packed_bytes
        yield {"form": "waiting"}, storage.waiting_bytes


_FAMILIES = (
    _Family("aioinformer_state", "1 for the state that an informer is in, 0 for the others.", _states),
    _Family("aioinformer_ready", "Whether reads are fit to serve from.", _one(lambda s: s.ready)),
    _Family("aioinformer_synced", "Whether the initial state is in the cache.", _one(lambda s: s.synced)),
    _Family("aioinformer_objects", "Objects in the cache.", _one(lambda s: s.objects)),
    _Family("aioinformer_quarantined_objects", "Objects that cannot be taken in.", _one(lambda s: s.quarantined)),
    _Family(
        "aioinformer_stored_bytes",
        "Bytes of objects: packed ones as they are kept, and plain ones that wait to be packed.",
        _stored,
    ),
    _Family("aioinformer_heard_age_seconds", "Since the server was last heard from.", _one(lambda s: s.age)),
    _Family("aioinformer_failures_in_a_row", "Since the last progress.", _one(lambda s: s.attempts)),
    _Family("aioinformer_retry_seconds", "Until the next attempt; 0 when none is waited for.", _one(lambda s: s.next_retry or 0)),
    _Family("aioinformer_subscriptions", "Open subscriptions.", _one(lambda s: len(s.pending))),
    _Family("aioinformer_pending_events", "Events that wait, in all subscriptions.", _one(lambda s: sum(s.pending))),
    _Family(
        "aioinformer_pending_events_max",
        "Events that wait, in the subscription that is furthest behind.",
        _one(lambda s: max(s.pending, default=0)),
    ),
    _Family(
        "aioinformer_lag_seconds",
        "For which the oldest event that waits has waited, in any subscription.",
        _one(lambda s: max(s.lag, default=0.0)),
    ),
    _Family("aioinformer_events_total", "Watch events applied to the cache.", _one(lambda s: s.events)),
    _Family("aioinformer_relists_total", "Snapshots after the first one.", _one(lambda s: s.restarts)),
    _Family(
        "aioinformer_reconnects_total",
        "Watches opened again where they had stopped, which is routine every five to ten minutes.",
        _one(lambda s: s.reconnects),
    ),
    _Family("aioinformer_requests_total", "Requests sent, pages of lists one by one.", _requests),
    _Family("aioinformer_failures_total", "Failures, by what was decided.", _failures),
)  # fmt: skip


def measure(statuses: Iterable[InformerStatus]) -> tuple[Metric, ...]:
    """The figures of some informers, each labelled with the informer's name and its resource."""
    informers = [(status, {"informer": status.name, "resource": status.resource}) for status in statuses]
    return tuple(
        Metric(
            family.name,
            family.help,
            "counter" if family.name.endswith(_TOTAL) else "gauge",
            tuple(
                Sample(labels | own, float(value)) for status, labels in informers for own, value in family.of(status)
            ),
        )
        for family in _FAMILIES
    )


def render(metrics: Iterable[Metric], *, openmetrics: bool = False) -> str:
    """The text that Prometheus scrapes, to be sent as ``PROMETHEUS``; or OpenMetrics 1.0, to be sent as ``OPENMETRICS``."""
    lines: list[str] = []
    for metric in metrics:
        family = metric.name.removesuffix(_TOTAL) if openmetrics else metric.name
        lines += [f"# HELP {family} {_escaped(metric.help)}", f"# TYPE {family} {metric.type}"]
        for labels, value in metric.samples:
            of = ",".join(f'{name}="{_escaped(text, quoted=True)}"' for name, text in labels.items())
            lines.append(f"{metric.name}{{{of}}} {value:.17g}" if of else f"{metric.name} {value:.17g}")
    return "\n".join([*lines, "# EOF"] if openmetrics else lines) + "\n"


def _escaped(text: str, *, quoted: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quoted else text
