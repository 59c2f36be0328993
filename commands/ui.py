"""What a person sees: data on stdout, talk on stderr, colour only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from errors import BadInput, CmctlError, Interrupted

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 240
# The schemas of what the command at hand has printed.
_documents: list[str] = []


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr, looked up late so that a test's capture is seen. Into a pipe, rows are as long as they are.

    rich is imported here, where something is to be drawn: it takes as long as everything else in a short command.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=stderr, width=None if stream.isatty() else WIDE)


def say(text: str, style: str | None = None) -> None:
    """Talk on stderr; coloured only on a terminal."""
    if style and sys.stderr.isatty():
        console(stderr=True).print(text, style=style, markup=False)
    else:
        print(text, file=sys.stderr, flush=True)


def begin() -> None:
    """A command starts: it has printed no document yet."""
    _documents.clear()


def emitted() -> bool:
    """Whether this command has printed its document; a second one beside it would make stdout no JSON."""
    return bool(_documents)


def emit(schema: str, document: dict[str, Any]) -> None:
    """One JSON document with its schema's name and version, e.g. `cmctl/status/1`."""
    _documents.append(schema)
    print(json.dumps({"schema": schema, **document}, indent=2, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Sequence[str] = ()) -> None:
    from rich.table import Table
    from rich.text import Text

    # Texts, not strings: what stands in a person's file is no markup.
    view = Table(
        title=Text(title, style="table.title") if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        view.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        view.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    console().print(view)


def error(failure: CmctlError) -> None:
    """What failed · why · what to try · what to read."""
    say(f"✗ {failure.what}", style="bold red")
    for label, text in (("why", failure.why), ("try", failure.hint), ("read", failure.read)):
        if text:
            say(_indented(label, text))


def _indented(label: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"  {label + ':':<6}{first}", *(f"        {line}" for line in rest)])


def hint(command: str) -> None:
    """The next command to type."""
    say(f"next: {command}", style="dim")


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


@contextmanager
def live() -> Iterator[Callable[[Sequence[str]], None]]:
    """Lines on stderr that are drawn anew in place; only for a terminal."""
    from rich.live import Live
    from rich.text import Text

    with Live(console=console(stderr=True), auto_refresh=False, transient=True) as view:
        yield lambda lines: view.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)


def took(seconds: float) -> str:
    """12.3 s below a minute, 4 min 05 s above."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
