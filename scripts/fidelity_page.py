"""docs/fidelity.md: how the embedded API server and a real one compare, drawn from the tests that hold them side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from scripts import conformance_cases
from scripts.conformance_cases import BACKENDS, Case
from tests.testing.differences import DIFFERENCES
from tests.testing.test_fidelity import READS, WRITES, Ask

ROOT = Path(__file__).parent.parent
SUITE = "tests/conformance"

HEAD = """# The embedded API server beside a real one

Drawn from the tests by `make docs`; a test keeps the two together. `aioinformer.testing.ApiServer` is held against
kube-apiserver 1.37 in two ways: one suite of tests of the library runs against both
([tests/conformance](../tests/conformance)), and the same requests are sent to both and the answers compared word for word
([test_fidelity.py](../tests/testing/test_fidelity.py)).

"""
KNOWN = """## Known differences

Each row is shown by a test, on both servers where there is a real one ([differences.py](../tests/testing/differences.py)).

| matter | embedded | real |
|---|---|---|
"""
SUITES = """
## One suite, two servers

A test's first sentence says what it shows. Tests that run several times, with other parameters, are one row. Where a cache
is compared with a fresh LIST, `metadata.managedFields` are left out of the LIST, as an informer cuts them by default; the tests of
real faults ([tests/faults](../tests/faults)) keep them on both sides.
"""


def collected() -> list[Case]:
    """The cases of the suite, from a collection in a process of its own: no server is started."""
    with tempfile.NamedTemporaryFile() as output:
        subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", conformance_cases.__name__, SUITE],
            cwd=ROOT,
            env=os.environ | {conformance_cases.OUTPUT: output.name},
            check=True,
            capture_output=True,
        )
        return [Case(*case) for case in json.loads(Path(output.name).read_text())]


def rendered() -> str:
    """The page."""
    rows = [f"| {each.matter} | {each.embedded} | {each.real} |" for each in DIFFERENCES]
    return "\n".join([HEAD + KNOWN + "\n".join(rows), SUITES, *_suite(collected()), *_comparisons()])


def _suite(cases: list[Case]) -> list[str]:
    lines: list[str] = []
    for module, members in groupby(cases, key=lambda case: case.module):
        lines += [f"### {module.rstrip('.')}", "", "| shown | embedded | real |", "|---|---|---|"]
        marks: dict[str, dict[str, str]] = {}
        for case in members:
            marks.setdefault(case.says, {})[case.backend] = f"no: {case.skipped}" if case.skipped else "✓"
        lines += [
            f"| {_cell(says)} | {' | '.join(_cell(of.get(backend, '')) for backend in BACKENDS)} |"
            for says, of in marks.items()
        ]
        lines.append("")
    return lines


def _comparisons() -> list[str]:
    lines = [
        "## Compared word for word",
        "",
        f"{len(WRITES)} writes and reads in between, then {len(READS)} reads. Status, content type, `Retry-After` and body are the same,",
        "but for names and numbers that each server draws, times, and what is named above.",
    ]
    asks = sorted(WRITES + READS, key=_group)
    for group, members in groupby(asks, key=_group):
        lines += ["", f"### {group}", ""]
        lines += [f"- `{each}`" for each in dict.fromkeys(_said(ask) for ask in members)]
    return [*lines, ""]


def _group(ask: Ask) -> str:
    if ask.method != "GET":
        return {"POST": "Create", "PUT": "Replace", "PATCH": "Patch", "DELETE": "Delete"}[ask.method]
    if "watch=" in ask.path:
        return "Watch"
    if "Selector=" in ask.path:
        return "Selectors"
    return "Get and list"


def _said(ask: Ask) -> str:
    said = [ask.method, ask.path]
    if ask.accept != "application/json":
        said.append(f"Accept: {ask.accept}")
    if ask.content_type != "application/json":
        said.append(ask.content_type)
    if ask.body is not None:
        said.append(json.dumps(ask.body))
    return " ".join(said)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
