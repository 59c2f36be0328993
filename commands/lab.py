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
    name: Name = "lab",
    subnet: Annotated[
        str | None, typer.Option("--subnet", help="The hosts' network, 256 private addresses. [default: 10.77.0.0/24]")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Bring every host up until it answers: seconds, and about a minute more the first time."""
    from commands import lab_view, ui
    from tools.lab import Lab

    lab = Lab(name, subnet, report=ui.say)
    lab.up(hosts, bare=bare)
    lab_view.show(lab, as_json=as_json)


@group.command()
def down(name: Name = "lab") -> None:
    """Remove the lab: hosts, disks, keys, links. Nothing stays but the cached contents of fresh disks."""
    from commands import ui

    _lab(name).down()
    ui.say(f"nothing is left of the lab {name!r}")


@group.command()
def status(name: Name = "lab", as_json: options.Json = False) -> None:
    """Each host: power, sshd, engine, what is wrong with its link, its disk and memory."""
    from commands import lab_view

    lab_view.show(_lab(name), as_json=as_json)


@faults.command()
def cut(
    host: Host,
    name: Name = "lab",
    only: Annotated[str, typer.Option("--only", help="whole, ssh (TCP 22) or peers (the other hosts, not this machine).")] = "whole",
) -> None:
    """Drop a host's packets both ways, without a word to either side."""
    _lab(name).cut(host, only)


@faults.command()
def restore(host: Host, name: Name = "lab") -> None:
    """The link as it was: not cut and not slow."""
    _lab(name).restore(host)


@faults.command()
def kill(host: Host, name: Name = "lab") -> None:
    """Take a host's power."""
    _lab(name).kill(host)


@faults.command()
def boot(host: Host, name: Name = "lab") -> None:
    """Give a host its power back: the same disk, key and address."""
    _lab(name).boot(host)


@faults.command()
def fill(host: Host, name: Name = "lab", leave: Annotated[int, typer.Option("--leave-mb", help="MiB that stay free.")] = 0) -> None:
    """Fill a host's disk until nothing can be written."""
    _lab(name).fill(host, leave_mb=leave)


@faults.command()
def free(host: Host, name: Name = "lab") -> None:
    """Give the disk its room back."""
    _lab(name).free(host)


@faults.command()
def slow(
    host: Host,
    milliseconds: Annotated[float, typer.Option("--ms", help="What a round trip takes longer.")] = 200,
    name: Name = "lab",
    only: Annotated[str, typer.Option("--only", help="whole or ssh (TCP 22).")] = "whole",
) -> None:
    """Make a host's link slow, until restore."""
    _lab(name).slow(host, milliseconds, only)


def _lab(name: str) -> Lab:
    from commands import ui
    from tools.lab import Lab, needs

    needs.refuse()
    return Lab(name, report=ui.say)


def register(app: typer.Typer) -> None:
    group.add_typer(faults, name="fault")
    app.add_typer(group, name="lab")
