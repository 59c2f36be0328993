"""What a host knows of its releases, and the journal of a transaction that is under way. Both are small JSON files, replaced whole."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from errors import CmctlError
from hosts.fleet import Host
from hosts.lease import Lease
from layout.model import Slot

Opposite: dict[Slot, Slot] = {"blue": "green", "green": "blue"}
# $1 state file, $2 release folder, $3 link to it, $4 journal: the new truth (stdin) first, and the journal is closed last
SETTLE = """
cat > "$1.new" && sync "$1.new" && mv "$1.new" "$1" && ln -sfn "$2" "$3.new" && mv -T "$3.new" "$3" && rm -f "$4" && sync "${1%/*}"
"""


class State(BaseModel):
    """The settled truth of one host.

    `slots`: the release that each slot holds. `live`: the slot that had the traffic when this was written (the flag on the
    balancer is what counts). `slot_part`, `base_part`: hashes of what runs, so that an unchanged part is left alone.
    `release`: the release whose base part runs. `flags`: of a layer without slots. `settled_at`: seconds, the clock of the
    machine that settled it.
    """

    model_config = ConfigDict(extra="forbid")

    release: str
    version: str
    live: Slot = "blue"
    slots: dict[Slot, str] = {}
    slot_parts: dict[Slot, str] = {}
    base_part: str = ""
    flags: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    settled_at: int = 0
    keep_warm_s: int = 0

    def without(self, slot: Slot) -> State:
        """The same with an empty slot."""
        slots = {one: release for one, release in self.slots.items() if one != slot}
        parts = {one: part for one, part in self.slot_parts.items() if one != slot}
        return self.model_copy(update={"slots": slots, "slot_parts": parts})


class Journal(BaseModel):
    """A transaction under way on one host: all that it takes to finish it or to take it back.

    `passed` is set once the gate said yes: from then on it is finished, before it is taken back. `slotted`: the idle slot has
    been taken; `base`: the base part has been touched; `fresh`: no volume of the stack was there before; `former` is the state
    before. `flags_before`, `flags_after`: what moves the traffic on a host that has a balancer, None elsewhere.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Literal["deploy", "rollback"]
    release: str
    slot: Slot
    slotted: bool
    base: bool
    fresh: bool = False
    passed: bool = False
    step: str = ""
    network: str = ""
    flags_before: tuple[str, ...] | None = None
    flags_after: tuple[str, ...] | None = None
    former: State | None = None
    next: State


Record = TypeVar("Record", State, Journal)


async def load(host: Host) -> State | None:
    return await _record(host, host.paths.state, State)


async def journal(host: Host) -> Journal | None:
    return await _record(host, host.paths.journal, Journal)


async def _record(host: Host, path: str, kind: type[Record]) -> Record | None:
    text = await host.connection.read(path)
    try:
        return kind.model_validate_json(text) if text is not None else None
    except ValidationError as error:
        raise CmctlError(
            f"{path} on {host.name} is not a {kind.__name__.lower()} of this version of cmctl",
            why=f"{error.error_count()} problems, the first: {error.errors()[0]['msg']}", hint="use the version of cmctl that wrote it, or restore the file",
        ) from error  # fmt: skip


async def save(host: Host, lease: Lease, state: State) -> None:
    await lease.write(host, host.paths.state, state.model_dump_json(indent=1))


async def note(host: Host, lease: Lease, entry: Journal) -> None:
    await lease.write(host, host.paths.journal, entry.model_dump_json(indent=1))


async def settle(host: Host, lease: Lease, state: State) -> None:
    """Write the new truth, point `current` at its release, and close the journal."""
    paths = host.paths
    argv = ["sh", "-c", SETTLE, "settle", paths.state, paths.release(state.release), paths.current, paths.journal]
    await lease.must(host, argv, stdin=state.model_dump_json(indent=1).encode(), what="writing down the release")


async def close(host: Host, lease: Lease) -> None:
    await lease.must(host, ["rm", "-f", host.paths.journal], what="closing the journal")
