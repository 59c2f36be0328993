"""Where a load test ran: cores, memory, processor and kernel, in words and as a fingerprint."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import psutil

from loadtests.result import Machine


def this_machine() -> Machine:
    cores = os.cpu_count() or 1
    memory_gb = round(psutil.virtual_memory().total / 2**30)
    model = _processor()
    text = f"{cores} cores, {memory_gb} GB, {model}, {platform.system()} {platform.release()}"
    return Machine(text=text, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:12])


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.machine()
