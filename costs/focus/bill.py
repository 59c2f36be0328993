"""Bills in FOCUS 1.2 and 1.3 (CSV), as a provider's console or API gives them: read row by row, summed by what was bought."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from costs.money import Money
from errors import BadInput, CannotTell

NEEDED = ("BilledCost", "BillingCurrency", "ChargeCategory", "ServiceName")
PROVIDER = ("ServiceProviderName", "ProviderName")
ESTIMATE = "x_CmctlRecordType"
# Powers of ten between which an amount or a quantity lies; 1e999999 would fill pages with zeros.
SMALLEST, LARGEST = -30, 18


@dataclass(frozen=True)
class Charge:
    """One row of a bill. `sku` is SkuId, SkuPriceId or ChargeDescription; quantity and list price are None where they are not given."""

    line: int
    provider: str
    service: str
    sku: str
    description: str
    category: str
    cost: Money
    quantity: Decimal | None
    unit: str
    unit_price: Decimal | None

    @property
    def text(self) -> str:
        """Everything that names what was bought, in lower case."""
        return f"{self.provider} {self.service} {self.sku} {self.description}".lower()


@dataclass(frozen=True)
class FocusBill:
    """A bill: its version (from its columns), period, currency and charges. Taxes and credits are charges of their own category."""

    version: str
    period: str
    currency: str
    charges: tuple[Charge, ...]

    @property
    def days(self) -> int | None:
        """Days of its period; None where that is not said."""
        start, _, end = self.period.partition(" to ")
        try:
            return (dt.date.fromisoformat(end) - dt.date.fromisoformat(start)).days
        except ValueError:
            return None

    @property
    def total(self) -> Money:
        return sum((charge.cost for charge in self.charges), Money(Decimal(0), self.currency))


def read(path: Path) -> FocusBill:
    """The bill in a file.

    Raises BadInput when a column or field is missing, a number is none, currencies are mixed, or it is an estimate of ours,
    CannotTell when it has no charge.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error), hint="a FOCUS export is a CSV file in UTF-8") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> FocusBill:
    """The bill in `text`; `name` is for messages. Raises BadInput as `read`."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = rows.fieldnames or []
    missing = [column for column in NEEDED if column not in columns]
    if missing or not any(column in columns for column in PROVIDER):
        raise BadInput(
            f"{name}:1: is no FOCUS bill: no column {', '.join(missing) or ' or '.join(PROVIDER)}",
            hint="export the bill as FOCUS 1.2 or 1.3 CSV",
        )
    if ESTIMATE in columns:
        raise BadInput(f"{name}:1: is an estimate that cmctl wrote, not a bill", hint="name the provider's own export")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise BadInput(f"{name}:1: {', '.join(twice)} is given twice", hint="keep one of the columns")
    try:
        found = list(_rows(rows, name))
    except csv.Error as error:
        raise BadInput(f"{name}: is not readable CSV", why=str(error)) from error
    if not found:
        raise CannotTell(f"{name}: has no charge", hint="export a billing period that has ended")
    charges = tuple(_charge(row, line, name) for line, row in found)
    currencies = sorted({charge.cost.currency for charge in charges})
    if len(currencies) > 1:
        raise BadInput(f"{name}: mixes currencies {', '.join(currencies)}", hint="export one billing account at a time")
    period = _period([row for _, row in found])
    return FocusBill("1.3" if "ServiceProviderName" in columns else "1.2", period, currencies[0], charges)


def _rows(rows: csv.DictReader[str], name: str) -> Iterator[tuple[int, dict[str | Any, str | Any]]]:
    """Each row with the line it begins in. Raises BadInput for one with fewer or more fields than columns: the file may be cut off."""
    before = rows.line_num
    for row in rows:
        line = max(before + 1, rows.line_num - sum(str(value).count("\n") for value in row.values()))
        before = rows.line_num
        if None in row.values() or any(row.get(None) or ()):
            raise BadInput(
                f"{name}:{line}: has not as many fields as there are columns", hint="export the bill anew; the file may be cut off"
            )
        yield line, row


def _charge(row: Mapping[str | None, object], line: int, name: str) -> Charge:
    def text(*columns: str) -> str:
        return next((str(row[column]).strip() for column in columns if row.get(column)), "")

    def amount(column: str) -> Decimal | None:
        value = text(column)
        if not value or value.lower() == "null":
            return None
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or (found and not SMALLEST <= found.adjusted() <= LARGEST):
            raise BadInput(f"{name}:{line}: {column} is no number: {value!r}")
        return found

    cost = amount("BilledCost")
    if cost is None:
        raise BadInput(f"{name}:{line}: BilledCost is empty", why="FOCUS demands a number in every row")
    currency = text("BillingCurrency")
    if not re.fullmatch("[A-Z]{3}", currency):
        raise BadInput(f"{name}:{line}: BillingCurrency is no currency: {currency!r}", why="FOCUS demands a code of ISO 4217 in every row")
    price = next((one for one in (amount("ContractedUnitPrice"), amount("ListUnitPrice")) if one is not None), None)
    quantity = next((one for one in (amount("PricingQuantity"), amount("ConsumedQuantity")) if one is not None), None)
    return Charge(
        line,
        text(*PROVIDER),
        text("ServiceName"),
        text("SkuId", "SkuPriceId"),
        text("ChargeDescription"),
        text("ChargeCategory"),
        Money(cost, currency),
        quantity,
        text("PricingUnit", "ConsumedUnit"),
        price,
    )


def _period(rows: Sequence[Mapping[str, object]]) -> str:
    starts = _days(row.get("BillingPeriodStart") or row.get("ChargePeriodStart") for row in rows)
    ends = _days(row.get("BillingPeriodEnd") or row.get("ChargePeriodEnd") for row in rows)
    return f"{starts[0]} to {ends[-1]}" if starts and ends else "unknown"


def _days(values: Iterable[object]) -> list[str]:
    return sorted({str(value)[:10] for value in values if value})
