"""What was measured: one file for machines, one table for people."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "build" / "faults.json"


@dataclass(frozen=True)
class Measurement:
    """One fault survived. Counts and seconds are those of the informer that had it worst."""

    fault: str
    informers: int
    writes: int
    requests: int
    """Sent by one informer from the fault's beginning to its recovery: watches opened, snapshots begun, failed ones too."""
    relists: int
    lasted: float
    """Seconds."""
    detected: float | None
    """Seconds until the fault was noticed, where noticing takes time."""
    recovery: float
    """Seconds from the end of the fault until the cache was where the server was then."""


class Report:
    """Every measurement of this run."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def write(self) -> Path:
        """Write them to ``$AIOINFORMER_FAULTS_FILE`` or ``build/faults.json``; the path."""
        path = Path(os.environ.get("AIOINFORMER_FAULTS_FILE") or DEFAULT_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(measured) for measured in self.measurements], indent=2) + "\n")
        return path

    def table(self) -> Iterator[str]:
        """The lines of the table; a fault was survived when its line is here.

        Without a relist every single write came as an event, with one the outcome for every object.
        """
        width = max(len(measured.fault) for measured in self.measurements)
        yield f"{'fault':{width}}  writes  lasted  requests  relists  told           longest recovery"
        for one in self.measurements:
            told = "every outcome" if one.relists else "every write  "
            noticed = "" if one.detected is None else f" (noticed after {one.detected:.1f} s)"
            yield (
                f"{one.fault:{width}}  {one.writes:6}  {one.lasted:4.0f} s  {one.requests:8}  {one.relists:7}"
                f"  {told}  {one.recovery:14.2f} s{noticed}"
            )
