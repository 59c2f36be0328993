"""Where a load test ran: cores, memory, processor and kernel, and who else sent, in words and as a fingerprint."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import psutil

from loadtests.plan import Plan
from loadtests.result import Machine


def where(plan: Plan) -> Machine:
    """Where a plan's load comes from: this machine, or others that it leads."""
    here, away = this_machine(), plan.workers - plan.processes
    elsewhere = ", ".join(sorted(plan.hosts)) or (f"{away} workers elsewhere" if away else "")
    return _machine(f"load from {elsewhere}, led by {here.text}") if elsewhere else here


def this_machine() -> Machine:
    cores = os.cpu_count() or 1
    memory_gb = round(psutil.virtual_memory().total / 2**30)
    model = _processor()
    text = f"{cores} cores, {memory_gb} GB, {model}, {platform.system()} {platform.release()}"
    return _machine(text)


def _machine(text: str) -> Machine:
    return Machine(text=text, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:12])


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.machine()
