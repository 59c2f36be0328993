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
    """Make a bare Debian or Ubuntu machine ready: deploy user, engine, firewall and all; print the lines for the environment's file."""
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
    ui.hint(f"cmctl preview --phase 2 --env {env}")


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


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="host")
