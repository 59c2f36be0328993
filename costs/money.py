"""Money: an exact amount in one currency. Rounded only for the eye, never between two sums."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from errors import BadInput

SYMBOLS = {"USD": "$", "EUR": "€", "INR": "₹", "GBP": "£"}
ZERO = Decimal(0)
CENT = Decimal("0.01")
SIGNIFICANT = 4
# A decimal keeps 28 digits; beyond this many before the point there is no room for cents.
MOST_DIGITS = 24


@dataclass(frozen=True)
class Money:
    """`amount` in `currency` (ISO 4217). Sums and differences of two currencies are refused: convert first."""

    amount: Decimal
    currency: str = "USD"

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def per(self, count: Decimal | int) -> Money:
        """This amount for each of `count`. Raises BadInput for zero or fewer."""
        if count <= 0:
            raise BadInput(f"a cost per user needs at least one user, got {count}", hint="--users 1000")
        return Money(self.amount / count, self.currency)

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise BadInput(
                f"{self.currency} and {other.currency} cannot be added up",
                why="no exchange rate was named for them",
                hint="add `rates:` with rate, date and source to the price book, or give prices in one currency",
            )
        return other.amount

    def __str__(self) -> str:
        return shown(self)


def shown(money: Money) -> str:
    """For totals: `$500`, `$1,234.50`, `₹12,34,567.50`."""
    return _signed(money, cents(money.amount))


def shown_unit(money: Money) -> str:
    """For unit costs: four significant digits and at least four places below 1: `$0.0155`, `$0.01388`, `$33.33`."""
    return _signed(money, significant(money.amount))


def significant(amount: Decimal, digits: int = SIGNIFICANT) -> str:
    """`amount` to at least `digits` significant digits: 0.01 → 0.0100, 15.5 → 15.50; from 100 up, to the cent."""
    if not amount:
        return "0"
    if abs(amount) >= 1000:
        return cents(amount)
    rounded = amount.quantize(Decimal((0, (1,), min(amount.adjusted() - digits + 1, -2))), ROUND_HALF_EVEN)
    places = max(2 if abs(rounded) >= 1 else SIGNIFICANT, -_exponent(rounded.normalize()))
    return f"{rounded:,.{places}f}"


def cents(amount: Decimal) -> str:
    """Two places, none when they are zero. Below 1, what cents would hide is shown: 0.0155 must not read 0.02."""
    if amount.adjusted() > MOST_DIGITS:
        return f"{amount:,.0f}"
    rounded = amount.quantize(CENT, ROUND_HALF_EVEN)
    if abs(amount) < 1 and rounded != amount:
        return significant(amount)
    return f"{rounded:,.0f}" if rounded == rounded.to_integral_value() else f"{rounded:,.2f}"


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _signed(money: Money, digits: str) -> str:
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if money.currency == "INR":
        digits = _indian(digits)
    symbol = SYMBOLS.get(money.currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {money.currency}"


def _indian(digits: str) -> str:
    """Lakh and crore grouping as the Unicode locale data has it for India."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - 15 ms that only rupees need

    places = len(digits.partition(".")[2])
    pattern = "#,##,##0" + ("." + "0" * places if places else "")
    return str(format_decimal(Decimal(digits.replace(",", "")), format=pattern, locale="en_IN"))
