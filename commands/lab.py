"""`lab`: hosts on this machine, each with an address, an sshd and a container engine of its own, and faults for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commands import options

if TYPE_CHECKING:
    from tools.lab import Lab

Name = Annotated[str, typer.Option("--name", help="Labs of another CMCTL_HOME run beside this one under another name and subnet.")]
Host = Annotated[str, typer.Argument(help="A host's number or name; see cmctl lab status.")]

group = typer.Typer(help="Hosts on this machine, to deploy to and to break. Needs root on Linux; see docs/lab.md.", no_args_is_help=True)
faults = typer.Typer(help="What happens to a host: its link, its power, its disk.", no_args_is_help=True)


@group.command()
def up(
    hosts: Annotated[int, typer.Option("--hosts", help="How many; those that are on stay as they are.")] = 4,
    bare: Annotated[bool, typer.Option("--bare/--ready", help="As a provider hands them over, or with the engine running.")] = False,
    disk_gib: Annotated[int, typer.Option("--disk-gib", help="Each host's disk; it takes what is written.")] = 12,
    memory_mb: Annotated[int | None, typer.Option("--memory-mb", help="Each host's memory. [default: all of this machine's]")] = None,
    name: Name = "lab",
    subnet: Annotated[
        str | None, typer.Option("--subnet", help="The hosts' network, 256 private addresses. [default: 10.77.0.0/24]")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Bring every host up until it answers. Seconds, and about a minute more the first time."""
    from commands import lab_view, ui
    from tools.lab import Lab

    lab = Lab(name, subnet, report=ui.say)
    lab.up(hosts, bare=bare, disk_gib=disk_gib, memory_mb=memory_mb)
    lab_view.show(lab, as_json=as_json)


@group.command()
def down(name: Name = "lab", as_json: options.Json = False) -> None:
    """Remove the lab: hosts, disks, keys, links. Nothing stays but the cached contents of fresh disks."""
    from commands import ui

    _lab(name).down()
    if as_json:
        ui.emit("cmctl/lab-down/1", {"name": name})
    else:
        ui.say(f"nothing is left of the lab {name!r}")


@group.command()
def status(name: Name = "lab", as_json: options.Json = False) -> None:
    """How each host is. Power, sshd, engine, what is wrong with its link, its disk and memory."""
    from commands import lab_view

    lab_view.show(_lab(name), as_json=as_json)


@faults.command()
def cut(
    host: Host,
    name: Name = "lab",
    only: Annotated[str, typer.Option("--only", help="whole, ssh (TCP 22) or peers (the other hosts, not this machine).")] = "whole",
    as_json: options.Json = False,
) -> None:
    """Drop a host's packets both ways, without a word to either side."""
    lab = _lab(name)
    lab.cut(host, only)
    _tell(lab, host, as_json=as_json)


@faults.command()
def slow(
    host: Host,
    milliseconds: Annotated[float, typer.Option("--ms", help="What a round trip takes longer.")] = 200,
    name: Name = "lab",
    only: Annotated[str, typer.Option("--only", help="whole or ssh (TCP 22).")] = "whole",
    as_json: options.Json = False,
) -> None:
    """Make a host's link slow, until restore."""
    lab = _lab(name)
    lab.slow(host, milliseconds, only)
    _tell(lab, host, as_json=as_json)


@faults.command()
def fill(
    host: Host,
    name: Name = "lab",
    leave: Annotated[int, typer.Option("--leave-mb", min=0, help="MiB that stay free.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Fill a host's disk until nothing can be written."""
    lab = _lab(name)
    lab.fill(host, leave_mb=leave)
    _tell(lab, host, as_json=as_json)


def _plain(verb: str, said: str) -> None:
    """A fault that takes nothing but the host: `verb` is the lab's own method."""

    @faults.command(verb, help=said)
    def happen(host: Host, name: Name = "lab", as_json: options.Json = False) -> None:
        lab = _lab(name)
        getattr(lab, verb)(host)
        _tell(lab, host, as_json=as_json)


_plain("restore", "The link as it was: not cut and not slow.")
_plain("kill", "Take a host's power.")
_plain("boot", "Give a host its power back: the same disk, key and address.")
_plain("exchange", "Put another machine in a host's place. An empty disk, the same address, a key of its own.")
_plain("free", "Give the disk its room back.")


def _tell(lab: Lab, host: str, *, as_json: bool) -> None:
    from commands import lab_view

    lab_view.show_one(lab, host, as_json=as_json)


def _lab(name: str) -> Lab:
    from commands import ui
    from tools.lab import Lab, needs

    needs.refuse()
    return Lab(name, report=ui.say)


def register(app: typer.Typer) -> None:
    group.add_typer(faults, name="fault")
    app.add_typer(group, name="lab")
