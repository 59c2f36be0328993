"""Phase 0, today: everything on the one machine there is."""

from __future__ import annotations

from stacks.compose_phase import program

__all__ = ["program"]
