"""The door: global options, the one error boundary, and the command groups."""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from commands import (
    cert,
    cluster,
    cost,
    deploy,
    drift,
    facts,
    fleet,
    hints,
    host,
    lab,
    load,
    machine,
    render,
)
from errors import BadInput, CmctlError, Interrupted

app = typer.Typer(
    name="cmctl",
    help="Take a web platform from one VPS to many hosts to Kubernetes, and know what each phase holds and costs.",
    epilog="Begin with: cmctl preview --phase 2. When something is wrong: cmctl status, then runbooks/README.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for family in (
    deploy,
    drift,
    load,
    cost,
    facts,
    fleet,
    render,
    machine,
    host,
    lab,
    cluster,
    cert,
):
    family.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmctl {version('cmctl')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", envvar="CMCTL_DEBUG", help="Show the traceback of an error.")] = False,
    _version_wanted: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    if debug:
        os.environ["CMCTL_DEBUG"] = "1"


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (DESIGN §6). No traceback leaves here without --debug."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        result = app(args=arguments, standalone_mode=False)
    except CmctlError as error:
        return _fail(hints.placed(error, app, arguments), arguments)
    except typer.exceptions.TyperException as error:
        return _fail(BadInput(error.format_message(), hint=f"cmctl {_verb(arguments)}--help"), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(Interrupted("interrupted"), arguments)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 - the last boundary: a bug is told like any other failure
        return _fail(_bug(error), arguments)
    return result if isinstance(result, int) else 0


def _verb(arguments: list[str]) -> str:
    return f"{arguments[0]} " if arguments and not arguments[0].startswith("-") else ""


def _bug(error: Exception) -> CmctlError:
    return CmctlError(
        f"cmctl itself failed: {type(error).__name__}: {error}",
        why="this is a bug in cmctl, not in your files",
        hint="run the same command with --debug and report what it prints",
    )


def _fail(error: CmctlError, arguments: list[str]) -> int:
    if os.environ.get("CMCTL_DEBUG"):
        traceback.print_exc()
    if "--json" in arguments:
        print(json.dumps({"schema": "cmctl/error/1", **error.as_dict()}, indent=2))
    from commands import ui

    ui.error(error)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
