"""One transaction in a process of its own: `python -m tests.live.fleet_controller SPEC HOLD apply|rollback`.

Prints `begin STEP` and `end STEP SECONDS` lines; before the step HOLD it prints `held STEP` and waits for a line on stdin.
"""

from __future__ import annotations

import sys
from pathlib import Path

from errors import CmctlError
from hosts import door
from hosts.events import StepEvent
from layout.release import ReleaseSpec


def main(path: str, hold: str, verb: str) -> int:
    spec = ReleaseSpec.model_validate_json(Path(path).read_text(encoding="utf-8"))

    def report(event: StepEvent) -> None:
        print(event.state, event.step, f"{event.seconds:.3f}", flush=True)
        if (event.state, event.step) == ("begin", hold):
            print("held", event.step, flush=True)
            sys.stdin.readline()

    try:
        outcome = door.apply_now(spec, report) if verb == "apply" else door.rollback_now(spec.stack, spec.hosts, None, report)[0]
    except CmctlError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("done", outcome.release, f"{outcome.moved_s:.3f}", outcome.evidence)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
