"""The page about the files of `cmctl cost` shows files that are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from costs import bills, books, budget
from costs.audit.run import Source, audit
from costs.capacity import Capacity
from costs.price import Price, Rate, Tier
from documents import fit, parse
from phases.load import Loaded
from tests.costs.figures import LOADED

PAGE = Path(__file__).parent.parent.parent / "docs" / "formats" / "costs.md"
EXAMPLES = {
    schema: text
    for text in re.findall(r"```(?:yaml|json)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for schema in re.findall(r"cmctl/[a-z-]+/1", text)[:1]
}


def test_every_form_has_an_example() -> None:
    """Price book, bill, budget, cost table and capacity record are all shown."""
    assert set(EXAMPLES) == {"cmctl/prices/1", "cmctl/bill/1", "cmctl/budget/1", "cmctl/cost-table/1", "cmctl/capacity/1"}


def test_the_examples_are_read(tmp_path: Path) -> None:
    """Each example is accepted by the reader of its form."""
    path = tmp_path / "ours.yaml"
    path.write_text(EXAMPLES["cmctl/prices/1"])
    assert str(books.load(path).prices["atlas-m30"].price) == "0.5"
    path.write_text(EXAMPLES["cmctl/budget/1"])
    assert budget.load(path).total == 600
    (tmp_path / "shop.yaml").write_text(EXAMPLES["cmctl/bill/1"])
    shop = Loaded(LOADED.platform.model_copy(update={"name": "shop"}), LOADED.phases, LOADED.documents)
    assert bills.load(shop, tmp_path).bill.things["host/app/8gb"] == "vps-8gb"
    assert Capacity.model_validate(json.loads(EXAMPLES["cmctl/capacity/1"])).users.middle == 812
    assert audit([Source("table.yaml", EXAMPLES["cmctl/cost-table/1"])]).rows


@pytest.mark.parametrize(
    "kind", [Price, Tier, Rate, bills.Bounds, bills.Each, bills.Population, bills.Counted, bills.Revenue, bills.Extra, bills.Bill, Capacity]
)
def test_every_key_is_told(kind: type[BaseModel]) -> None:
    """No key of a price book, a bill or a capacity record is left out of the page: it stands in an example, or in backquotes."""
    page = PAGE.read_text()
    keys = [field.alias or name for name, field in kind.model_fields.items()]
    assert [key for key in keys if not re.search(rf'[`"]{key}[`":]|(?<!\w){key}:\s', page)] == []


@pytest.mark.parametrize("name", ["total", "increase", "increase_percent", "per_user_p90", "stale_share", "unknown"])
def test_every_limit_is_shown(name: str) -> None:
    """The budget's example shows every limit there is."""
    shown = fit(parse(EXAMPLES["cmctl/budget/1"], Path("budget.yaml"), provenance=False), budget.Budget)
    assert name in shown.model_fields_set
