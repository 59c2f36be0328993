"""Phase 1, vertical: one bigger machine, cache and sessions beside the application."""

from __future__ import annotations

from stacks.compose_phase import program

__all__ = ["program"]
