"""A timer on the machine that takes a firewall or sshd change back by itself, unless a new connection says that it still gets in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from errors import CmctlError, RolledBack, Unreachable
from hosts.bootstrap.firewall_boot import SCRIPT
from hosts.bootstrap.model import Step
from hosts.bootstrap.sshd import DROP_IN, RELOAD
from hosts.connection import Connection, output

FOLDER = "/run/cmctl/guard"
WAIT_S = 45
ATTEMPTS = 3
# $1 seconds. Keeps both files as they are, then waits for the word; without it they come back, and are read anew.
ARM = f"""
rm -rf {FOLDER}; mkdir -p {FOLDER}
for file in {SCRIPT} {DROP_IN}; do [ ! -f "$file" ] || cp -p "$file" "{FOLDER}/${{file##*/}}"; done
cat > {FOLDER}/run << 'END'
i=0; while [ $i -lt "$1" ]; do [ -e {FOLDER}/confirmed ] && rm -rf {FOLDER} && exit 0; sleep 1; i=$((i + 1)); done
mv {FOLDER} {FOLDER}.took-back.new
kept={FOLDER}.took-back.new
if [ -f $kept/firewall ]; then mv $kept/firewall {SCRIPT}; {SCRIPT} apply; elif [ -x {SCRIPT} ]; then {SCRIPT} off; rm -f {SCRIPT}; fi
if [ -f $kept/10-cmctl.conf ]; then mv $kept/10-cmctl.conf {DROP_IN}; else rm -f {DROP_IN}; fi
{RELOAD}
rm -rf {FOLDER}.took-back; mv $kept {FOLDER}.took-back
END
rm -rf {FOLDER}.took-back
setsid sh {FOLDER}/run "$1" > /dev/null 2>&1 < /dev/null &
"""
CONFIRM = (
    f"[ -d {FOLDER} ] || exit 1; touch {FOLDER}/confirmed; i=0; while [ -d {FOLDER} ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done"
)
TOOK_BACK = f"[ -d {FOLDER}.took-back ]"

Again = Callable[[], Awaitable[None]]
"""Proves over a connection of its own that the machine can still be entered; raises Unreachable when not."""


async def guarded(host: Connection, steps: list[Step], carry_out: Callable[[Step], Awaitable[None]], again: Again, wait_s: int = 0) -> None:
    """Carry risky steps out, with WAIT_S (or `wait_s`) to prove the way in. Raises RolledBack when nobody gets in any more and the machine has taken them back."""
    wait_s = wait_s or WAIT_S
    await output(host, ["sh", "-c", ARM, "guard", str(wait_s)], what="setting the timer")
    started = time.monotonic()
    try:
        for step in steps:
            await carry_out(step)
        async with asyncio.timeout(max(wait_s - 10.0, wait_s / 2)):
            await again()
    except (Unreachable, TimeoutError) as error:
        await _wait(host, wait_s - (time.monotonic() - started))
        raise RolledBack(
            f"{host.name}: the change of {_named(steps)} was taken back",
            why=f"no new connection came through: {error}; the machine took it back by itself within {wait_s} s",
            hint="does the environment's file name the right SSH port, and is it reached directly?",
        ) from error
    except CmctlError as error:
        raise CmctlError(
            error.what, why=f"{error.why}\nthe machine takes the change back by itself within {wait_s} s", hint=error.hint
        ) from error
    await output(host, ["sh", "-c", CONFIRM], what="keeping the change")


def _named(steps: list[Step]) -> str:
    return " and ".join(dict.fromkeys(step.what.partition(":")[0] for step in steps))


async def _wait(host: Connection, rest_s: float) -> None:
    """Until the machine says that it has taken the change back. Few attempts, because fail2ban counts those that are refused."""
    await asyncio.sleep(max(rest_s, 0) + 1)
    for _ in range(ATTEMPTS):
        try:
            if (await host.run(["sh", "-c", TOOK_BACK], timeout_s=10)).code == 0:
                return
        except Unreachable:
            pass
        await asyncio.sleep(3)
