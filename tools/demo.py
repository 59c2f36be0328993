"""`make demo`: the main job on this machine, every minute of it accounted for.

Each step is a cmctl command that a person could type. The steps talk on stderr; their JSON documents feed the summary.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CMCTL = str(Path(sys.executable).with_name("cmctl"))
PHASE = "2"


@dataclass(frozen=True)
class Step:
    title: str
    arguments: tuple[str, ...]


STEPS = (
    Step("container engine", ("doctor", "--fix", "--json")),
    Step("Pulumi CLI", ("toolchain", "--json")),
    Step("images", ("images", "--json")),
    Step(f"deploy phase {PHASE}", ("deploy", "--phase", PHASE, "--env", "local", "--yes", "--json")),
    Step("load test", ("loadtest", "--smoke", "--phase", PHASE, "--env", "local", "--json")),
    Step("cost per user", ("cost", "--phase", PHASE, "--json")),
)


@dataclass(frozen=True)
class Done:
    step: Step
    seconds: float
    document: Mapping[str, Any]


def run(step: Step) -> Done:
    """Run one step to its end; its talk goes through to the terminal. Exits with the step's code when it fails."""
    print(f"\n── {step.title}: cmctl {' '.join(part for part in step.arguments if part != '--json')}", file=sys.stderr, flush=True)
    start = time.monotonic()
    done = subprocess.run([CMCTL, *step.arguments], stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        print(f"demo stopped: {step.title} ended with exit {done.returncode} after {seconds:.1f} s", file=sys.stderr)
        sys.exit(done.returncode)
    return Done(step, seconds, json.loads(done.stdout))


def minutes(done: list[Done], before: float) -> str:
    """The table of where the time went. `before` is what ran ahead of this program, in seconds."""
    rows = [("Python packages", before), *((one.step.title, one.seconds) for one in done)]
    total = sum(seconds for _, seconds in rows)
    lines = [f"  {title:<24}{seconds:>8.1f} s" for title, seconds in rows]
    return "\n".join(["where the time went", *lines, f"  {'total':<24}{total:>8.1f} s"])


def summary(documents: Mapping[str, Mapping[str, Any]]) -> str:
    deploy, load, cost = documents[f"deploy phase {PHASE}"], documents["load test"], documents["cost per user"]
    slots = ", ".join(f"{layer['layer']}: {layer['slot']} ({layer['release']})" for layer in deploy["layers"] if layer.get("slot"))
    return "\n".join(
        [
            f"  url              {', '.join(deploy['urls'])}",
            f"  slots            {slots}",
            f"  requests         {load['requests']} sent, {load['failed']} failed",
            f"  p95              {load['p95_ms']:.0f} ms (limit {load['slo']['p95_ms']} ms): {load['verdict']}",
            f"  cost per user    ${cost['per_user']} a month ({cost['total_text']} for {cost['users']:,} users)",
        ]
    )


def main() -> None:
    started = float(os.environ.get("CMCTL_DEMO_START", time.time()))
    before = max(0.0, time.time() - started)
    done = [run(step) for step in STEPS]
    print(f"\n{minutes(done, before)}\n\nphase {PHASE} serves on this machine")
    print(summary({one.step.title: one.document for one in done}))
    print("\nnext: .venv/bin/cmctl status · .venv/bin/cmctl deploy --phase 2 --version 1.1.0 · make clean removes it")


if __name__ == "__main__":
    main()
