"""benchmarks/report.py and plots.py: results become tables and pictures, and nothing else of the page changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import Axis, bars, curves
from benchmarks.report import BEGIN, END, number, pictures, rendered, tables
from benchmarks.result import Result
from benchmarks.targets import summary

RUN = {"date": "2025-03-01", "cores": 2, "cpu": "Some CPU", "system": "Linux 6", "command": "make bench-peers"}


def line(measure: str, variant: str, value: float, **more: Any) -> dict[str, Any]:
    result = Result(
        measure, variant, value, "events/s", value / 2, value * 2, 3, wall=value, versions={"go": "1"}, **more
    )
    return asdict(result)


def results() -> list[dict[str, Any]]:
    series = {"bins": [0.00001, 0.0001], "ticks": [5.0, 0.0]}
    return [
        line("watch events", "aioinformer", 30_000.0, relative=1.0),
        line("watch events", "a < b", 10_000.0, relative=0.333),
        line("memory", "aioinformer", 900.0, details={"objects": 1000}),
        line("memory", "aioinformer", 800.0, details={"objects": 20_000}),
        line("a million", "aioinformer, 1,000,000 pods", 1.0, details={"MiB": 900.0, "resident B": 943.0}),
        line("relist", "aioinformer", 3.0, details={"objects": 1000}, series=series),
        line("latency", "aioinformer", 3.0, series={"percent": [0.0, 50.0, 100.0], "ms": [1.0, 2.0, 9.0]}),
    ]


def test_only_what_is_between_the_markers_changes() -> None:
    page = rendered(f"before\n{BEGIN}\nold\n{END}\nafter\n", RUN, results())
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    assert "2 cores of Some CPU" in page
    assert "with go 1" in page
    assert rendered(page, RUN, results()) == page


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        rendered("nothing", RUN, results())


def test_a_table_has_a_column_for_what_some_line_has() -> None:
    text = tables(results())
    assert "| aioinformer | 30,000 | 15,000 - 60,000 | 30,000 | 1 x |" in text
    assert "| a < b | 10,000 | 5,000 - 20,000 | 10,000 | 3 x |" in text
    assert "![Watch events, from the wire to one consumer](performance/watch-events.svg)" in text


def test_every_measure_with_a_plot_gets_one_that_is_well_formed() -> None:
    drawn = pictures(results())
    assert set(drawn) == {"watch-events.svg", "memory.svg", "relist.svg", "latency.svg"}
    for picture in drawn.values():
        assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314  # our own
        assert len(picture) < 20_000
    assert "a &lt; b" in drawn["watch-events.svg"]


def test_a_longer_bar_is_a_greater_value() -> None:
    root = ET.fromstring(bars("t", {"small": 10.0, "big": 1000.0}, Axis("x", logarithmic=True)))  # noqa: S314
    small, big = (float(bar.attrib["width"]) for bar in root.iter() if bar.tag.endswith("rect"))
    assert small < big


def test_a_line_stays_within_the_picture() -> None:
    lines = {"one": [(0.1, 5.0), (3.0, 70.0)], "other": [(2.0, 100.0)]}
    root = ET.fromstring(curves("t", lines, Axis("x"), Axis("y"), marks=True))  # noqa: S314  # our own
    dots = [dot for dot in root.iter() if dot.tag.endswith("circle")]
    assert len(dots) == 3
    assert all(0 < float(dot.attrib["cx"]) < 720 and 0 < float(dot.attrib["cy"]) < 360 for dot in dots)


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.8, "1,234,568"), (3.14159, "3.14"), (7.0, "7"), (0.01234, "0.0123")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_to_be_reached_stands_beside_what_is() -> None:
    lines = [
        line("watch events", "aioinformer, key and labels", 30_000.0, relative=1.0),
        line("watch events", "client-go typed protobuf", 10_000.0, relative=1 / 3),
        line("watch events", "kube-rs, key and labels", 20_000.0, relative=2 / 3),
    ]
    said, _, *rows = summary(lines).splitlines()
    assert said == "1 of 2 targets are reached."
    assert rows[2:] == [
        "| events, key and labels, over client-go typed protobuf | ≥ 2.5 x | 3 x | reached |",
        "| events, key and labels, over kube-rs, key and labels | ≥ 3 x | 1.5 x | **not reached** |",
    ]
