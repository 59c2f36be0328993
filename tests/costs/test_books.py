"""Price books: shipped ones, a team's own on top, and every way to write one wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from costs import books
from errors import BadInput

OWN = """\
schema: cmctl/prices/1
name: ours
title: Ours
currency: USD
base: seed
defaults: {currency: USD, unit: month, as_of: 2026-11-01, method: own, confidence: A, source: contract}
prices:
  - {id: vps-8gb, title: VPS, vendor: hostinger, sku: VPS, price: 60}
  - {id: domain, title: Domain, vendor: registrar, sku: domain, unit: year, price: 36}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", books.names())
def test_shipped_books_are_readable(name: str) -> None:
    """Each shipped book loads, and every price has a source and a date that is not in the future of its book."""
    book = books.load(name)
    assert book.prices
    assert all(price.source for price in book.prices.values())


def test_the_seed_book_leaves_nothing_of_the_list_unsaid() -> None:
    """What a bill names, either the seed book prices or it says why not."""
    seed = books.load("seed")
    assert {"email", "domain", "payment-fee"} <= set(seed.leaves_out)


def test_own_prices_lie_on_top(tmp_path: Path) -> None:
    """A book of one's own replaces prices of its base, adds what the base leaves out, and names its own lines."""
    book = books.load(written(tmp_path, OWN))
    assert book.prices["vps-8gb"].price == Decimal(60)
    assert book.prices["atlas-m30"].price == Decimal(200)
    assert "domain" not in book.leaves_out
    assert book.where["vps-8gb"].endswith("ours.yaml:8")
    assert book.where["atlas-m30"].startswith("costs/books/seed.yaml:")


WRONG = [
    ("price: 60", "prise: 60", "ours.yaml:8: unknown key prices.0.prise (did you mean price?)"),
    ("as_of: 2026-11-01, ", "", "ours.yaml:8: prices.0.as_of is missing"),
    ("as_of: 2026-11-01", "as_of: soon", "ours.yaml:8: prices.0.as_of"),
    ("price: 60", "price: cheap", "ours.yaml:8: prices.0.price"),
    ("currency: USD\nbase", "currency: dollars\nbase", "ours.yaml:4: currency"),
    ("id: domain", "id: vps-8gb", "prices.1.id 'vps-8gb' is given twice"),
    ("base: seed", "base: ours.yaml", "leads back to itself"),
    ("base: seed", "base: sed", "there is no price book 'sed'"),
    ("confidence: A", "confidence: sure", "confidence"),
    ("schema: cmctl/prices/1", "schema: cmctl/prices/9", "ours.yaml:1: schema"),
    ("price: 60", "price: 1e999999", "ours.yaml:8: prices.0.price"),
    ("price: 60", "price: 60, unit: Hours", "ours.yaml:8: prices.0.unit: 'Hours' is no unit; write hour"),
    ("price: 60", "price: 60, cap: 10, minimum: 20", "ours.yaml:8: prices.0.cap: the cap of 10 is below the minimum of 20"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    """Every mistake in a book is exit 2 with file, line and key."""
    assert right in OWN
    with pytest.raises(BadInput) as error:
        books.load(written(tmp_path, OWN.replace(right, wrong)))
    assert message in str(error.value)
    assert error.value.exit_code == 2


def test_an_unknown_book_is_named() -> None:
    """A mistyped name gets the nearest one."""
    with pytest.raises(BadInput, match="did you mean seed"):
        books.load("seeed")
