"""The door: global options, the one error boundary, and the command groups."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
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
    ui,
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
    os.environ["CMCTL_DEBUG"] = "1" if debug else ""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (DESIGN §6). No traceback leaves here without --debug."""
    arguments = sys.argv[1:] if argv is None else argv
    _streams()
    ui.begin()
    try:
        result = app(args=arguments, prog_name="cmctl", standalone_mode=False)
        sys.stdout.flush()
    except CmctlError as error:
        return _fail(hints.placed(error, app, arguments), arguments)
    except typer.exceptions.TyperException as error:
        return _misused(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(Interrupted("interrupted"), arguments)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 - the last boundary: a bug is told like any other failure
        return _fail(_refused(error) if isinstance(error, OSError) else _bug(error), arguments)
    return result if isinstance(result, int) else 0


def _streams() -> None:
    """A caller may have closed them, and its locale may lack a sign that is to be shown: neither ends a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper) and name == "stdout":
            stream.reconfigure(errors="replace")


def _misused(error: typer.exceptions.TyperException, arguments: list[str]) -> int:
    context = getattr(error, "ctx", None)
    text = error.format_message().replace("Value error, ", "")
    if context is not None and text == context.get_help():  # a group without a command answers with what it has
        print(text, file=sys.stderr)
        return BadInput.exit_code
    return _fail(BadInput(text, hint=f"{context.command_path if context else 'cmctl'} --help"), arguments)


def _refused(error: OSError) -> CmctlError:
    return CmctlError(
        f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error),
        why="this machine refused it",
        hint="cmctl --debug and the same words behind it shows where",
    )


def _bug(error: Exception) -> CmctlError:
    return CmctlError(
        f"cmctl itself failed: {type(error).__name__}: {error}",
        why="this is a bug in cmctl, not in your files",
        hint="cmctl --debug and the same words behind it: report what that prints",
    )


def _fail(error: CmctlError, arguments: list[str]) -> int:
    """Tells it; as a document too, unless the command has printed its own before it found that the answer is no."""
    if os.environ.get("CMCTL_DEBUG"):
        traceback.print_exc()
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in own and not ui.emitted():
        with suppress(OSError):
            print(json.dumps({"schema": "cmctl/error/1", **error.as_dict()}, indent=2), flush=True)
    ui.error(error)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
