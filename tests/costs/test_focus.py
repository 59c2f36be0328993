"""Bills in FOCUS against the estimate, and the estimate in FOCUS."""

from __future__ import annotations

import contextlib
import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import books
from costs.estimate import estimate
from costs.focus import bill, export, variance
from costs.money import shown
from errors import BadInput, CannotTell
from tests.costs.figures import LOADED, SEED, TODAY, WITH_ATLAS, cases

BILL = Path(__file__).parent / "data" / "atlas-focus-1.3.csv"
ESTIMATE = estimate(LOADED, 2, WITH_ATLAS)
# The specification's 21 mandatory columns.
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName",
    "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip


def test_a_bill_is_read() -> None:
    """FOCUS 1.3 of a database provider: period, currency, and a total that is the sum of its rows."""
    found = bill.read(BILL)
    assert (found.version, found.period, found.currency) == ("1.3", "2026-11-01 to 2026-12-01", "USD")
    assert found.total.amount == Decimal("478.02")


def test_version_1_2_has_another_column() -> None:
    """The provider's column of 1.2 is understood as that of 1.3."""
    found = bill.parse(BILL.read_text().replace("ServiceProviderName", "ProviderName"), "bill.csv")
    assert found.version == "1.2"
    assert {charge.provider for charge in found.charges} == {"MongoDB"}


def test_price_and_quantity_are_told_apart() -> None:
    """820 hours at $0.574 instead of 730 at $0.54: $27.88 by price, $48.60 by quantity; what no line names cannot be told."""
    database, rest = variance.variance(ESTIMATE, bill.read(BILL))
    assert (shown(database.estimate), shown(database.bill)) == ("$394.20", "$470.68")
    assert (shown(database.price), shown(database.quantity), database.unknown.amount) == ("$27.88", "$48.60", 0)
    assert (rest.component, shown(rest.unknown), rest.rows) == ("not estimated", "$7.34", 2)


@cases(50)
@given(hours=st.integers(1, 2000), cents=st.integers(1, 100000))
def test_the_parts_are_the_difference(hours: int, cents: int) -> None:
    """By price, by quantity and unknown add up to bill minus estimate, whatever was billed."""
    head, first = BILL.read_text().splitlines()[:2]
    row = first.replace("413.28", str(Decimal(cents) / 100)).replace(",720,", f",{hours},")
    for one in variance.variance(ESTIMATE, bill.parse(f"{head}\n{row}\n", "bill.csv")):
        parts = one.price + one.quantity + one.unknown
        assert abs(parts.amount - one.difference.amount) < Decimal("1e-18")


WRONG = [
    ("BilledCost,", "Cost,", "bill.csv:1: is no FOCUS bill: no column BilledCost"),
    ("ServiceProviderName", "Who", "bill.csv:1: is no FOCUS bill"),
    ("413.28", "much", "bill.csv:2: BilledCost is no number: 'much'"),
    ("413.28", "NaN", "bill.csv:2: BilledCost is no number: 'NaN'"),
    ("413.28", "", "bill.csv:2: BilledCost is empty"),
    ("413.28,a1,USD", "413.28,a1,EUR", "bill.csv: mixes currencies EUR, USD"),
    ("413.28,a1,USD", "413.28,a1,", "bill.csv:2: BillingCurrency is no currency: ''"),
    ("413.28", "1e999999", "bill.csv:2: BilledCost is no number"),
    ("413.28,", "413.28,more,", "bill.csv:2: has not as many fields as there are columns"),
    ("BillingCurrency", "BilledCost", "bill.csv:1: is no FOCUS bill"),
    ("ServiceName", "ServiceName,ServiceName", "bill.csv:1: ServiceName is given twice"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG)
def test_a_bill_that_is_none(right: str, wrong: str, message: str) -> None:
    """Missing columns, text for numbers and mixed currencies are exit 2 with file and line."""
    with pytest.raises(BadInput) as error:
        bill.parse(BILL.read_text().replace(right, wrong, 1), "bill.csv")
    assert message in str(error.value)


def test_a_bill_that_is_cut_off() -> None:
    """Half a row, also inside a quoted field, is exit 2 with the line it begins in; a bill without a row is exit 6, not $0."""
    text = BILL.read_text()
    head, first, *_ = text.splitlines()
    described = first.split(",")[5]
    quoted = first.replace(described, '"two\nlines"', 1)
    assert bill.parse(f"{head}\n{quoted}\n{first}\n", "bill.csv").charges[1].line == 4
    for cut in (first[: len(first) // 2], quoted[: quoted.index("lines")]):
        with pytest.raises(BadInput, match=r"bill\.csv:3: has not as many fields"):
            bill.parse(f"{head}\n{first}\n{cut}", "bill.csv")
    with pytest.raises(CannotTell, match="has no charge"):
        bill.parse(f"{head}\n", "bill.csv")


def test_equal_machines_are_one_component() -> None:
    """Three equal machines of three roles, billed at what they cost for 672 hours: one component without any difference, none missing."""
    head = BILL.read_text().splitlines()[0].replace("ServiceProviderName", "ProviderName")
    row = '{},a1,USD,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,Usage,"droplet {} vCPU, {} GB",2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,,672,Hours,DigitalOcean,Droplets,s'
    rows = [row.format("23.99712", 2, 4)] * 3 + [row.format("48", 4, 8)] * 2
    one = estimate(LOADED, 2, books.load("list-2026-11"))
    found = variance.variance(one, bill.parse("\n".join([head, *rows]), "bill.csv"))
    assert [(row.component, row.rows) for row in found] == [
        ("lb host, 4 GB + data host, 4 GB + monitor host, 2 GB", 3),
        ("app host, 8 GB", 2),
    ]
    assert {money.amount for row in found for money in (row.difference, row.price, row.quantity, row.unknown)} == {0}
    assert "data host, 4 GB" not in variance.missing(one, found)
    assert "MongoDB Atlas M30" in variance.missing(one, found)


def test_a_tax_belongs_to_its_vendor() -> None:
    """A database provider's tax is no tax on payment fees; a refund of hours has no price for an hour."""
    one = estimate(LOADED, 2, books.load("list-2026-11"))
    assert any(line.group == "tax" for line in one.lines)
    head, first = BILL.read_text().splitlines()[:2]
    (row,) = variance.variance(one, bill.parse(f"{head}\n{first.replace(',Usage,', ',Tax,')}\n", "bill.csv"))
    assert (row.component, row.unknown) == ("not estimated", row.bill)
    (row,) = variance.variance(one, bill.parse(f"{head}\n{first.replace(',720,', ',-720,')}\n", "bill.csv"))
    assert (row.price.amount, row.quantity.amount, row.unknown) == (0, 0, row.difference)


HEAD, *ROWS = BILL.read_text().splitlines()
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "-1", "1e999", "1e18", "-1e17", "NaN", "2026-13-01", "2026-11-01T00:00:00Z", "USD", "usd", '"']),
)


@st.composite
def rows(draw: st.DrawFn) -> str:
    """A right row with up to three fields replaced."""
    fields = draw(st.sampled_from(ROWS)).split(",")
    for _ in range(draw(st.integers(0, 3))):
        fields[draw(st.integers(0, len(fields) - 1))] = draw(VALUES)
    return ",".join(fields)


@cases(100)
@given(st.one_of(st.text(max_size=300), st.lists(rows(), max_size=4).map("\n".join)))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text below the right columns is a bill or exit 2, never another failure; a bill can be compared."""
    with contextlib.suppress(BadInput, CannotTell):
        variance.variance(ESTIMATE, bill.parse(f"{HEAD}\n{text}", "bill.csv"))


def test_another_currency_is_refused() -> None:
    """A bill in euros is not compared with an estimate in dollars."""
    with pytest.raises(BadInput, match="bill is in EUR"):
        variance.variance(ESTIMATE, bill.parse(BILL.read_text().replace("USD", "EUR"), "bill.csv"))


def test_an_estimate_in_focus() -> None:
    """Every mandatory column, 26 in all, one row for each priced line, exact amounts, and each row says that it is an estimate."""
    rows = list(csv.DictReader(io.StringIO(export.export(estimate(LOADED, 2, SEED), TODAY))))
    assert set(rows[0]) >= MANDATORY
    assert len(rows[0]) == 26
    assert sum(Decimal(row["BilledCost"]) for row in rows) == 500
    assert {row["x_CmctlRecordType"] for row in rows} == {"estimate"}
    assert {row["ChargeCategory"] for row in rows} == {"Usage"}
    assert {row["InvoiceId"] for row in rows} == {""}
    assert {row["BillingPeriodEnd"] for row in rows} == {"2026-12-01T00:00:00Z"}


def test_an_unknown_price_has_no_row() -> None:
    """FOCUS has no null cost: a line without a price is left out, never written as 0."""
    one = estimate(LOADED, 2, books.load("list-2026-11"))
    rows = list(csv.DictReader(io.StringIO(export.export(one, TODAY))))
    assert len(rows) == len(one.lines) - len(one.unknown)


def test_an_estimate_is_never_read_as_a_bill() -> None:
    """What was exported is refused as a bill."""
    with pytest.raises(BadInput, match="not a bill"):
        bill.parse(export.export(ESTIMATE, TODAY), "estimate.csv")
