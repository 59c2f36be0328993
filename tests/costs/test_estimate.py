"""Estimates come from the phase's facts, add up exactly, and keep unknown apart from zero."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import bills, books
from costs.estimate import Estimate, estimate
from costs.money import shown, shown_unit
from environments.model import Environment
from errors import BadInput
from phases.load import Loaded, load
from tests.costs.figures import LOADED, SEED, TODAY, WITH_ATLAS, cases

LIST = books.load("list-2026-11")

RECOMPUTED = [(0, "$97", "$0.0970"), (1, "$155", "$0.0155"), (2, "$500", "$0.0100"), (3, "$1,500", "$0.0150")]
REBUILT = [(1, "$226", "$0.0226"), (2, "$694.20", "$0.01388"), (3, "$3,783.50", "$0.03784")]


@pytest.mark.parametrize(("phase", "total", "per_user"), RECOMPUTED)
def test_the_documents_tables_recomputed(phase: int, total: str, per_user: str) -> None:
    """At the documents' own prices: $155 / 10,000 = $0.0155, $500 / 50,000 = $0.0100, $1,500 / 100,000 = $0.0150."""
    one = estimate(LOADED, phase, SEED)
    assert (shown(one.total), shown_unit(one.per_user), one.exit_code) == (total, per_user, 0)


@pytest.mark.parametrize(("phase", "total", "per_user"), REBUILT)
def test_rebuilt_with_the_list_prices_of_the_database(phase: int, total: str, per_user: str) -> None:
    """With only the Atlas lines at list prices: 0.0226, 0.0139, 0.0378. The third phase is dearer for each user than the first."""
    one = estimate(LOADED, phase, WITH_ATLAS)
    assert (shown(one.total), shown_unit(one.per_user)) == (total, per_user)


def test_two_errors_nearly_cancel_once() -> None:
    """With the VPS at KVM 2 and the database at list price, phase 1 is $170: near the documents' $155, and nowhere else."""
    one = estimate(LOADED, 1, WITH_ATLAS.mapped({"vps-8gb": "hostinger-kvm2"}, LIST))
    assert shown(one.total) == "$170.49"


def test_every_thing_of_a_phase_has_a_line() -> None:
    """Machines by role, database tier, CDN plan: what the facts declare is on the bill with its number."""
    one = estimate(LOADED, 2, SEED)
    quantities = {line.key: line.quantity.typical for line in one.lines}
    assert quantities["host/app/8gb"] == 2
    assert {"host/lb/4gb", "host/data/4gb", "host/monitor/2gb", "database/M30", "cdn/pro"} <= set(quantities)


def test_unknown_is_not_zero() -> None:
    """A missing price leaves its line without an amount, marks the total with ≥ and exits 6."""
    one = estimate(LOADED, 2, LIST)
    assert {line.key for line in one.unknown} == {"domain", "backup", "transfer"}
    assert one.at_least(one.total).startswith("≥ $")
    assert one.exit_code == 6
    assert all("costs/books/list-2026-11.yaml:" in line.why for line in one.unknown)


def test_fees_and_tax_stand_apart() -> None:
    """Payment fees and the tax on them have groups of their own: 2 % and 0.36 % of revenue, outside the total."""
    one = estimate(LOADED, 3, LIST)
    fees, tax = one.span("fees").typical, one.span("tax").typical
    assert shown(fees) == "$6,315.61"
    assert abs(tax.amount / fees.amount - Decimal("0.18")) < Decimal("1e-12")
    assert one.total.amount + fees.amount + tax.amount == one.span().typical.amount


def test_usage_is_low_typical_and_high() -> None:
    """A line that rests on a guess shows three amounts, and says of which date its exchange rate is."""
    one = estimate(LOADED, 3, LIST)
    mail = next(line for line in one.lines if line.key == "email")
    assert mail.amount is not None
    assert mail.amount.low < mail.amount.typical < mail.amount.high
    fee = next(line for line in one.lines if line.key == "payment-fee")
    assert fee.rate is not None
    assert fee.rate.as_of is not None


def test_the_worst_prices_are_shown_by_share() -> None:
    """Shares of spend by confidence add up to 1, and old prices are found after 90 days."""
    one = estimate(LOADED, 2, WITH_ATLAS)
    assert sum(one.confidence().values()) == pytest.approx(1)
    assert one.stale_share(TODAY) == 0
    assert one.stale_share(TODAY + dt.timedelta(days=100)) == 1


@cases(40)
@given(phase=st.sampled_from([0, 1, 2, 3]), users=st.integers(1, 10**7), book=st.sampled_from([SEED, WITH_ATLAS, LIST]))
def test_components_add_up_to_the_total(phase: int, users: int, book: books.Book) -> None:
    """The sum over components, the sum over lines and the total of all groups are the same amount, at any number of users."""
    one = estimate(LOADED, phase, book, users=users)
    whole = one.span().typical.amount
    assert sum((money.amount for money in one.by_component().values()), Decimal(0)) == whole
    assert sum((line.amount.typical.amount for line in one.lines if line.amount), Decimal(0)) == whole


def in_the_cloud() -> Environment:
    """Three application hosts, and one host that plays two roles."""
    host = {"connection": "local", "root": None}
    hosts = {f"app-{n}": {**host, "address": f"192.0.2.{n}", "roles": ["app"]} for n in (1, 2, 3)}
    hosts["both"] = {**host, "address": "192.0.2.9", "roles": ["lb", "monitor"]}
    return Environment.model_validate({
        "name": "staging", "title": "t", "kind": "cloud", "domain": "example.com", "network": "10.1.0.0/24", "hosts": hosts,
        "listen": {"address": "192.0.2.9", "http": 80, "https": 443}, "providers": {"database": "atlas", "edge": "cloudflare"},
        "secrets": {"from": "env"}, "state": {"solo": True}, "tls": {"from": "files", "certificate": "c", "key": "k"},
    })  # fmt: skip


def test_a_cloud_environments_hosts_are_counted() -> None:
    """In the cloud its machines are billed: three application hosts, one host for two roles once, and the host for data that it lacks."""
    one = estimate(LOADED, 2, SEED, environment=in_the_cloud())
    assert machines(one) == {"host/lb/4gb": 1, "host/app/8gb": 3, "host/data/4gb": 1}


def test_a_clusters_nodes_are_billed_in_the_cloud() -> None:
    """Nodes of a cluster stand in no environment's file: they are billed as the phase declares them, never left out."""
    one = estimate(LOADED, 3, SEED, environment=in_the_cloud())
    assert (machines(one), one.total.amount) == ({"host/node/8gb": 5}, 1500)


def machines(one: Estimate) -> dict[str, Decimal]:
    return {line.key: line.quantity.typical for line in one.lines if line.component == "machines"}


@pytest.mark.parametrize("users", [0, -5])
def test_no_users_are_refused(users: int) -> None:
    """Zero and negative users are exit 2."""
    with pytest.raises(BadInput, match="at least one user"):
        estimate(LOADED, 2, SEED, users=users)


def billed(tmp_path: Path, right: str, wrong: str) -> Estimate:
    text = (bills.ROOT / "codementee.yaml").read_text()
    assert right in text
    (tmp_path / "codementee.yaml").write_text(text.replace(right, wrong))
    return estimate(LOADED, 2, SEED, bill_root=tmp_path)


def test_an_unknown_sku_is_named_with_its_line(tmp_path: Path) -> None:
    """A sku that no book knows is a typing mistake: exit 2 with file, line, key and the nearest one."""
    with pytest.raises(BadInput) as error:
        billed(tmp_path, "host/lb/4gb: vps-4gb", "host/lb/4gb: vps-4bg")
    assert "codementee.yaml:9: things.host/lb/4gb: no price book knows 'vps-4bg' (did you mean vps-4gb?)" in str(error.value)


def test_a_thing_without_a_sku_is_unknown(tmp_path: Path) -> None:
    """A machine that the bill does not name is not forgotten: it poisons the total."""
    one = billed(tmp_path, "  host/lb/4gb: vps-4gb\n", "")
    assert [line.key for line in one.unknown] == ["host/lb/4gb"]
    assert one.at_least(one.total) == "≥ $460"


def test_a_sku_of_another_book_is_a_missing_price(tmp_path: Path) -> None:
    """A sku that only another book prices is unknown here, not a mistake."""
    one = billed(tmp_path, "host/lb/4gb: vps-4gb", "host/lb/4gb: hetzner-cx33")
    assert one.unknown[0].why == "price book seed has no price for hetzner-cx33"


def test_bounds_must_rise(tmp_path: Path) -> None:
    """Low above high is refused with file, line and key."""
    with pytest.raises(BadInput, match=r"codementee\.yaml:\d+: population\.active: must rise"):
        billed(tmp_path, "active: {low: 0.2", "active: {low: 0.9")


def test_a_platform_without_a_bill(tmp_path: Path) -> None:
    """A platform of one's own gets told which file to write."""
    loaded = load("codementee")
    other = Loaded(loaded.platform.model_copy(update={"name": "shop"}), loaded.phases, loaded.documents)
    with pytest.raises(BadInput, match="platform shop has no bill"):
        estimate(other, 1, SEED, bill_root=tmp_path)


def test_a_bill_beside_the_platform_comes_first(tmp_path: Path) -> None:
    """A platform's own folder holds its bill; another platform's bill there is refused with its line."""
    text = (bills.ROOT / "codementee.yaml").read_text().replace("  host/lb/4gb: vps-4gb\n", "  host/lb/4gb: vps-8gb\n")
    (tmp_path / "bill.yaml").write_text(text)
    head = LOADED.documents[0]
    own = Loaded(LOADED.platform, LOADED.phases, (replace(head, path=tmp_path / "platform.yaml"), *LOADED.documents[1:]))
    assert estimate(own, 2, SEED).total.amount == 540
    (tmp_path / "bill.yaml").write_text(text.replace("platform: codementee", "platform: shop"))
    with pytest.raises(BadInput, match=r"bill\.yaml:3: platform 'shop' is not 'codementee'"):
        estimate(own, 2, SEED)


def test_the_bill_names_only_what_books_know() -> None:
    """Every sku of the shipped bill is known to a shipped book."""
    bills.load(LOADED).check(books.known())


def test_a_currency_without_a_rate_is_named_with_its_line(tmp_path: Path) -> None:
    """Mixed currencies without a rate are exit 2 with the price's file, line and key."""
    own = tmp_path / "ours.yaml"
    own.write_text(
        "schema: cmctl/prices/1\nname: ours\ntitle: Ours\ncurrency: USD\nbase: seed\nprices:\n"
        "  - {id: atlas-m30, title: M30, vendor: v, sku: M30, unit: month, price: 5, currency: XTS, method: own, confidence: A, source: x, as_of: 2026-11-01}\n"
    )
    with pytest.raises(BadInput, match=r"ours\.yaml:7: currency: no exchange rate for XTS"):
        estimate(LOADED, 2, books.load(str(own)))
