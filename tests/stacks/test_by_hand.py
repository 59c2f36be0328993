from __future__ import annotations

import pytest

from errors import BadInput
from stacks.__main__ import Named, named

PLATFORMS = ["codementee", "shop"]
ENVIRONMENTS = ["local", "production-eu"]


@pytest.mark.parametrize(
    ("stack", "wanted", "phase"),
    [
        ("codementee-local-phase2", Named("codementee", "local", "phase2"), 2),
        ("shop-production-eu-data", Named("shop", "production-eu", "data"), None),
        ("shop-local-edge", Named("shop", "local", "edge"), None),
    ],
)
def test_a_stacks_name_says_what_it_is(stack: str, wanted: Named, phase: int | None) -> None:
    """Platform, environment and layer are read from the name, dashes in the environment's name included."""
    assert named(stack, PLATFORMS, ENVIRONMENTS) == wanted
    assert wanted.phase == phase


@pytest.mark.parametrize(
    "stack", ["", "dev", "codementee-local", "codementee-local-phase", "codementee-moon-phase2", "other-local-phase2", "shop-local-phasex"]
)
def test_other_names_are_refused(stack: str) -> None:
    """A name that is none of ours is refused with the names there are."""
    with pytest.raises(BadInput, match="names no platform"):
        named(stack, PLATFORMS, ENVIRONMENTS)
