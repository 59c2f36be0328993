"""A lab: several real hosts on this machine, each with its own address, sshd and container engine. See docs/lab.md.

with Lab() as lab:
    lab.up(4)
    lab.cut(3)
"""

from __future__ import annotations

from tools.lab.lab import Lab

__all__ = ["Lab"]
