"""The rest of what a cache costs, of ours alone: from the stages of an event to a million pods, relists and idleness.

``compare.py`` runs the same beside other clients. The million comes from the server in Go where `make bench-peers` has
built it; the one in Python makes twenty thousand pods a second, and then that is how fast they arrive.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import stages
from benchmarks.clients import Client
from benchmarks.compare_caches import million, relist
from benchmarks.compare_loop import collecting, fanout, neighbour
from benchmarks.compare_waiting import first_event, idle, imports
from benchmarks.ours_waiting import INFORMERS
from benchmarks.servers import pin

if TYPE_CHECKING:
    from benchmarks.result import Result

HERE = Client("aioinformer", (sys.executable, "-m", "benchmarks.ours"))
"""On the interpreter that runs this."""


def measure(
    *,
    pods: int = 1_000_000,
    relisted: int = 100_000,
    beside: int = 50_000,
    events: int = 2000,
    informers: int = INFORMERS,
) -> list[Result]:
    """All of it, a few minutes."""
    return [
        *stages.measure(HERE, rounds=1),
        *fanout(events, rounds=1, clients=[HERE]),
        *imports(3, ours=HERE),
        *first_event(3, clients=[HERE]),
        *relist([(HERE, relisted)]),
        *neighbour(beside, ours=HERE),
        *collecting(relisted, ours=HERE),
        *million(pods, ours=HERE),
        *idle(informers, ours=HERE),
    ]


if __name__ == "__main__":
    pin(0)
    for result in measure():
        result.emit()
