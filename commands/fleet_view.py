"""Releases, logs, standing flags and locks for people and as documents."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from commands import options, ui
from errors import BadInput

if TYPE_CHECKING:
    from hosts.inspect import Wanted
    from hosts.observe import Observed
    from stacks.fleet import Fleet

FOLLOW_S = 1.0


def releases(seen: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """Newest first: what serves, what is warm, what is only kept."""
    state = next((one.state for one in seen.values() if one.state), None)
    if state is None:
        return []
    kept = set.intersection(*(set(one.releases) for one in seen.values() if one.state))
    slots = {release: slot for slot, release in state.slots.items()}
    running = {container.part for one in seen.values() for container in one.containers if container.state == "running"}
    rows = []
    for release in state.history:
        slot = slots.get(release)
        way = "serves" if release == state.release else "warm" if slot in running else "kept" if release in kept else "gone"
        rows.append({"release": release, "version": release.rpartition("-")[0], "slot": slot, "state": way})
    return rows


def show_releases(where: Fleet, rows: list[dict[str, Any]]) -> None:
    if not rows:
        raise BadInput(f"{where.stack} has no release", hint=f"cmctl deploy --phase {where.phase}")
    ui.table(("release", "version", "slot", "state"), [(row["release"], row["version"], row["slot"] or "", row["state"]) for row in rows])


def emit_logs(where: Fleet, wanted: Wanted, tail: int | None, since: str) -> None:
    """`logs --json`: every line with its host, container and time."""
    from hosts import door

    lines = door.logs_now(where.stack, where.targets, wanted, tail=tail, since=since)
    ui.emit("cmctl/logs/1", {"stack": where.stack, "lines": [vars(line) for line in lines]})


def show_logs(where: Fleet, wanted: Wanted, tail: int | None, since: str, *, follow: bool) -> None:
    from hosts import door

    shown: set[tuple[str, str, str]] = set()
    while True:
        lines = door.logs_now(where.stack, where.targets, wanted, tail=tail, since=since)
        for line in lines:
            if (line.at, line.container, line.text) not in shown:
                print(f"{line.host} {line.container.removeprefix(f'{where.stack}-')} {line.at[:23]}Z {line.text}")
        if not follow:
            return
        sys.stdout.flush()
        # From the last line on, so that nothing between two looks is missed; what was shown is not shown again.
        since, tail = (lines[-1].at, None) if lines else (since, tail)
        shown = {(line.at, line.container, line.text) for line in lines if line.at == since}
        time.sleep(FOLLOW_S)


def stand(where: Fleet, flag: str, state: str, *, as_json: bool) -> None:
    """`on`, `off` or `status` of a standing flag."""
    from hosts import door
    from stacks import fleet

    changed = state != "status" and fleet.stand(where, flag, on=state == "on")
    on = flag in door.standing_now(where.stack, where.targets, where.balancers)
    if as_json:
        ui.emit(f"cmctl/{flag}/1", {"stack": where.stack, flag: on, "changed": changed})
    else:
        ui.say(f"{flag} is {'on' if on else 'off'} for {where.stack}{'' if changed or state == 'status' else ', as it was'}")


def drain(where: Fleet, host: str, *, back: bool, wait_s: int, as_json: bool) -> None:
    from stacks import drain as drains

    changed = drains.drain(where, host, back=back)
    if changed and not back and wait_s:
        ui.say(f"{host} gets no new request; waiting {wait_s} s for those under way")
        time.sleep(wait_s)
    if as_json:
        ui.emit("cmctl/drain/1", {"stack": where.stack, "host": host, "drained": not back, "changed": changed})
    else:
        ui.say(f"{host} {'serves again' if back else 'is drained'}{'' if changed else ', as it was'}")
        place = options.at(where.facts.loaded.platform.name, where.facts.environment.name)
        ui.hint(f"cmctl status {place}" if back else f"cmctl drain {host} --back --phase {where.phase} {place}")


def serving_version(where: Fleet) -> str:
    from stacks.drain import serving_version as found

    return found(where)


def lock(where: Fleet, action: str, *, yes: bool, as_json: bool) -> None:
    from hosts import door

    held = door.holders_now(where.stack, where.targets)
    cleared: list[str] = []
    for host, one in held.items():
        ui.say(f"{host}: {one.operation}, by {one.person()}, since {one.since}")
    if action == "release" and held:
        ui.confirm("Its late steps will be refused, and what it began is taken back or finished. Take the lock away?", yes=yes)
        cleared = door.unlock_now(where.stack, where.targets)
    if as_json:
        ui.emit("cmctl/lock/1", {"held": {host: vars(one) for host, one in held.items()}, "cleared": cleared})
    else:
        ui.say("; ".join(cleared) or ("released" if action == "release" and held else "" if held else "nobody holds the lock"))
