"""One result, one JSON line: the median of some rounds, and how it compares with others of the very same rounds.

Speed is counted by the CPU clock of the process that is measured, which stands still while neighbours have the core;
by the clock on the wall it is given beside. On an idle machine the two agree unless a client waits for the server.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

from aioinformer.speedups import scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = ["Result", "Span", "compared", "versions"]


class Span(NamedTuple):
    """A moment (``Span.now()``), or the seconds since one: by the process's CPU clock, and on the wall."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        """The two clocks as they stand."""
        return cls(process_time(), perf_counter())

    def elapsed(self) -> Span:
        """The seconds since this moment."""
        return Span(process_time() - self.cpu, perf_counter() - self.wall)


@dataclass(frozen=True)
class Result:
    """``value`` is the median of ``rounds``; ``relative`` the median of each round's ratio to ``relative_to``.

    ``low`` and ``high`` are the rounds' extremes; ``wall`` is the median by the clock on the wall, where ``value`` is
    by the CPU clock.
    """

    measure: str
    variant: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int = 1
    wall: float | None = None
    relative: float | None = None
    relative_to: str = ""
    details: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: versions())  # noqa: PLW0108  # defined below
    series: Mapping[str, Sequence[float]] = field(default_factory=dict[str, "Sequence[float]"])
    """What a plot shows: bins of a histogram, or percentiles."""

    def line(self) -> str:
        """It as JSON."""
        return json.dumps(asdict(self))

    def emit(self) -> None:
        """Print the line."""
        print(self.line(), flush=True)


def compared(
    measure: str, unit: str, samples: Mapping[str, Sequence[tuple[int, Span]]], *, baseline: str
) -> list[Result]:
    """A rate per variant from its samples: how many, and how long. Ratios are taken within a round: machines have moods."""
    rates = {variant: [count / span.cpu for count, span in rounds] for variant, rounds in samples.items()}
    return [
        Result(
            measure,
            variant,
            median(values),
            unit,
            min(values),
            max(values),
            len(values),
            wall=median(count / span.wall for count, span in samples[variant]),
            relative=median(value / base for value, base in zip(values, rates[baseline], strict=True)),
            relative_to=baseline,
        )
        for variant, values in rates.items()
    ]


def versions() -> dict[str, str]:
    """Of everything that a figure depends on."""
    packages = ("aioinformer", "aiohttp", "kubernetes_asyncio", "msgspec")
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": str(os.cpu_count())}
    speedups = {"speedups": "no" if scan is None else "compiled"}
    return {**machine, **{package: version(package) for package in packages}, **speedups}
