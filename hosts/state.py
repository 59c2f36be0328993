"""What a host knows of its releases, and the journal of a transaction that is under way. Both are small JSON files, replaced whole."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from hosts.fleet import Host
from hosts.lease import Lease
from layout.model import Slot

Opposite: dict[Slot, Slot] = {"blue": "green", "green": "blue"}


class State(BaseModel):
    """The settled truth of one host.

    `slots`: the release that each slot holds. `live`: the slot that had the traffic when this was written (the flag on the
    balancer is what counts). `slot_parts`, `base_part`: hashes of what runs, so that an unchanged part is left alone.
    `release`: the release whose base part runs. `flags`: of a layer without slots. `settled_at`: seconds, the host's clock.
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


class Journal(BaseModel):
    """A transaction under way, as one host needs it to finish or to take back without knowing anything else.

    `slotted`, `base`: a new slot, or the base part, is being changed by now. `flagged`: this host holds the flag; `before`:
    the flags that stood before. `passed` is set once the gate said yes: from then on it is finished, before it is taken
    back. `former` is the state before, `next` the one after.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Literal["deploy", "rollback"]
    release: str
    slot: Slot
    slotted: bool
    base: bool
    flagged: bool = False
    before: tuple[str, ...] = ()
    passed: bool = False
    step: str = ""
    former: State | None = None
    next: State


async def load(host: Host) -> State | None:
    text = await host.connection.read(host.paths.state)
    return State.model_validate_json(text) if text else None


async def save(host: Host, lease: Lease, state: State) -> None:
    await lease.write(host, host.paths.state, state.model_dump_json(indent=1).encode())


async def journal(host: Host) -> Journal | None:
    text = await host.connection.read(host.paths.journal)
    return Journal.model_validate_json(text) if text else None


async def note(host: Host, lease: Lease, entry: Journal) -> None:
    await lease.write(host, host.paths.journal, entry.model_dump_json(indent=1).encode())


async def close(host: Host, lease: Lease) -> None:
    await lease.run(host, "rm", "-f", host.paths.journal, what="closing the journal")
