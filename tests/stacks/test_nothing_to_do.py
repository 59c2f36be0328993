"""A deploy that changes nothing tells the same as one that does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hosts.observe import Compared
from stacks import journey, price
from stacks.deployment import Deployment, Wish, facts
from stacks.workspace import Settings

OWN = Path(__file__).parents[1] / "layout" / "environments"


def test_layers_without_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer is told, those that are bought in a cloud too, which no host was asked about."""
    shutil.copy(OWN / "pair.yaml", tmp_path)
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    found = facts(Wish("codementee", 2, "pair"))
    run = Settings(tmp_path / "pulumi", tmp_path, tmp_path, f"file://{tmp_path}", "passphrase")
    seen = journey.Look(
        Deployment(found, {}, {}, {}), run, {}, 2, price.change(found.loaded, 2, 2, found.environment), (), None, {},
        {"phase2": Compared({}, ())},
    )  # fmt: skip
    done = journey.carry_out(seen, lambda _: None)
    assert [(one.layer, one.changed) for one in done.layers] == [("data", False), ("phase2", False), ("edge", False)]
