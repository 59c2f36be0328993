"""The cost of one user over the number of users, with every switching point: as text for a terminal and as an SVG drawing.

Both axes are logarithmic: a step from 100 to 1,000 users is as wide as one from 10,000 to 100,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from math import log10

from costs.decide import Decision
from costs.money import Money, shown_unit

DECADES = 3
MARK, SWITCH = "●", "┊"
WIDTH, HEIGHT, MARGIN = 760, 320, 70


@dataclass(frozen=True)
class Scale:
    """From users and cost to a place between 0 and 1."""

    first: int
    last: int
    low: float
    high: float

    def x(self, users: float) -> float:
        return (log10(users) - log10(self.first)) / (log10(self.last) - log10(self.first) or 1)

    def y(self, cost: float) -> float:
        return (log10(cost) - log10(self.low)) / (log10(self.high) - log10(self.low) or 1)


def points(decision: Decision, count: int = 240) -> list[tuple[int, float]]:
    """(users, cost of one) along the envelope: evenly on the logarithmic axis, and at both ends of every segment."""
    last = decision.segments[-1].end
    first = max(last // 10**DECADES, 1)
    step = (log10(last) - log10(first)) / count
    users = {min(max(round(10 ** (log10(first) + index * step)), first), last) for index in range(count + 1)}
    users |= {end for segment in decision.segments for end in (segment.start, segment.end) if first <= end <= last}
    return [(one, float(decision.best(one).cost(one) / one)) for one in sorted(users)]


def _scale(found: Sequence[tuple[int, float]]) -> Scale:
    costs = [cost for _, cost in found if cost > 0]
    low, high = (min(costs), max(costs)) if costs else (1.0, 1.0)
    return Scale(found[0][0], found[-1][0], low, high)


def text(decision: Decision, width: int = 72, height: int = 14) -> str:
    """The curve in characters, `┊` where the cheapest option changes, and the switching points below."""
    found = [point for point in points(decision, width * 4) if point[1] > 0]
    if not found:
        return "nothing costs anything"
    scale = _scale(found)
    rows = [[" "] * width for _ in range(height)]
    for switch in decision.switches:
        if switch.at >= scale.first:
            for row in rows:
                row[_cell(scale.x(switch.at), width)] = SWITCH
    for users, cost in found:
        rows[height - 1 - _cell(scale.y(cost), height)][_cell(scale.x(users), width)] = MARK
    labels = {height - 1 - index: _y_label(decision, scale, index, height) for index in (0, height // 2, height - 1)}
    body = [f"{labels.get(index, ''):>10} │{''.join(row).rstrip()}" for index, row in enumerate(rows)]
    return "\n".join([*body, " " * 11 + "└" + "─" * width, " " * 12 + _x_labels(scale, width), *_switches(decision)])


def _cell(place: float, cells: int) -> int:
    return min(max(round(place * (cells - 1)), 0), cells - 1)


def _y_label(decision: Decision, scale: Scale, index: int, height: int) -> str:
    cost = 10 ** (log10(scale.low) + (log10(scale.high) - log10(scale.low)) * index / (height - 1))
    return shown_unit(Money(Decimal(f"{cost:.6g}"), decision.currency))


def _x_labels(scale: Scale, width: int) -> str:
    line = [" "] * (width + 12)
    power = 10 ** int(log10(scale.first))
    while power <= scale.last:
        if power >= scale.first:
            at = _cell(scale.x(power), width)
            line[at : at + len(f"{power:,}")] = f"{power:,}"
        power *= 10
    return "".join(line).rstrip() + "  users"


def _switches(decision: Decision) -> list[str]:
    return [
        f"  {SWITCH} user {one.at:,}: {one.before} → {one.after}, {'+' if one.step.amount >= 0 else ''}{one.step}"
        for one in decision.switches
    ]


def svg(decision: Decision) -> str:
    """The curve as one SVG element: no script, no font, no address outside."""
    found = [point for point in points(decision) if point[1] > 0]
    if not found:
        return "<p>nothing costs anything</p>"
    scale = _scale(found)
    path = " ".join(f"{_left(scale, users):.1f},{_top(scale, cost):.1f}" for users, cost in found)
    parts = [f'<polyline fill="none" stroke="#1f6feb" stroke-width="2" points="{path}"/>']
    for switch in (one for one in decision.switches if one.at >= scale.first):
        left = _left(scale, switch.at)
        title = escape(f"user {switch.at:,}: {switch.before} to {switch.after}, {switch.step}")
        parts.append(
            f'<line x1="{left:.1f}" x2="{left:.1f}" y1="20" y2="{HEIGHT - 40}" stroke="#999" stroke-dasharray="4 3"><title>{title}</title></line>'
        )
        parts.append(f'<text x="{left + 4:.1f}" y="30">{escape(f"{switch.at:,}")}</text>')
    parts += [_y_text(decision, scale, cost) for cost in (scale.low, scale.high)]
    parts += [_x_text(scale, users) for users in (scale.first, scale.last)]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="cost of one user by number of users">{"".join(parts)}</svg>'


def _left(scale: Scale, users: float) -> float:
    return MARGIN + scale.x(users) * (WIDTH - 2 * MARGIN)


def _top(scale: Scale, cost: float) -> float:
    return HEIGHT - 40 - scale.y(cost) * (HEIGHT - 70)


def _y_text(decision: Decision, scale: Scale, cost: float) -> str:
    return f'<text x="4" y="{_top(scale, cost):.1f}">{escape(shown_unit(Money(Decimal(f"{cost:.6g}"), decision.currency)))}</text>'


def _x_text(scale: Scale, users: int) -> str:
    return f'<text x="{_left(scale, users) - 20:.1f}" y="{HEIGHT - 15}">{users:,} users</text>'
