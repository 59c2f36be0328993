"""What an error says to try and to read is there: commands, their options, make's verbs, pages."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command

from cli import app
from commands.hints import leaf

ROOT = Path(__file__).parent.parent
ROOMS = (
    "commands",
    "costs",
    "environments",
    "hosts",
    "images",
    "layout",
    "loadtests",
    "monitoring",
    "phases",
    "stacks",
    "templates",
    "tools",
)
FILES = [*(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))), *sorted(ROOT.glob("*.py"))]
# Stands for what a hint fills in when the error is raised.
FILLED = "FILLED"
TELLS = re.compile(r"\b(hint|fix|read)=|ui\.hint|\bcmctl |\.md\b")
COMMAND = re.compile(r"(?:(?<![\w/.-])|\.venv/bin/)cmctl((?: +[^\s;,:()`…·]+)+)")


@dataclass(frozen=True)
class Text:
    """A text of the code: where it stands, whether it is a next command or the value of hint=, fix= or read=, and what it says."""

    place: str
    kind: str
    said: str


def spelled(node: ast.expr) -> str | None:
    """The text that a node is, with FILLED for what is filled in; None for anything but a text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = (spelled(node.left), spelled(node.right))
        return "".join(FILLED if side is None else side for side in sides)
    return None


def texts(path: Path) -> Iterator[Text]:
    """Every text of a file; those of hint=, fix= and read= under their names, of ui.hint as next, in a choice of two both."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)) if TELLS.search(source) else ():
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.keyword) and node.arg in {"hint", "fix", "read"}:
            for one in (node.value.body, node.value.orelse) if isinstance(node.value, ast.IfExp) else (node.value,):
                said = spelled(one)
                if said is not None:
                    yield Text(f"{path.relative_to(ROOT)}:{one.lineno}", node.arg, said)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "ui.hint":
            for one in (node.args[0].body, node.args[0].orelse) if isinstance(node.args[0], ast.IfExp) else node.args[:1]:
                yield Text(place, "next", spelled(one) or "")
        elif isinstance(node, ast.expr) and (said := spelled(node)):
            yield Text(place, "text", said)


# Commands that are no environment's in the first place.
HERE = {"images", "cost"}
# Hints whose options are another program's.
OTHERS = ("kubectl", "ssh", "pulumi", "docker", "if the data is to go: pulumi", "nc ", "getent")


def every(group: Any) -> Iterator[Any]:
    """A group's commands, and those below them."""
    yield group
    for one in getattr(group, "commands", {}).values():
        yield from every(one)


@functools.cache
def everything() -> tuple[Text, ...]:
    return tuple(text for path in FILES for text in texts(path))


def found(*kinds: str) -> list[Text]:
    """The texts of these kinds, of the whole product."""
    return [text for text in everything() if text.kind in kinds]


@functools.cache
def group() -> Any:
    return get_command(app)


def wrong(words: list[str], kind: str) -> str:
    """What is wrong with a command's words, "" if nothing; those of a text may be a part of one, others are typed as they stand."""
    whole = kind != "text"
    command, named = leaf(group(), words)
    rest = words[len(named) :]
    if not named:
        options = {option for one in command.params for option in one.opts}
        return f"there is no command {words[0]}" if whole and not words[0].startswith((FILLED, *options)) else ""
    known = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    strange = [option for option in options if option not in known and option != "--help"]
    if strange:
        return f"it has no {', '.join(strange)}"
    if not whole or FILLED in rest or "--help" in options:
        return ""
    # Phase and environment of a hint are put in at the door (commands/hints.py); those of a next command have to be there.
    wanted = [one.opts[0] for one in command.params if one.required and (kind == "next" or one.opts[0] != "--phase")]
    wanted += ["--env"] if kind == "next" and "--env" in known and named[0] not in HERE else []
    given = [*options, *(name for name in wanted if not name.startswith("-") and any(not word.startswith("-") for word in rest))]
    missing = [name for name in wanted if name not in given]
    return f"it needs {', '.join(missing)}" if missing else ""


def test_commands_exist() -> None:
    """Every command that the code names has these words and options; those of a hint or a next command can be typed as they stand."""
    troubles = []
    for text in found("hint", "next", "fix", "text"):
        for match in COMMAND.finditer(text.said):
            words = [word.strip("'\"") for word in match[1].split()]
            if trouble := wrong(words, text.kind):
                troubles.append(f"{text.place}: {match[0]}: {trouble}")
    assert troubles == []


def test_options_exist() -> None:
    """An option that a hint names by itself is one of some command."""
    known = {name for command in every(group()) for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    hints = [text for text in found("hint", "fix") if not text.said.startswith(OTHERS)]
    named = [(text.place, option) for text in hints for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text.said)]
    assert named
    assert [f"{place}: {option}" for place, option in named if option not in known] == []


def test_verbs_exist() -> None:
    """Every `make VERB` of a hint stands in the Makefile."""
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = [(text.place, verb) for text in found("hint", "fix", "next") for verb in re.findall(r"\bmake ([a-z-]+)", text.said)]
    assert named
    assert [f"{place}: make {verb}" for place, verb in named if verb not in verbs | {"sure"}] == []


def test_pages_exist() -> None:
    """Every page and file that an error says to read is there, and so is every page that any text names."""
    named = {
        (text.place, page)
        for text in found("hint", "read", "text")
        for page in re.findall(r"\b(?:docs|runbooks)/[a-z0-9/-]+\.md\b", text.said)
    }
    read = {(text.place, text.said) for text in found("read") if text.said}
    assert [f"{place}: {page}" for place, page in sorted(named | read) if not (ROOT / page).is_file()] == []
    assert read
