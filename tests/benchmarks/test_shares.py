"""benchmarks/shares.py: what perf counts by module becomes what it was for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import shares
from benchmarks.clients import OURS

if TYPE_CHECKING:
    import pytest

REPORT = """
# Samples: 4K of event 'cpu-clock'
#
    58.38%  libpython3.13.so.1.0
    20.67%  _core.cpython-313-x86_64-linux-gnu.so
     9.06%  [kernel.kallsyms]
     1.74%  ld-linux-x86-64.so.2
     0.32%  _asyncio.cpython-313-x86_64-linux-gnu.so
     0.15%  [vdso]
    13.00%  _speedups.abi3.so
"""


def test_modules_are_added_up_by_what_they_do_the_greatest_first() -> None:
    found = shares.shares(REPORT)
    assert [round(share, 2) for share in found.values()] == [58.38, 20.67, 13.0, 9.21, 2.06]
    assert [name.split(":")[0] for name in found] == [
        "the interpreter",
        "msgspec",
        "decoding in C",
        "the kernel",
        "all else",
    ]


def test_without_perf_there_is_nothing_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert shares.measure(OURS) == []
    assert "linux-perf" in capsys.readouterr().out
