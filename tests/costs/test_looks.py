"""Curves, pages and expositions."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from costs import books, curve, openmetrics, page, report
from costs.decide import of_phases
from costs.estimate import estimate
from costs.per_user import per_user
from tests.costs.figures import LOADED, SEED, TODAY, measured

DECISION = of_phases(LOADED, SEED)
SECOND = estimate(LOADED, 2, SEED)
HELD = per_user(SECOND, measured(p10=2500, p50=3000, p90=4000))


def test_the_curve_in_a_terminal(golden: Callable[[str, str], None]) -> None:
    """Users on x, dollars for one on y, a line where the cheapest phase changes, and the switching points below."""
    golden("costs/curve.txt", curve.text(DECISION) + "\n")


def test_switching_points_are_marked() -> None:
    """Every switching point that is in the picture has its column."""
    rows = curve.text(DECISION).splitlines()
    assert max(row.count(curve.SWITCH) for row in rows[:14]) == 3
    assert "  ┊ user 10,001: phase 1 → phase 2, +$345" in rows


def test_every_point_lies_on_the_envelope() -> None:
    """The drawn points are the cheapest option's cost, at both ends of every segment too."""
    found = dict(curve.points(DECISION))
    assert found[10_000] == 155 / 10_000
    assert found[10_001] == 500 / 10_001
    assert min(found) == 100


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"meta", "polyline"}:
            assert self.open.pop() == tag


def test_pages_stand_alone() -> None:
    """A page's tags close, and it loads nothing: no script, no address, no font."""
    for text in (page.of_estimate(SECOND, HELD, TODAY, DECISION), page.of_curve(DECISION, "a <title> & more")):
        tags = Tags()
        tags.feed(text)
        assert tags.open == []
        assert not re.search(r"https?:|<script|<link|@import|url\(", text)
    assert "a &lt;title&gt; &amp; more" in page.of_curve(DECISION, "a <title> & more")


def test_the_exposition_is_read_by_prometheus() -> None:
    """Prometheus' own parser reads the text, and the cost of one user has its basis and quantiles."""
    families = {one.name: one for one in text_string_to_metric_families(openmetrics.text([(SECOND, HELD)]))}
    samples = {(one.labels["basis"], one.labels["quantile"]): one.value for one in families["cmctl_cost_per_user"].samples}
    assert samples[("registered", "0.5")] == 0.01
    assert samples[("provisioned", "0.9")] == 0.012
    assert ("registered", "0.9") not in samples


def test_unknown_lines_are_exposed() -> None:
    """A lower bound is visible to an alert: the number of lines without a price."""
    one = estimate(LOADED, 2, books.load("list-2026-11"))
    families = {family.name: family for family in text_string_to_metric_families(openmetrics.text([(one, per_user(one))]))}
    assert families["cmctl_cost_unknown_lines"].samples[0].value == 3


def test_how_far_prices_can_be_trusted_is_exposed() -> None:
    """The shares of the spend by confidence are exposed, and add up to 1."""
    one = estimate(LOADED, 2, books.load("list-2026-11"))
    families = {family.name: family for family in text_string_to_metric_families(openmetrics.text([(one, per_user(one))]))}
    shares = {sample.labels["confidence"]: sample.value for sample in families["cmctl_cost_confidence_share"].samples}
    assert set(shares) == {"A", "B", "C"}
    assert sum(shares.values()) == pytest.approx(1)


def test_a_price_after_the_first_term_is_said() -> None:
    """What a line costs after its first term stands below the total: two machines at 10.99, then $29.98 for both."""
    book = books.load("seed").mapped({"vps-8gb": "hostinger-kvm2-1y"}, books.load("list-2026-11"))
    one = estimate(LOADED, 2, book)
    assert one.total.amount == Decimal("361.98")
    assert dict(report.summary(one, TODAY))["then"] == "app host, 8 GB $29.98 after 1 year paid at once"
    assert "then" not in dict(report.summary(SECOND, TODAY))
