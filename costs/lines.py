"""One line of an estimate: quantity × price, with low, typical and high where usage is a guess."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from costs import books
from costs.bills import Basis, Bought, Bounds, Each, Extra, Group, Population
from costs.books import Book
from costs.exchange import Converted, convert
from costs.money import ZERO, Money
from costs.price import Price, monthly
from errors import BadInput
from phases.model import Phase

PLACES = Decimal("1e-12")
LARGEST = 14


@dataclass(frozen=True)
class Span:
    """Three amounts of one currency: low ≤ typical ≤ high; all three equal where nothing is uncertain."""

    low: Money
    typical: Money
    high: Money

    @classmethod
    def zero(cls, currency: str) -> Span:
        return cls(*(Money(ZERO, currency),) * 3)

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.typical + other.typical, self.high + other.high)

    @property
    def exact(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True)
class Count:
    """A quantity: low, typical, high."""

    low: Decimal
    typical: Decimal
    high: Decimal

    @classmethod
    def exactly(cls, value: Decimal) -> Count:
        return cls(value, value, value)

    def times(self, other: Bounds | Count) -> Count:
        return Count(self.low * other.low, self.typical * other.typical, self.high * other.high)


@dataclass(frozen=True)
class Users:
    """The denominators of a phase: registered and concurrent as declared, active and paying as shares nobody has measured (None: unknown)."""

    registered: Decimal
    concurrent: Decimal
    active: Count | None
    paying: Count | None

    @classmethod
    def of(cls, phase: Phase, population: Population | None, users: int | None = None) -> Users:
        """`users` registered ones, else the phase's target; concurrent in the phase's own proportion. Raises BadInput below 1."""
        if users is not None and users < 1:
            raise BadInput(f"a cost per user needs at least one user, got {users}", hint="--users 1000")
        target = phase.target
        registered = Decimal(target.users if users is None else users)
        concurrent = registered * target.concurrent / target.users
        share = Count.exactly(registered)
        if population is None:
            return cls(registered, concurrent, None, None)
        return cls(registered, concurrent, share.times(population.active), share.times(population.paying))


@dataclass(frozen=True)
class Line:
    """`quantity` of `sku`; `amount` a month in the book's currency, None when no price is known (`why` says why)."""

    key: str
    component: str
    title: str
    group: Group
    sku: str
    price: Price | None
    quantity: Count
    unit: str
    amount: Span | None
    basis: Basis | None
    formula: str
    rate: Converted | None = None
    why: str = ""

    @property
    def usage(self) -> bool:
        """The quantity is a guess about what is used, not a number of things."""
        return self.basis is not None

    @property
    def grows(self) -> bool:
        """The quantity grows with the registered users."""
        return self.basis not in {None, "storage_gb"}


def line_of(want: Extra, book: Book, bought: Bought, users: Users, storage_gb: int) -> Line:
    """The line of one thing. A sku that this book does not price gives a line without amount; one that no book knows is an error."""
    quantity, currency = _quantity(want, bought, users, storage_gb)
    price = book.prices.get(want.sku)
    unit = price.unit if price else want.each.of if want.each else "pieces"
    basis = want.each.of if want.each else None
    line = Line(want.key, want.component, want.title, want.group, want.sku, price, quantity, unit, None, basis, "no price")
    if price is None or not price.known:
        return replace(line, why=_why(want, book, bought, price))
    own = currency or price.currency
    rate = _rate(own, book, f"{bought.document.path}:{bought.document.line(('revenue', 'currency'))}" if currency else book.where[want.sku])
    amounts = (
        Money(_exact((monthly(price, one) or ZERO) * rate.rate), book.currency) for one in (quantity.low, quantity.typical, quantity.high)
    )
    return replace(line, amount=Span(*amounts), formula=_formula(price, quantity, own, want.each), rate=rate if rate.source else None)


def _rate(currency: str, book: Book, where: str) -> Converted:
    """One unit of `currency` in the book's. Raises BadInput that begins with `where` when there is no rate."""
    try:
        return convert(Money(Decimal(1), currency), book.currency, book.rates)
    except BadInput as error:
        raise BadInput(f"{where}: currency: {error.what}", why=error.why, hint=error.hint) from error


def _exact(amount: Decimal) -> Decimal:
    """To 12 places, so that sums are the same in every order: a rate or a twelfth has no end."""
    return amount.quantize(PLACES) if amount.adjusted() < LARGEST else amount


def _quantity(want: Extra, bought: Bought, users: Users, storage_gb: int) -> tuple[Count, str | None]:
    """How much is bought, and the currency when what is counted is money."""
    if want.each is None:
        return Count.exactly(want.count), None
    revenue = bought.bill.revenue
    if want.each.of == "revenue" and revenue is not None and users.paying is not None:
        return users.paying.times(Count.exactly(revenue.price)).times(want.each), revenue.currency
    bases = {
        "registered": Count.exactly(users.registered),
        "concurrent": Count.exactly(users.concurrent),
        "active": users.active,
        "paying": users.paying,
        "storage_gb": Count.exactly(Decimal(storage_gb)),
    }
    basis = bases[want.each.of]
    return (basis or Count.exactly(ZERO)).times(want.each), None


def _why(want: Extra, book: Book, bought: Bought, price: Price | None) -> str:
    if not want.sku:
        return f"{bought.document.path.name} names no sku for {want.key}"
    if price is not None:
        return f"{book.where[want.sku]}: the price of {want.sku} is not known ({price.source})"
    bought.check({*_known(), *book.prices})
    return f"price book {book.name} has no price for {want.sku}"


@cache
def _known() -> frozenset[str]:
    return frozenset(books.known())


def _formula(price: Price, quantity: Count, currency: str, each: Each | None) -> str:
    amount = f"{price.price:f}" if price.price is not None else "tiered prices,"
    if price.unit == "percent":
        return f"{amount} % of {Money(quantity.typical.quantize(Decimal(1)), currency)}"
    if each is None:
        count = f"{quantity.typical.normalize():f} × " if quantity.typical != 1 else ""
        per = f" / {price.per.normalize():,f}" if price.per != 1 else ""
        return f"{count}{amount} {currency}{per}{_time(price)}"
    return f"{quantity.typical:,.0f} {price.unit} at {amount} {currency}" + (f" per {price.per.normalize():,f}" if price.per != 1 else "")


def _time(price: Price) -> str:
    if price.unit == "hour":
        hours = min(price.hours_basis, price.cap_hours or price.hours_basis)
        return f" × {hours.normalize():f} h" + (f", at most {price.cap.normalize():f}" if price.cap else "")
    return " / 12" if price.unit == "year" else ""
