"""Phase 2, horizontal: a load balancer, application hosts, Redis and monitoring, released as one."""

from __future__ import annotations

from stacks.compose_phase import program

__all__ = ["program"]
