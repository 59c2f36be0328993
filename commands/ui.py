"""What a person sees: data on stdout, talk on stderr, colour only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from errors import BadInput, CmctlError, Interrupted

talk = Console(stderr=True, highlight=False, soft_wrap=True)


def out() -> Console:
    """Stdout, looked up late so that a test's capture is seen. Into a pipe, rows are as long as they are."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def say(text: str, style: str | None = None) -> None:
    talk.print(text, style=style, markup=False)


def emit(schema: str, document: dict[str, Any]) -> None:
    """One JSON document with its schema's name and version, e.g. `cmctl/status/1`."""
    print(json.dumps({"schema": schema, **document}, indent=2, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Sequence[str] = ()) -> None:
    view = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        view.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        view.add_row(*[_cell(cell) for cell in row])
    out().print(view)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("[", r"\[")


def error(failure: CmctlError) -> None:
    """What failed · why · what to try · what to read."""
    talk.print(f"✗ {failure.what}", style="bold red", markup=False)
    for label, text in (("why", failure.why), ("try", failure.hint), ("read", failure.read)):
        if text:
            talk.print(_indented(label, text), markup=False)


def _indented(label: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"  {label + ':':<6}{first}", *(f"        {line}" for line in rest)])


def hint(command: str) -> None:
    """The next command to type."""
    talk.print(f"next: {command}", style="dim", markup=False)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; without one, only `--yes` goes on.

    Raises BadInput (2) where nobody can be asked, Interrupted when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{question} cannot be asked: there is no terminal", hint="add --yes to go on without a question")
    answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise Interrupted("nothing was changed", why="the answer was no")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long a part of a command took."""
    start = time.monotonic()
    yield
    say(f"  {what}: {time.monotonic() - start:.1f} s", style="dim")


def took(seconds: float) -> str:
    """12.3 s below a minute, 4 min 05 s above."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
