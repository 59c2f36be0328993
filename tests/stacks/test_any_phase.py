"""What is asked of an environment as a whole does not depend on which phases a platform has, or on which of them it could hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from environments.load import ROOT as ENVIRONMENTS
from errors import BadInput
from phases.load import ROOT as PLATFORMS
from stacks import fleet, standing
from stacks.deployment import facts_of_any

Own = Callable[..., None]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Own:
    """Codementee with only some of its phases, and `local` with one host of some roles; hosts that hold nothing."""

    def write(*phases: int, roles: tuple[str, ...] = ("app", "lb", "data", "monitor")) -> None:
        folder = tmp_path / "codementee"
        shutil.copytree(PLATFORMS / "codementee", folder)
        for path in folder.glob("phase*.yaml"):
            if path.stem not in {f"phase{number}" for number in phases}:
                path.unlink()
        facts = yaml.safe_load((ENVIRONMENTS / "local.yaml").read_text(encoding="utf-8"))
        facts["hosts"]["local"]["roles"] = list(roles)
        (tmp_path / "local.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")

    monkeypatch.setenv("CMCTL_PLATFORMS", str(tmp_path))
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    for module in (standing, fleet):
        monkeypatch.setattr(module, "live_phase", lambda _: None)
    monkeypatch.setattr(standing, "observed", lambda _, layers: {layer: {} for layer in layers})
    return write


@pytest.mark.parametrize(("phases", "roles", "which"), [
    ((0,), ("app", "lb", "data"), 0), ((2,), ("app", "lb", "data", "monitor"), 2), ((0, 1, 2, 3), ("app", "lb", "data"), 1),
])  # fmt: skip
def test_any_phase_will_do(phases: tuple[int, ...], roles: tuple[str, ...], which: int, own: Own) -> None:
    """A platform without a phase 1, or with phases that this environment cannot hold, is looked at all the same."""
    own(*phases, roles=roles)
    assert facts_of_any("codementee", "local").phase.number == which
    found = standing.standing("codementee", "local")
    assert (found.live, found.layers) == (None, {})
    with pytest.raises(BadInput, match="no phase of codementee is live in local"):
        fleet.live("codementee", "local")
