"""How `lab` shows its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import ui

if TYPE_CHECKING:
    from tools.lab import Lab
    from tools.lab.standing import Standing


def show(lab: Lab, *, as_json: bool) -> None:
    """The hosts as a table or a document, and how to get into the first."""
    seen = lab.status()
    if as_json:
        files = {"user": lab.user, "key": str(lab.key), "known_hosts": str(lab.known_hosts)}
        ui.emit("cmctl/lab/1", {"name": lab.name, **files, "hosts": [one.as_dict() for one in seen]})
        return
    columns = ("", "host", "address", "power", "sshd", "engine", "link", "disk used", "memory")
    ui.table(columns, [_row(one) for one in seen], right=("disk used", "memory"))
    if not seen:
        ui.hint("cmctl lab up --hosts 4")
        return
    ui.hint(f"ssh -i {lab.key} -o UserKnownHostsFile={lab.known_hosts} {lab.user}@{seen[0].host.address}")


def show_one(lab: Lab, host: str, *, as_json: bool) -> None:
    """How a host stands after something happened to it."""
    wanted = lab.plan().host(host)
    one = next(one for one in lab.status() if one.host == wanted)
    if as_json:
        ui.emit("cmctl/lab-host/1", one.as_dict())
        return
    _, name, address, power, sshd, engine, link, used, _ = _row(one)
    facts = [f"power {power}"] + ([f"sshd {sshd}", f"engine {engine}", f"disk {used}"] if one.on else [])
    ui.say(f"{name} {address}: {', '.join(facts)}, link {link}")


def _row(one: Standing) -> tuple[object, ...]:
    link = ", ".join(one.link) or "whole"
    if not one.on:
        return (one.host.number, one.host.name, one.host.address, "off", "", "", link, "", "")
    used = f"{(one.space.size - one.space.free) / 2**20:.0f} of {one.space.size / 2**20:.0f} MiB" if one.space else ""
    memory = f"{(one.memory or 0) / 2**20:.0f} MiB"
    return (one.host.number, one.host.name, one.host.address, "on", _yes(one.sshd), _yes(one.engine), link, used, memory)


def _yes(answers: bool) -> str:
    return "answers" if answers else "silent"
