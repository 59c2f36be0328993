"""The audit of cost tables in the forms that people write: a right one is right, a wrong one is found, whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import junit
from costs.audit.model import Audit
from costs.audit.run import Source, audit, read
from costs.audit.words import amounts, clean
from costs.money import Money
from errors import BadInput
from tests.costs.figures import cases

TABLE = "## Costs for 5,000 users\n\n| Item | Cost |\n|---|---|\n"


def audited(text: str, name: str = "costs.md") -> Audit:
    return audit([Source(name, text)])


def verdicts(text: str, name: str = "costs.md") -> list[tuple[str, str, str]]:
    return [(row.sum, row.per_user, row.verdict) for row in audited(text, name).rows]


AMOUNTS = [
    ("50 USD", "50", "USD"), ("US$50", "50", "USD"), ("50 dollars", "50", "USD"), ("100$", "100", "USD"), ("Rs. 1,500", "1500", "INR"),
    ("INR 1,00,000", "100000", "INR"), ("₹1.5 lakh", "150000", "INR"), ("₹1.5L", "150000", "INR"), ("₹2 crore", "20000000", "INR"),
    ("€1.234,50", "1234.50", "EUR"), ("1.234,50 €", "1234.50", "EUR"), ("100,00 €", "100", "EUR"), ("$1,234.50", "1234.50", "USD"),
    ("$0.031", "0.031", "USD"), ("1.5¢", "0.015", "USD"), ("1.5 cents", "0.015", "USD"), ("Discount: −$10", "-10", "USD"),
    ("| Credit | ($10) |", "-10", "USD"), ("1 234,50 €", "1234.50", "EUR"), ("1\u00a0234 €", "1234", "EUR"), ("\\$80", "80", "USD"), ("VPS - $60", "60", "USD"), ("$3 million", "3000000", "USD"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "currency"), AMOUNTS)
def test_amounts_as_they_are_written(text: str, value: str, currency: str) -> None:
    """Codes and signs behind the number, lakh and crore, decimal commas, cents, amounts below zero."""
    (found,) = amounts(clean(text))
    assert (found.low, found.currency) == (Decimal(value), currency)


@pytest.mark.parametrize("text", ["$20 to $30", "between $20 and $30", "$20–30", "$20 - $30", "20-30 USD"])
def test_ranges_as_they_are_written(text: str) -> None:
    """Both ends, with every dash and with `to`; what goes from one to another is no range."""
    (found,) = amounts(clean(text))
    assert (found.low, found.high) == (20, 30)
    assert len(amounts(clean("from $20 to $30"))) == 2


RIGHT = [
    ("bold totals", TABLE + "| Server | $60 |\n| DB | $40 |\n| __Total__ | **$100** |\n"),
    ("a currency in the head", TABLE.replace("Cost |", "Cost (USD) |") + "| Server | 60 |\n| DB | 40 |\n| Sum | 100 |\n"),
    ("a credit", TABLE + "| Server | $110 |\n| Credit | -$10 |\n| Total | $100 |\n"),
    ("a subtotal", TABLE + "| Server | $50 |\n| DB | $30 |\n| *Subtotal* | $80 |\n| Tax | $20 |\n| Total | $100 |\n"),
    ("the total first", TABLE + "| **Total** | **$100** |\n| Server | $60 |\n| DB | $40 |\n"),
    ("a former price", TABLE + "| Server | $60 (was $50) |\n| DB | $480/year |\n| Total | $100 |\n"),
    ("pieces", TABLE + "| Servers | 2 × $30 = $60 |\n| DB | 2 x $20 |\n| Total | $100 |\n"),
    ("struck out", TABLE + "| Server | $60 |\n| DB | $40 |\n| ~~CDN~~ | ~~$20~~ |\n| Total | $100 |\n"),
    ("quantity and unit price", TABLE.replace("Cost |", "Qty | Unit price | Cost |") + "| VM | 3 | $20 | $60 |\n| DB | 1 | $40 | $40 |\n| Total | 4 | | $100 |\n"),
    ("merged cells", TABLE.replace("Item", "Kind | Item") + "| Compute | Web | $50 |\n|  | Worker | $10 |\n| Data | DB | $40 |\n| Total | | $100 |\n"),
    ("plain text", "COSTS (5,000 users)\n===================\nServer ...... $60\nDatabase .... $40\n-----------\nTOTAL ....... $100\n"),
    ("no pipes outside", "## Costs for 5,000 users\n\nItem | Cost ($)\n--- | ---:\nServer | 60\nDB | 40\n**Sum** | **$100**\n"),
    ("a drawn box", "COSTS (5,000 users)\n===\n+--------+------+\n| Item   | Cost |\n+--------+------+\n| Server | $60  |\n| DB     | $40  |\n+--------+------+\n| Total  | $100 |\n"),
    ("a box of lines", "COSTS (5,000 users)\n===\n┌────────┬──────┐\n│ Server │ $60  │\n│ DB     │ $40  │\n├────────┼──────┤\n│ Total  │ $100 │\n└────────┴──────┘\n"),
    ("tabs", "## Costs for 5,000 users\nServer\t$60\nDB\t$40\nTotal\t$100\n"),
    ("lines with a colon", "## Costs\n\nUsers: 5,000\n\nServer: $60\nDatabase: $40\nTotal: $100 per month\n"),
    ("lists in lists", "## Costs for 5,000 users\n- Compute: $60\n  - Web: $50\n  - Worker: $10\n- DB: $40\n- Total: $100\n"),
    ("details further in", "## Costs for 5,000 users\n- Hosting: $60\n  - with backups ($5/month)\n- DB: $40\n- Optional: $26\n- Total without optional: $100\n"),
    ("amounts in notes", TABLE.replace("Cost |", "Cost | Notes |") + "| Server | $60 | was $50 |\n| DB | $40 | up to $80 at peak |\n| Total | $100 | $1,200 per year |\n"),
    ("a year's total", "## Costs for 5,000 users\n- Server: $60\n- DB: $40\n- Annual total: $1,200\n- Estimated monthly total: $100\n"),
    ("a total above its list", "## Costs for 5,000 users\nTotal: $100\n\n- Server: $60\n- DB: $40\n"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "text"), RIGHT)
def test_a_right_table_in_any_form(claim: str, text: str) -> None:
    """$60 + $40 for 5,000 users is $100 and $0.0200 for each, and right; with another total it is not."""
    found = audited(text)
    (row,) = found.rows
    assert (row.sum, row.per_user, row.verdict) == ("$100", "$0.0200", "right"), claim
    assert (found.contradictions, found.exit_code) == ((), 0)
    assert [one.kind for one in audited(text.replace("$100", "$150").replace("| 100 |", "| 150 |")).contradictions] == ["sum"]


def test_a_column_for_each_phase() -> None:
    """Every column with a total is a table of its own, with the users and the cost of one that stand in it."""
    text = (
        "## Costs\n\n| Item | Phase 1 (10k users) | Phase 2 (50k users) |\n|---|---|---|\n| VPS 8 GB | $80 | $160 |\n"
        "| DB | $75 | $200 |\n| CDN | free | $20 |\n| Total | $155 | $400 |\n| Cost per user | $0.0155 | $0.008 |\n"
    )
    assert verdicts(text) == [("$155", "$0.0155", "right"), ("$380", "$0.0076", "sum")]
    (found,) = audited(text).contradictions
    assert (found.kind, found.where.line) == ("sum", 8)


def test_a_total_for_each_row() -> None:
    """A table of months is added up downwards and across; the wrong cell is found in both, the right lines stay right."""
    text = "| Line | Jan | Feb | Total |\n|---|---|---|---|\n| Server | $40 | $40 | $90 |\n| DB | $60 | $75 | $135 |\n| Total | $100 | $115 | $215 |\n"
    assert [one.where.line for one in audited(text).contradictions] == [3, 5]
    assert {verdict for *_, verdict in verdicts(text.replace("$90", "$80"))} == {"right"}


def test_a_year_beside_a_month() -> None:
    """A column for the year is the column for the month, twelve times."""
    text = "| Item | Monthly | Annual |\n|---|---|---|\n| Server | $40 | $480 |\n| Domain | $1 | $12 |\n| Total | $41 | $492 |\n"
    assert [(one, verdict) for one, _, verdict in verdicts(text)] == [("$41", "right"), ("$41", "right")]


def test_rupees_are_no_dollars() -> None:
    """A table in rupees says rupees, grouped as in India, and is not compared with a list in dollars."""
    text = "## For 1 lakh users\n- MongoDB Atlas M30: ₹1.5 lakh/month\n- CDN: ₹50,000/month\n- Total: ₹2 lakh/month\n- Cost per user: ₹2\n"
    assert verdicts(text) == [("₹2,00,000", "₹2.00", "right")]
    (found,) = audited(text.replace("₹2 lakh", "₹3 lakh")).contradictions[:1]
    assert "1,50,000 + 50,000 = ₹2,00,000, stated ₹3,00,000" in found.text


def test_two_currencies_are_not_added_up() -> None:
    """Dollars and euros are added at the central bank's rate, which is named; $50 + €30 is not $80."""
    (found,) = audited(TABLE + "| Server | $50 |\n| DB | €30 |\n| Total | $80 |\n").contradictions
    assert found.kind == "sum"
    assert "EUR at 1." in found.text
    assert "European Central Bank reference rates, 2026-10-30" in found.text


def test_credits_and_endless_numbers_in_a_ledger() -> None:
    """A line of a YAML table may be a credit; a number longer than any bill is exit 2 with its line."""
    text = "schema: cmctl/cost-table/1\ntables:\n  - thing: phase 2\n    lines: [{name: Host, amount: 160}, {name: Credit, amount: -10}]\n    total: 150\n"
    assert verdicts(text, "costs.yaml") == [("$150", "", "right")]
    with pytest.raises(BadInput, match=r"costs\.yaml:4: tables\.0\.lines\.0\.amount"):
        audited(text.replace("160", "1e999999"), "costs.yaml")


def test_a_mark_of_the_byte_order_is_no_text(tmp_path: Path) -> None:
    """A file with a byte order mark in front begins with its heading all the same."""
    path = tmp_path / "costs.md"
    path.write_text("## Costs for 5,000 users\n- Server: $60\n- DB: $40\n- Total: $100\n", encoding="utf-8-sig")
    assert audit([read(path)]).rows[0].per_user == "$0.0200"


def test_csv_is_read() -> None:
    """A table as CSV is read as one in Markdown."""
    assert verdicts('Item,Monthly\nServer,$60\n"DB, replicated","$1,040"\nTotal,"$1,200"\n', "costs.csv") == [("$1,100", "", "sum")]
    (found,) = audited('Item,Cost\n"Server\nin Paris",$60\nDB,$40\nTotal,$150\n', "costs.csv").contradictions
    assert (found.kind, found.where.line) == ("sum", 5)
    assert verdicts('Service;Kosten (EUR)\nServer;"49,90"\nDatenbank;57\nSumme;"106,90"\n', "costs.csv") == [("€106.90", "", "right")]


def test_months_and_years_in_german() -> None:
    """`/Monat` and `/Jahr` are no unit prices."""
    assert verdicts("- Server: 49,90 €/Monat\n- Domain: 12 €/Jahr\n- Gesamt: 50,90 €/Monat\n") == [("€50.90", "", "right")]


def test_what_cannot_be_told_is_said() -> None:
    """A line with several amounts, of which none is surely its cost, leaves the total open: exit 6, and no contradiction."""
    found = audited(TABLE + "| Server | $60 then $50 |\n| DB | $40 |\n| Total | $100 |\n")
    assert (found.contradictions, found.exit_code) == ((), 6)
    assert found.rows[0].verdict == "cannot tell: line 5 has several amounts"


def test_pods_of_two_places_in_one_line() -> None:
    """Ranges that one line sets side by side do not contradict each other."""
    assert audited("We run 2-10 pods in production and 1-2 pods in staging.\n").contradictions == ()
    assert [one.kind for one in audited("We run 2-10 pods.\n\nThere are 3-5 pods.\n").contradictions] == ["pods"]


def test_pieces_behind_a_name() -> None:
    """Two of a plan at $50 are not the plan at another price; a processor's x86 is no number of pieces."""
    text = "## One\n- Render Standard: $25\n- CDN: $5\n- Total: $30\n## Two\n- Render Standard x2: $50\n- CDN: $5\n- Total: $55\n"
    assert audited(text).contradictions == ()
    assert [one.kind for one in audited(text.replace("x2", "x86")).contradictions] == ["sku price"]


def test_control_characters() -> None:
    """A form feed begins no line, and what no terminal or XML takes does not come out again."""
    found = audited("## Costs\x0c\n- Ser\x1bver: $60\n- DB\x00: $40\n- Total: $40\n")
    (one,) = found.contradictions
    assert (one.where.line, "Ser ver (line 2) is left out" in one.text) == (4, True)
    assert minidom.parseString(junit.of_audit(found)).documentElement.tagName == "testsuites"


def test_quantity_times_unit_price() -> None:
    """3 × $20 beside $70 is a contradiction, also where the total is the sum of what stands there; in the head's currency too."""
    text = TABLE.replace("Cost |", "Qty | Unit price | Cost |") + "| VM | 3 | $20 | $70 |\n| DB | 1 | $40 | $40 |\n| Total | 4 | | $110 |\n"
    (found,) = audited(text).contradictions
    assert (found.kind, found.where.line, found.text) == ("product", 5, "VM: 3 × $20 = $60, not $70")
    euros = "| Item | Qty | Unit (€) | Total (€) |\n|---|---|---|---|\n| VM | 3 | 12,50 | 37,50 |\n| DB | 1 | 1.200,00 | 1.200,00 |\n| Sum | | | 1.237,50 |\n"
    assert audited(euros).contradictions == ()
    assert [one.kind for one in audited(euros.replace("| 37,50", "| 47,50").replace("1.237", "1.247")).contradictions] == ["product"]


def test_a_sum_in_a_sentence() -> None:
    """A sum that is written out is added up."""
    (found,) = audited("Phase 2: Server $160 + DB $200 + CDN $20 = $400\n").contradictions
    assert found.text == "$160 + $200 + $20 = $380, not $400"
    assert audited("Server $80 + DB $75 = $155; 5 × $2 + $10 = $20; $10 + $5 per user = $20\n").contradictions == ()


def continental(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


WRITTEN: list[Callable[[Decimal], str]] = [
    lambda amount: f"${amount:,.2f}",
    lambda amount: f"{amount:.2f} USD",
    lambda amount: f"{continental(amount)} €",
    lambda amount: f"€{continental(amount)}",
    lambda amount: str(Money(amount, "INR")),
    lambda amount: f"Rs. {amount:,.2f}",
    lambda amount: f"**£{amount}**/month",
]
LAID_OUT: list[Callable[[list[tuple[str, str]]], str]] = [
    lambda lines: TABLE + "".join(f"| {name} | {cost} |\n" for name, cost in lines),
    lambda lines: TABLE.replace("Cost |", "No. | Cost |") + "".join(f"| {name} | {index} | {cost} |\n" for index, (name, cost) in enumerate(lines)),
    lambda lines: TABLE.replace("Cost |", "Now | Later |") + "".join(f"| {name} | {cost} | {cost} |\n" for name, cost in lines),
    lambda lines: TABLE + "".join(f"| {name} | {cost} |\n" for name, cost in (lines[-1], *lines[:-1])),
    lambda lines: "## Costs\n" + "".join(f"- **{name}**: {cost}\n" for name, cost in lines),
    lambda lines: "## Costs\n" + "".join(f"{name}: {cost}\n" for name, cost in lines),
    lambda lines: "COSTS\n=====\n" + "".join(f"{name:.<30} {cost}\n" for name, cost in lines),
    lambda lines: "## Costs\n```\n" + "".join(f"├── {name}: {cost}\n" for name, cost in lines) + "```\n",
]  # fmt: skip


ROWS = TABLE + "| Web | $40 |\n| DB | $60 |\n"
LIST = "- Web: $40\n- DB: $60\n"


@pytest.mark.parametrize("text", [
    ROWS + "| Total (excl. VAT) | $100 |\n| VAT 20 % | $20 |\n| Total (incl. VAT) | {} |\n",
    LIST + "- Total: $100\n- Buffer (20 %): $20\n- Total with buffer: {}\n",
    TABLE + "| Web | $40 |\n| Worker | $20 |\n| Compute total | $60 |\n| DB | $60 |\n| Total | {} |\n",
    "- Web: $0.05/hour ($60/month)\n- DB: $60/month\n- Total: {}/month\n",
])  # fmt: skip
def test_totals_of_parts_and_prices_for_an_hour(text: str) -> None:
    """A tax behind a total goes on from it, totals of parts count once, of a price for an hour and one for a month the month's counts."""
    assert audited(text.format("$120")).exit_code == 0
    assert [one.kind for one in audited(text.format("$130")).contradictions] == ["sum"]


@pytest.mark.parametrize("line", ["Total savings: $200", "Total budget: $200", "Total revenue: $5,000", "Total cost savings: $20"])
def test_totals_of_something_else(line: str) -> None:
    """What is saved, allowed or earned is no total of the costs above it."""
    assert audited(f"{LIST}- {line}\n- Total: $100\n").exit_code == 0


def test_a_year_of_two_columns() -> None:
    """A fee and a month's price do not add up to the first year, and need not."""
    text = "| Service | Base | Extra | Total{} |\n|---|---|---|---|\n| Web | $40 | $100 | $580 |\n"
    assert audited(text.format(" first year")).contradictions == ()
    assert [one.kind for one in audited(text.format("")).contradictions] == ["sum"]


def test_the_cost_of_a_user_beside_the_total() -> None:
    """What one user costs may stand in the total's own line."""
    text = "## For 10,000 users\n* VPS: $40\n* DB: $60\n* **Total: $100/mo ({} per user)**\n"
    assert audited(text.format("$0.01")).contradictions == ()
    assert [one.kind for one in audited(text.format("$1")).contradictions] == ["per user"]


def test_numbered_rows() -> None:
    """Rows that are counted in front have the name behind, and a total without a number is the total."""
    text = "| # | Item | Cost |\n|---|---|---|\n| 1 | Web | $40 |\n| 2. | DB | $57 |\n| | Total | {} |\n"
    assert verdicts(text.format("$97")) == [("$97", "", "right")]
    assert [one.kind for one in audited(text.format("$107")).contradictions] == ["sum"]


@pytest.mark.parametrize(
    ("head", "row", "total"),
    [
        ("Qty | Unit price | Setup | Monthly", "3 | $20 | $10 | $60", "| | $10 | $60"),
        ("Qty | Unit price | Monthly | Yearly", "3 | $20 | $60 | $720", "| | $60 | $720"),
        ("Qty | Unit price | Discount | Cost", "3 | $20 | 10 % | $54", "| | | $54"),
        ("Qty | Rate/hour | Cost ($)", "2 | 0.05 | 73", "| | 73"),
        ("Qty | Unit price (€/h) | Hours | Cost (€)", "2 | 0.05 | 730 | 73", "| | | 73"),
        ("Units | Price per unit ($ per 1,000) | Cost ($)", "50,000 | 0.10 | 5", "| | 5"),
    ],
)
def test_other_factors_than_a_quantity(head: str, row: str, total: str) -> None:
    """Setup fees, years, hours, discounts and prices for a thousand make no contradiction of quantity × unit price."""
    rule = "|---" * (head.count("|") + 2)
    assert audited(f"| Item | {head} |\n{rule}|\n| VM | {row} |\n| Total | {total} |\n").contradictions == ()


def test_unit_prices_without_a_sign() -> None:
    """A unit's price without a currency is in that of the cost beside it."""
    text = "| Machine | Qty | Unit price | Monthly (USD) |\n|---|---|---|---|\n| app | 3 | 24 | {} |\n| db | 1 | 57 | 57 |\n| Total | | | {} |\n"
    assert audited(text.format(72, 129)).contradictions == ()
    assert [one.text for one in audited(text.format(82, 139)).contradictions] == ["app: 3 × $24 = $72, not $82"]


@cases(150)
@given(
    costs=st.lists(st.integers(1, 10**8).map(lambda cents: Decimal(cents) / 100), min_size=2, max_size=8),
    written=st.sampled_from(WRITTEN),
    laid_out=st.sampled_from(LAID_OUT),
    wrong=st.integers(1, 10**6).map(lambda cents: Decimal(cents) / 100),
)
def test_every_form_of_every_sum(
    costs: list[Decimal], written: Callable[[Decimal], str], laid_out: Callable[[list[tuple[str, str]]], str], wrong: Decimal
) -> None:
    """Whatever the figures, their writing and the layout: a right total is right, a wrong one is found."""
    lines = [(f"Server {chr(65 + index)}", written(cost)) for index, cost in enumerate(costs)]
    right = audited(laid_out([*lines, ("Total", written(sum(costs, Decimal(0))))]))
    assert {row.verdict for row in right.rows} == {"right"}
    assert right.contradictions == ()
    found = audited(laid_out([*lines, ("Total", written(sum(costs, wrong)))]))
    assert {one.kind for one in found.contradictions} == {"sum"}
