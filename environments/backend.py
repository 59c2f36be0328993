"""Where Pulumi's state lives."""

from __future__ import annotations

from pathlib import Path

from environments.model import Environment


def backend_url(environment: Environment, home: Path) -> str:
    """The state's URL; without one in the file, a folder of cmctl's own, which a cloud environment only has with `solo: true`."""
    return environment.state.backend or f"file://{home / 'state' / environment.name}"
