"""`make bench-switch`: deploys and rollbacks of phase 2 under load, beside `docker compose up --force-recreate` on the same stack.

Prints requests and failures of each; COUNT sets how many of each kind are done (20).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from environments.certificates import certificate
from environments.home import home
from environments.load import load as load_environment
from hosts.fleet import local_compose
from phases.load import load as load_platform
from templates.names import all_domains
from tests.live.traffic import Traffic

CMCTL = str(Path(sys.executable).with_name("cmctl"))
COUNT = int(os.environ.get("COUNT", "20"))
RATE = 200


def cmctl(*arguments: str) -> dict[str, object]:
    """The JSON document of one command; its talk is dropped unless it fails."""
    done = subprocess.run([CMCTL, *arguments, "--env", "local", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"cmctl {' '.join(arguments)} ended with {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def traffic() -> Traffic:
    platform, environment = load_platform("codementee").platform, load_environment("local")
    authority = certificate(environment, all_domains(platform, environment), home()).authority
    return Traffic(environment.listen.https, authority, rate=RATE)


def deploys() -> str:
    seconds = []
    with traffic() as load:
        for number in range(COUNT):
            start = time.monotonic()
            cmctl("deploy", "--phase", "2", "--yes", "--version", ("1.1.0", "1.0.0")[number % 2])
            seconds.append(time.monotonic() - start)
    return f"{COUNT} deploys, median {statistics.median(seconds):.1f} s: {load.tally.line()}"


def rollbacks() -> str:
    moved = []
    with traffic() as load:
        for _ in range(COUNT):
            moved.append(float(str(cmctl("rollback", "--phase", "2", "--yes")["moved_s"])))
            time.sleep(0.5)
    return f"{COUNT} rollbacks, traffic moved after {statistics.median(moved) * 1000:.0f} ms (worst {max(moved) * 1000:.0f}): {load.tally.line()}"


def idle() -> str:
    with traffic() as load:
        time.sleep(10)
    return f"no change for 10 s: {load.tally.line()}"


def recreate() -> str:
    """The peer: the same containers, made anew in place."""
    stack = home() / "hosts" / "local" / "codementee-local-phase2"
    state = json.loads((stack / "state.json").read_text(encoding="utf-8"))
    slot = state["live"]
    file = stack / "releases" / state["slots"][slot] / slot / "compose.yaml"
    command = [
        *local_compose(),
        "-p",
        f"codementee-local-phase2-{slot}",
        "-f",
        str(file),
        "up",
        "-d",
        "--force-recreate",
        "--pull",
        "never",
    ]
    times = min(3, COUNT)
    with traffic() as load:
        for _ in range(times):
            subprocess.run(command, check=True, capture_output=True)
            time.sleep(5)
    return f"{times} x docker compose up -d --force-recreate: {load.tally.line()}"


def main() -> None:
    cmctl("deploy", "--phase", "2", "--yes")
    print(f"{RATE} requests/s over keep-alive TLS, 30 % POST")
    for part in (idle, deploys, rollbacks, recreate):
        print(part(), flush=True)


if __name__ == "__main__":
    main()
