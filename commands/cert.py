"""`cert status` and `cert renew`: the certificate that users meet."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import options

app = typer.Typer(no_args_is_help=True, help="The certificate that users meet: when it ends, and a new one.")


def status(env: options.Env = "local", platform: options.Platform = "codementee", as_json: options.Json = False) -> None:
    """Show the certificate of each load balancer. Until when it holds, and what is wrong with it; exit 3 when clients would refuse it."""
    from commands import ui
    from errors import GateRefused
    from stacks.certificates import status as look

    found = look(platform, env)
    if as_json:
        ui.emit("cmctl/cert/1", {"certificates": [_document(one) for one in found]})
    else:
        ui.table(("stack", "host", "ends", "issuer", "names", "remarks"), [_row(one) for one in found])
        ui.hint(f"cmctl cert renew {options.at(platform, env)}" if found else f"cmctl deploy {options.where(platform, 2, env)}")
    wrong = [f"{one.stack} {one.host}: {'; '.join(one.problems)}" for one in found if one.problems]
    if wrong:
        raise GateRefused("\n".join(wrong), hint=f"cmctl cert renew {options.at(platform, env)}")


def renew(
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    force: Annotated[bool, typer.Option("--force", help="Also when the one there is lasts for more than 30 days.")] = False,
    as_json: options.Json = False,
) -> None:
    """Get a new certificate when 30 days are left. It is brought to the load balancers, and no request is lost. For a daily timer."""
    from commands import ui
    from stacks.certificates import renew as carry_out

    done = carry_out(platform, env, ui.say, force=force)
    if as_json:
        ui.emit("cmctl/cert-renewal/1", {"issued": done.issued, "ends": done.ends.isoformat(), "hosts": list(done.hosts)})
        return
    ui.say(f"{'a new certificate' if done.issued else 'the certificate'} ends on {done.ends:%Y-%m-%d}; {_where(done.hosts)}")
    ui.hint(f"cmctl cert status {options.at(platform, env)}")


def _where(hosts: tuple[str, ...]) -> str:
    return f"brought to {', '.join(hosts)}" if hosts else "nothing had to be brought to a host"


def _row(one: object) -> tuple[object, ...]:
    from stacks.certificates import Used

    assert isinstance(one, Used)  # noqa: S101 - for the type checker
    remarks = [*one.problems, *(["to be renewed"] if one.due else [])]
    return (one.stack, one.host, f"{one.ends:%Y-%m-%d}", one.issuer, ", ".join(one.names), "; ".join(remarks) or "good")


def _document(one: object) -> dict[str, object]:
    from stacks.certificates import Used

    assert isinstance(one, Used)  # noqa: S101 - for the type checker
    return {
        "stack": one.stack, "host": one.host, "ends": one.ends.isoformat(), "issuer": one.issuer, "names": list(one.names),
        "due": one.due, "problems": list(one.problems),
    }  # fmt: skip


def register(main: typer.Typer) -> None:
    app.command("status")(status)
    app.command("renew")(renew)
    main.add_typer(app, name="cert")
