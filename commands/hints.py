"""A hint's commands as they are typed here: floors below know neither the environment that was named nor the platform."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any

import typer
from typer.main import get_command

from errors import CmctlError

COMMAND = re.compile(r"(?<![\w./-])cmctl((?: [a-z][a-z-]*)+)(?![\w-])([^;,]*)")
# Option → its short form, and what stands for a value that nobody has said.
PLACES = {"--phase": ("-p", "N"), "--env": ("-e", ""), "--platform": ("", "")}


def placed(error: CmctlError, app: typer.Typer, arguments: Sequence[str]) -> CmctlError:
    """The error with a hint that is about the same place as the command that failed."""
    if error.hint:
        error.hint = here(error.hint, get_command(app), arguments)
    return error


def here(hint: str, group: Any, arguments: Sequence[str]) -> str:
    """`hint` with what `arguments` said of phase, environment and platform, put into every command that takes it and does not say it.

    A phase only where the command does not look for the live one itself; `N` where it needs one and none was said.
    What was not said is what the typed command took, where the hint's would take something else.
    """
    typed, _ = leaf(group, [word for word in arguments if not word.startswith("-")])
    return COMMAND.sub(lambda match: _placed(match, group, arguments, typed), hint)


def _placed(match: re.Match[str], group: Any, arguments: Sequence[str], typed: Any) -> str:
    command, verbs = leaf(group, match[1].split())
    said = match[0].split()
    if not verbs or "--help" in said:
        return match[0]
    places = []
    for option, (short, unknown) in PLACES.items():
        asked = next((one for one in command.params if option in one.opts), None)
        if asked is None or _value(said, option, short) or (option == "--phase" and asked.default is None and not asked.required):
            continue
        value = _value(arguments, option, short) or _unsaid(typed, asked, option) or (unknown if asked.required else "")
        places += [option, shlex.quote(value)] if value else []
    start = " ".join(["cmctl", *verbs])
    return " ".join([start, *places]) + match[0].removeprefix(start)


def _unsaid(typed: Any, asked: Any, option: str) -> str:
    """What the command that was typed takes where nothing is said, if the asked one takes something else: `host` is about production."""
    own = next((one for one in typed.params if option in one.opts), None)
    if own is None or own.default in {None, asked.default} or os.environ.get(own.envvar or ""):
        return ""
    return str(own.default)


def leaf(group: Any, words: Sequence[str]) -> tuple[Any, list[str]]:
    """The command that `words` begin with, and those of the words that name it."""
    named: list[str] = []
    for word in words:
        found = getattr(group, "commands", {}).get(word)
        if found is None:
            break
        group = found
        named.append(word)
    return group, named


def _value(words: Sequence[str], option: str, short: str) -> str:
    """What `--option VALUE`, `--option=VALUE`, `-o VALUE` or `-oVALUE` says among `words`, the last of them; "" where none does."""
    said = ""
    for word, after in pairwise([*takewhile(lambda word: word != "--", words), ""]):
        if word and word in {option, short}:
            said = after
        elif word.startswith(f"{option}="):
            said = word.partition("=")[2]
        elif short and word.startswith(short):
            said = word.removeprefix(short)
    return said
