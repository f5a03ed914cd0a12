"""The generated parts of docs/reliability.md: which tests show each clause of the catalogue, and how often a server is asked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.catalogue.forever import SERVERS, rates

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "tests" / "catalogue" / "catalogue.toml"
SUITE = "conformance/"


@dataclass(frozen=True)
class Clause:
    """Something that must hold, and the tests that show it: ``both`` run on the embedded server and on a real one.

    ``without``: on which of the three it is not shown, and why.
    """

    part: str
    text: str
    machine: list[str] = field(default_factory=list)
    both: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)
    without: str = ""

    @property
    def tests(self) -> list[str]:
        """All of them, as ``path::name`` below tests/."""
        return self.machine + self.both + self.embedded + self.real


def clauses() -> list[Clause]:
    """The catalogue, in its order."""
    rows: list[dict[str, Any]] = tomllib.loads(TABLE.read_text())["clause"]
    return [Clause(**row) for row in rows]


def catalogue() -> str:
    """The table of clauses, with the number of tests that show each on the machine, the embedded and the real server."""
    rows = clauses()
    on_embedded = sum(bool(row.both + row.embedded) for row in rows)
    on_real = sum(bool(row.both + row.real) for row in rows)
    lines = [
        f"{len(rows)} clauses: {sum(bool(row.machine) for row in rows)} are shown without sockets, on a clock of the test's own;",
        f"{on_embedded} through sockets on the embedded server; {on_real} on a real control plane. The numbers count tests;",
        "[catalogue.toml](../tests/catalogue/catalogue.toml) names them.",
        "",
        "What a real server does not do on request, such as garbage or an overload, a proxy in front of it puts into its answers",
        "([middleman.py](../tests/conformance/middleman.py)); kills, restarts, compaction, credentials, certificates and the network are",
        "the real thing (tests/faults/).",
    ]
    for part, members in groupby(rows, key=lambda row: row.part):
        lines += ["", f"### {part}", "", "| clause | machine | embedded | real |", "|---|---|---|---|"]
        for row in members:
            counts = len(row.machine), len(row.both + row.embedded), len(row.both + row.real)
            text = f"{row.text} (without {row.without})" if row.without else row.text
            lines.append(f"| {text} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def requests_per_minute() -> str:
    """The table of servers that answer the same for ever."""
    lines = [
        "| the server answers for ever | one informer: first, tenth minute | 200: first, tenth minute | 200: busiest second then |",
        "|---|---|---|---|",
    ]
    for name, server in SERVERS.items():
        asked = rates(server)
        lines.append(
            f"| {name} | {asked.one_first}, {asked.one_tenth} | {asked.all_first}, {asked.all_tenth} | {asked.busiest_second} |"
        )
    return "\n".join(lines)
