"""Services of known and of odd behaviour on loopback, and plans of load against them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loadtests.plan import Plan, Probe, Target
from loadtests.progress import Progress
from loadtests.result import Measured, Result
from phases.model import Journey, Slo

ROOT = Path(__file__).parents[2]
SHOP = str(Path(__file__).with_name("shop_service.py"))
ODD = str(Path(__file__).with_name("odd_service.py"))
HIT = {"hit": Journey(weight=1, steps=("GET /",), think_s=(0.0, 0.0))}
SLO = Slo(p95_ms=200, error_ratio=0.001, availability=0.99)


def quiet(_: Progress) -> None:
    pass


@contextlib.contextmanager
def service(*command: str) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
    """A service's port, and what it saw once it is asked to end."""
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline().split()[1])

            def seen() -> dict[str, Any]:
                child.terminate()
                return dict(json.loads(child.communicate(timeout=10)[0]))

            yield port, seen
        finally:
            child.terminate()


def reference(*arguments: object) -> contextlib.AbstractContextManager[tuple[int, Callable[[], dict[str, Any]]]]:
    return service("-m", "loadtests.reference", *[str(one) for one in arguments])


def plan(port: int, probe: Probe | None = None, **more: Any) -> Plan:
    target = Target(url=f"http://localhost:{port}", address="127.0.0.1", port=port)
    given = {"target": target, "journeys": HIT, "accounts": 0, "client_addresses": 1000, "production": False, **more}
    return Plan(
        run="0123abcd", platform="reference", phase=2, environment="local", slo=SLO, limits_ms=(200.0,), seed=5,
        probes=(probe or Probe(name="p", rate_per_s=200, warmup_s=1, seconds=4),), **given,
    )  # fmt: skip


def measured(result: Result) -> Measured:
    assert result.measured is not None
    return result.measured
