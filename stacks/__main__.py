"""`pulumi preview` and `pulumi up` by hand, for people who have the official Python language host; CI does not exercise this.

The stack's name says what it is: `codementee-local-phase2` is layer phase2 of codementee in environment local. The layers data
and edge take the phase from the stack's configuration (`pulumi config set phase 2`), every layer may take a `version`.
`cmctl deploy` does the same and more: it shows the risk and the price, heals what a crash left, and watches the gates.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Named:
    """What a stack's name says. `phase` is None for data and edge."""

    platform: str
    environment: str
    layer: str

    @property
    def phase(self) -> int | None:
        number = self.layer.removeprefix("phase")
        return int(number) if number.isdigit() else None


def named(stack: str, platforms: list[str], environments: list[str]) -> Named:
    """The parts of a stack's name. Raises BadInput when it names no known platform, environment and layer."""
    from errors import BadInput

    head, _, layer = stack.rpartition("-")
    for platform in platforms:
        environment = head.removeprefix(f"{platform}-")
        if (
            head.startswith(f"{platform}-")
            and environment in environments
            and (layer in {"data", "edge"} or Named("", "", layer).phase is not None)
        ):
            return Named(platform, environment, layer)
    raise BadInput(
        f"stack {stack!r} names no platform, environment and layer", hint=f"for example {platforms[0]}-{environments[0]}-phase2",
        why=f"platforms: {', '.join(platforms)}; environments: {', '.join(environments)}; layers: data, edge, phase0, phase1, phase2",
    )  # fmt: skip


def main() -> None:
    import pulumi

    from environments import load as environments
    from phases import load as platforms
    from stacks import deployment, operations

    wanted = named(pulumi.get_stack(), platforms.names(), environments.names())
    config = pulumi.Config()
    phase = wanted.phase if wanted.phase is not None else config.require_int("phase")
    wish = deployment.Wish(wanted.platform, phase, wanted.environment, config.get("version"))
    operations.program(deployment.prepare(wish, pulumi.log.info), wanted.layer)()


if __name__ == "__main__":
    # The language host runs this folder by its path: the checkout is not on the module path yet.
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
