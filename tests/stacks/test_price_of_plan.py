"""The price in a plan is the price that `cmctl cost` says for the same environment and book."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from costs import books
from costs.estimate import estimate
from environments.load import load as environment
from phases.load import Loaded, load
from stacks import price

LOADED = load("codementee")
LOCAL = environment("local")


@pytest.fixture(autouse=True)
def no_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(price.BOOK_VARIABLE, raising=False)


def test_component_by_component() -> None:
    """From phase 1 to phase 2 it is $155 to $500, and what stays the same has no row."""
    found = price.change(LOADED, 1, 2, LOCAL)
    assert (found.before, found.after, found.delta, found.book) == ("$155", "$500", Decimal(345), "seed")
    assert ("MongoDB Atlas M20 → MongoDB Atlas M30", "$75", "$200") in found.rows
    assert not any("certificates" in title.lower() for title, *_ in found.rows)


def test_the_machines_of_a_cloud_environment_are_counted() -> None:
    """A third application host in the environment's file costs one more machine in the plan too, as the report says."""
    cloud = LOCAL.model_copy(
        update={
            "kind": "cloud",
            "hosts": {f"h{number}": LOCAL.hosts["local"].model_copy(update={"roles": ("app",)}) for number in range(3)},
        }
    )
    found = price.change(LOADED, None, 2, cloud)
    told = estimate(LOADED, 2, books.load("seed"), environment=cloud)
    assert found.before == ""
    assert (found.after, found.delta) == (f"${told.total.amount.normalize():f}", told.total.amount)
    assert found.delta != price.change(LOADED, None, 2, LOCAL).delta


def test_a_book_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The book that CMCTL_BOOK names is the plan's too; an unknown price makes its total a lower bound."""
    own = tmp_path / "ours.yaml"
    own.write_text(
        "schema: cmctl/prices/1\nname: ours\ntitle: Ours\ncurrency: USD\nbase: seed\n"
        "defaults: {currency: USD, method: own, confidence: A, source: contract, as_of: 2026-11-01}\n"
        "prices:\n  - {id: atlas-m30, title: M30, vendor: mongodb-atlas, sku: M30, unit: month, price: null}\n"
    )
    monkeypatch.setenv(price.BOOK_VARIABLE, str(own))
    found = price.change(LOADED, 1, 2, LOCAL)
    assert (found.book, found.after) == ("ours", "≥ $300")


def test_a_platform_without_a_bill_can_be_planned() -> None:
    """No bill is no reason to refuse a plan: the price is said to be unknown, and why."""
    other = Loaded(LOADED.platform.model_copy(update={"name": "shop"}), LOADED.phases, LOADED.documents)
    found = price.change(other, 1, 2, LOCAL)
    assert (found.before, found.after, found.delta, found.rows) == ("", "not known: platform shop has no bill.yaml", None, ())


def test_a_live_phase_that_the_platform_has_no_more() -> None:
    """A phase that is live and no longer in the files has no price before."""
    assert price.change(LOADED, 9, 2, LOCAL).before == ""
