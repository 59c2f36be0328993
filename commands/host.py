"""`host`: machines join an environment, grow in their provider's panel, and are kept as a snapshot before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from commands import options

if TYPE_CHECKING:
    from hosts.bootstrap.first import Shown

Name = Annotated[str, typer.Argument(help="The host's name in the environment's file.")]
group = typer.Typer(help="Machines of an environment: add one, let one grow.", no_args_is_help=True)


@group.command()
def add(
    name: Name,
    env: options.Env = "production",
    platform: options.Platform = "codementee",
    address: Annotated[str | None, typer.Option("--address", help="IPv4 address; by default the environment file's.")] = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role it may play (app, lb, data, monitor); may be repeated.")] = None,
    login: Annotated[str, typer.Option("--user", help="Who is let in now.")] = "root",
    user: Annotated[str | None, typer.Option("--deploy-user", help="Who deploys from then on. [default: deploy]")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of its sshd. [default: 22]")] = None,
    identity: Annotated[
        str | None, typer.Option("--identity", help="Private key that lets --user in; else the agent's, else ~/.ssh.")
    ] = None,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="SHA256:… as the provider's console shows it; then nothing is asked.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Make a bare Debian or Ubuntu machine ready. Deploy user, engine, firewall and all; prints the lines for the environment's file."""
    from commands import steps_view, ui
    from stacks import joining

    wish = joining.newcomer(env, name, address=address, port=port, login=login, user=user, identity=identity, roles=tuple(role or ()))
    seen = joining.meet(wish, env, fingerprint)
    _ask(name, wish.address, seen, fingerprint)
    done = joining.join(platform, env, wish, seen, steps_view.StepLines())
    if as_json:
        shown = {"host": name, "address": wish.address, "fingerprint": seen.fingerprint, "host_key": seen.line}
        ui.emit("cmctl/host-add/1", {**shown, "changed": done.differences, "seconds": round(done.seconds, 1), "lines": done.lines})
        return
    what = f"{done.differences} things were changed" if done.differences else "nothing had to be changed"
    ui.say(f"✓ {name} is ready after {ui.took(done.seconds)}: {done.system.name}, {what}", style="bold green")
    if done.lines:
        ui.say(f"under `hosts:` in environments/{env}.yaml:")
        print(done.lines, end="")
    ui.hint(f"cmctl preview {options.where(platform, 2, env)}")


def _ask(name: str, address: str, seen: Shown, fingerprint: str) -> None:
    from commands import ui
    from errors import BadInput

    ui.say(f"{name} at {address} shows the key {seen.fingerprint}")
    if fingerprint:
        return
    if not sys.stdin.isatty():
        raise BadInput(
            "nobody can be asked whether that is its key: there is no terminal",
            why="who trusts any key sends his secrets to anybody",
            hint=f"compare it with the provider's console, then add --fingerprint {seen.fingerprint}",
        )
    ui.say("the provider's console shows it with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    ui.confirm("Is it the same?", yes=False)


@group.command()
def create(
    env: options.Env = "production",
    platform: options.Platform = "codementee",
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Make the machines that `machines:` asks of a cloud. They are protected; existing ones are never touched."""
    from commands import plan_view, progress, ui
    from stacks import cloud_machines

    plan = cloud_machines.look(platform, env, ui.say)
    for change in plan.changes:
        ui.say(
            f"{change.operation} {change.resource.name}: {', '.join(sorted({field.keys[0] for field in change.fields})) or change.resource.kind}"
        )
        for field in change.fields:
            ui.say("\n".join(f"    {line}" for line in plan_view.difference(field)))
    if plan.changes:
        ui.confirm(f"{len(plan.changes)} machines cost money from now on, or change: go on?", yes=yes)
    with progress.shown() as on_event:
        made = cloud_machines.create(platform, env, ui.say, on_event)
    if as_json:
        ui.emit("cmctl/host-create/1", {"addresses": made.addresses})
        return
    ui.table(("host", "address"), sorted(made.addresses.items()))
    for name, address in made.addresses.items():
        ui.hint(
            f"cmctl host add {name} {options.at(platform, env)} --address {address} "
            + " ".join(f"--role {role}" for role in made.roles[name])
        )


Provider = Annotated[str, typer.Option("--provider", help="Whose panel is shown: hostinger, hetzner or other.")]


@group.command()
def resize(
    name: Name,
    phase: options.Phase,
    env: options.Env = "production",
    platform: options.Platform = "codementee",
    provider: Provider = "hostinger",
    wait: Annotated[float, typer.Option("--wait", help="Minutes to wait for the panel.", min=0)] = 30,
    as_json: options.Json = False,
) -> None:
    """Let a machine grow to what a phase asks for. Shows what to click, waits, then checks memory, CPUs and disk on the machine."""
    from commands import ui
    from stacks import growing

    wish = growing.wish(platform, env, phase, name)
    size = wish.size
    _clicks("resize", provider, f"{name} shall have {size.memory_mb} MiB of memory, {size.cpus} CPUs and a disk of {size.disk_gb} GB")
    system = growing.wait(wish, wait * 60, ui.say)
    if as_json:
        ui.emit("cmctl/host-resize/1", {"host": name, "memory_mb": system.memory_mb, "cpus": system.cpus, "disk_mb": system.disk_mb})
        return
    ui.say(f"✓ {name} has {system.memory_mb} MiB of memory, {system.cpus} CPUs and {system.disk_mb} MiB of disk", style="bold green")
    ui.hint(f"cmctl deploy {options.where(platform, phase, env)}")


@group.command()
def snapshot(
    name: Name,
    env: options.Env = "production",
    platform: options.Platform = "codementee",
    provider: Provider = "hostinger",
    done: Annotated[str, typer.Option("--done", help="The snapshot's name, once it is taken; then nothing is asked.")] = "",
    as_json: options.Json = False,
) -> None:
    """Keep a machine as it is before a big step. Shows what to click, and writes the snapshot's name down on the machine."""
    from commands import ui
    from environments.load import load
    from errors import BadInput
    from stacks import growing

    growing.target_of(platform, load(env), name)  # nobody clicks for a host that is not there
    if not done:
        _clicks("snapshot", provider, f"take a snapshot of {name}")
        if not sys.stdin.isatty():
            raise BadInput(
                "nobody can be asked for the snapshot's name: there is no terminal",
                hint=f"cmctl host snapshot {name} --env {env} --done NAME",
            )
        done = input("its name, when the panel says that it is done: ").strip()
    if not done:
        raise BadInput("no name, so no snapshot was written down")
    kept = growing.snapshot(platform, env, name, done)
    if as_json:
        ui.emit("cmctl/host-snapshot/1", {"host": name, "snapshots": kept.splitlines()})
        return
    ui.table(("taken", "snapshot"), [line.split(" ", 1) for line in kept.splitlines()])


def _clicks(what: str, provider: str, wish: str) -> None:
    from commands import ui
    from errors import BadInput
    from hosts.bootstrap import panel

    known = panel.RESIZE if what == "resize" else panel.SNAPSHOT
    if provider not in known:
        raise BadInput(f"there is no panel {provider!r}", why=f"known: {', '.join(known)}", hint="--provider other")
    ui.say(f"in the provider's panel: {wish}", style="bold")
    for number, step in enumerate(known[provider], 1):
        ui.say(f"  {number}. {step}")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="host")
