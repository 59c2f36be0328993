"""Charts as inline SVG: positions worked out here, colours left to the page's style. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

WIDTH, HEIGHT = 720.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 16.0, 44.0
TICKS = 6
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A scale from values to positions; `log` for latencies, which span decades."""

    title: str
    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """0 at the low end, 1 at the high one; values outside are held at the ends."""
        if self.log:
            low, high, value = (math.log10(max(one, 1e-9)) for one in (self.low, self.high, value))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [step * 10.0**decade for decade in decades for step in (1, 2, 5) if self.low <= step * 10.0**decade <= self.high]
        raw = (self.high - self.low) / TICKS or 1.0
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(one * unit for one in STEPS if one * unit >= raw)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


@dataclass(frozen=True)
class Points:
    """Marks of one kind: (x, y, what the mouse reads). `line` joins them in the order given; without `marks` only the line is drawn."""

    name: str
    style: str
    points: Sequence[tuple[float, float, str]]
    line: bool = False
    marks: bool = True


@dataclass(frozen=True)
class Rule:
    """A line across the chart at a value, with its name."""

    value: float
    name: str
    style: str = "limit"
    across: Literal["x", "y"] = "y"


@dataclass(frozen=True)
class Chart:
    title: str
    x: Axis
    y: Axis
    series: Sequence[Points]
    rules: Sequence[Rule] = ()
    bands: Sequence[tuple[float, float, str]] = field(default=())

    def svg(self) -> str:
        """The chart as one element; it scales with the page and names itself to screen readers."""
        parts = [*self._bands(), *self._grid(), *self._rules(), *(part for one in self.series for part in self._points(one))]
        label = escape(self.title, quote=True)
        return f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{label}">{"".join(parts)}</svg>'

    def _x(self, value: float) -> float:
        return LEFT + self.x.at(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - TOP - BOTTOM)

    def _grid(self) -> list[str]:
        floor, found = HEIGHT - BOTTOM, []
        for value in self.x.ticks():
            x = self._x(value)
            found.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{floor}"/>')
            found.append(f'<text x="{x:.1f}" y="{floor + 16:.1f}" text-anchor="middle">{_number(value)}</text>')
        for value in self.y.ticks():
            y = self._y(value)
            found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            found.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        found.append(f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.x.title)}</text>')
        turned = f'transform="rotate(-90 14 {(TOP + floor) / 2:.1f})"'
        found.append(f'<text class="axis" x="14" y="{(TOP + floor) / 2:.1f}" text-anchor="middle" {turned}>{escape(self.y.title)}</text>')
        return found

    def _bands(self) -> list[str]:
        found = []
        for low, high, name in self.bands:
            x, right = self._x(low), self._x(high)
            width = max(1.0, right - x)
            title = f"<title>{escape(name)}</title>"
            found.append(f'<rect class="band" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}">{title}</rect>')
        return found

    def _rules(self) -> list[str]:
        found = []
        for rule in self.rules:
            if rule.across == "y":
                y = self._y(rule.value)
                found.append(f'<line class="{rule.style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
                found.append(f'<text class="{rule.style}-text" x="{LEFT + 6}" y="{y - 4:.1f}">{escape(rule.name)}</text>')
            else:
                x = self._x(rule.value)
                found.append(f'<line class="{rule.style}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        return found

    def _points(self, one: Points) -> list[str]:
        places = [(self._x(x), self._y(y), text) for x, y, text in one.points]
        found = []
        if one.line and len(places) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
            found.append(f'<polyline class="{one.style}-line" points="{path}"/>')
        if not one.marks:
            return found
        found += [
            f'<circle class="{one.style}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(text)}</title></circle>' for x, y, text in places
        ]
        return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"
