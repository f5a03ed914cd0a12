"""Plots as small SVG files: bars, lines and steps, on axes of powers of ten, readable on light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Axis", "bars", "curves"]

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
COLOURS = ("#3b76c4", "#c4573b", "#3f9142", "#8a5bb5", "#b58a2b")
GREY = "#888888"
ROW = 24


@dataclass(frozen=True)
class Axis:
    """A title, and whether steps are factors of ten."""

    title: str
    logarithmic: bool = False


class _Scale:
    """From values to pixels."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self._log = axis.logarithmic
        if self._log:
            self._low, self._high = floor(log10(min(values))), ceil(log10(max(values)))
            self._high = max(self._high, self._low + 1)
            self.ticks = [10.0**power for power in range(self._low, self._high + 1)]
        else:
            step = 10 ** floor(log10(max(values) or 1))
            self._low, self._high = 0, ceil(max(values) / step) * step or 1
            self.ticks = [step * number for number in range(round(self._high / step) + 1)]
        self._start, self._span = start, end - start

    def __call__(self, value: float) -> float:
        at = log10(max(value, 10**self._low)) if self._log else value
        return self._start + self._span * (at - self._low) / (self._high - self._low)


def bars(title: str, values: Mapping[str, float], axis: Axis) -> str:
    """One horizontal bar per name, with its value beside it."""
    left, height = 270, TOP + ROW * len(values) + 20
    scale = _Scale(axis, [*values.values()], left, WIDTH - 90)
    parts = [_text(WIDTH / 2, 20, title, anchor="middle", bold=True)]
    for row, (name, value) in enumerate(values.items()):
        y = TOP + row * ROW
        colour = COLOURS[0] if name.startswith("aioinformer") else GREY
        parts += [
            _text(left - 8, y + 14, name, anchor="end"),
            f'<rect x="{left}" y="{y + 3}" width="{max(1.0, scale(value) - left):.1f}" height="15" fill="{colour}"/>',
            _text(scale(value) + 6, y + 14, _number(value)),
        ]
    parts.append(_text(WIDTH - 10, height - 6, axis.title, anchor="end", small=True))
    return _svg(parts, height)


def curves(
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x: Axis,
    y: Axis,
    *,
    marks: bool = False,
) -> str:
    """One line per name through its points, with a legend; ``marks`` puts a dot on each point."""
    points = [point for line in lines.values() for point in line]
    across = _Scale(x, [point[0] for point in points], LEFT, WIDTH - RIGHT)
    up = _Scale(y, [point[1] for point in points], HEIGHT - BOTTOM, TOP)
    parts = [_text(WIDTH / 2, 20, title, anchor="middle", bold=True), *_axes(across, up, x, y)]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if marks:
            parts += [f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="3" fill="{colour}"/>' for a, b in line]
        parts += [
            f'<rect x="{LEFT + 12}" y="{TOP + 4 + 18 * number}" width="10" height="10" fill="{colour}"/>',
            _text(LEFT + 28, TOP + 13 + 18 * number, name),
        ]
    return _svg(parts, HEIGHT)


def _axes(across: _Scale, up: _Scale, x: Axis, y: Axis) -> list[str]:
    parts = []
    for tick in across.ticks:
        at = across(tick)
        parts += [_line(at, TOP, at, HEIGHT - BOTTOM), _text(at, HEIGHT - BOTTOM + 16, _number(tick), anchor="middle")]
    for tick in up.ticks:
        at = up(tick)
        parts += [_line(LEFT, at, WIDTH - RIGHT, at), _text(LEFT - 6, at + 4, _number(tick), anchor="end")]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x.title, anchor="middle", small=True))
    parts.append(_text(LEFT, TOP - 6, y.title, anchor="middle", small=True))
    return parts


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GREY}" stroke-opacity="0.3"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, small: bool = False) -> str:
    style = ' font-weight="bold" font-size="14"' if bold else (' font-size="11"' if small else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{GREY}"{style}>{escape(text)}</text>'


def _number(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _svg(parts: list[str], height: float) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, *parts, "</svg>\n"])
