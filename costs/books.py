"""Price books: dated prices of one schema, shipped (costs/books/) or a team's own, one on top of another."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from costs.price import Currency, Entry, Price, Rate
from documents import Document, fit, read
from errors import BadInput

HOME = Path(__file__).parent.parent
ROOT = HOME / "costs" / "books"
SCHEMA = "cmctl/prices/1"


class BookFile(Entry):
    """A book as a file. `defaults` stand for keys that a price does not give; `base` is a book whose prices hold unless given here.

    `leaves_out` names what this book leaves out on purpose, with the reason: a report says so instead of calling it unknown.
    """

    form: Literal["cmctl/prices/1"] = Field(alias="schema")
    name: str
    title: str
    currency: Currency
    base: str | None = None
    leaves_out: dict[str, str] = Field(default_factory=dict)
    rates: tuple[Rate, ...] = ()
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Book:
    """Prices by id, in a currency for totals. `where` has file and line of each price."""

    name: str
    title: str
    currency: str
    prices: Mapping[str, Price]
    leaves_out: Mapping[str, str]
    rates: tuple[Rate, ...]
    where: Mapping[str, str]

    def in_currency(self, currency: str) -> Book:
        """This book with totals in another currency, at its own rates or the central bank's."""
        return replace(self, currency=currency)

    def replaced(self, other: Book, *, vendor: str) -> Book:
        """This book with the prices that `other` has for `vendor`'s things, for a what-if of one vendor."""
        swapped = {key: other.prices[key] for key in self.prices if key in other.prices and other.prices[key].vendor == vendor}
        return replace(self, name=f"{self.name}+{other.name}:{vendor}", prices={**self.prices, **swapped})

    def mapped(self, identifiers: Mapping[str, str], other: Book) -> Book:
        """This book with `identifiers[id]` of `other` in the place of each id: `{"vps-8gb": "hostinger-kvm2"}`."""
        swapped = {mine: other.prices[theirs].model_copy(update={"id": mine}) for mine, theirs in identifiers.items()}
        return replace(self, name=f"{self.name}+{other.name}", prices={**self.prices, **swapped})


def names(root: Path = ROOT) -> list[str]:
    return sorted(path.stem for path in root.glob("*.yaml"))


def load(name: str | Path, root: Path = ROOT) -> Book:
    """The shipped book called `name`, or the team's own book in the file `name`.

    Raises BadInput for an unknown name, a malformed file (file, line, key), or a base that leads back to itself.
    """
    return _load(_path(str(name), root, beside=None), root, ())


def known(root: Path = ROOT) -> set[str]:
    """The ids that any shipped book knows, priced or left out: another id is a typing mistake, not a missing price."""
    books = [load(name, root) for name in names(root)]
    return {key for book in books for key in (*book.prices, *book.leaves_out)}


def _path(name: str, root: Path, beside: Path | None) -> Path:
    if name in names(root):
        return root / f"{name}.yaml"
    path = Path(name).expanduser()
    path = beside.parent / path if beside and not path.is_absolute() else path
    if path.suffix in {".yaml", ".yml"}:
        return path
    close = difflib.get_close_matches(name, names(root), n=1)
    guess = f"did you mean {close[0]}?" if close else f"known: {', '.join(names(root))}"
    raise BadInput(
        f"there is no price book {name!r}", why=guess, hint="cmctl cost prices check, or --book with the path of your own .yaml file"
    )


def _load(path: Path, root: Path, above: tuple[Path, ...]) -> Book:
    if path.resolve() in above:
        raise BadInput(f"{path}: the book's base leads back to itself", why=" → ".join(one.name for one in (*above, path)))
    document = _with_defaults(read(path, provenance=False))
    file = fit(document, BookFile)
    own = _own(document, file)
    if file.base is None:
        return own
    base = _load(_path(file.base, root, beside=path), root, (*above, path.resolve()))
    left = {key: why for key, why in base.leaves_out.items() if key not in own.prices}
    return replace(
        own,
        prices={**base.prices, **own.prices},
        leaves_out={**left, **own.leaves_out},
        rates=(*own.rates, *base.rates),
        where={**base.where, **own.where},
    )


def _with_defaults(document: Document) -> Document:
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("defaults"), dict) or not isinstance(data.get("prices"), list):
        return document
    defaults: dict[str, Any] = data["defaults"]
    prices = [{**defaults, **price} if isinstance(price, dict) else price for price in data["prices"]]
    rest = {key: value for key, value in data.items() if key != "defaults"}
    return replace(document, data={**rest, "prices": prices})


def _own(document: Document, file: BookFile) -> Book:
    prices: dict[str, Price] = {}
    where: dict[str, str] = {}
    path = document.path.relative_to(HOME) if document.path.is_relative_to(HOME) else document.path
    for index, price in enumerate(file.prices):
        at = f"{path}:{document.line(('prices', index))}"
        if price.id in prices:
            raise BadInput(
                f"{at}: prices.{index}.id {price.id!r} is given twice", why=f"first at {where[price.id]}", hint="keep one of them"
            )
        prices[price.id], where[price.id] = price, at
    return Book(file.name, file.title, file.currency, prices, file.leaves_out, file.rates, where)
