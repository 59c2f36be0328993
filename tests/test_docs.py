"""Docs cannot drift: commands that they show exist, and tables in them are those of the code."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import errors
from cli import app
from commands.hints import leaf

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "images/README.md", "runbooks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file of the project; nothing that is hidden or built."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__")) and name not in {"build", "out"}]
        found += [Path(folder, name) for name in names]
    return tuple(found)


def shown_commands(text: str) -> list[list[str]]:
    """cmctl lines in fenced blocks, without their comments."""
    blocks = re.findall(r"```(?:|sh|bash[^\n]*)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("cmctl ")]


def told_commands(text: str) -> list[list[str]]:
    """Commands and options that stand in a sentence, as `cmctl images --prune`."""
    return [shlex.split(words) for words in re.findall(r"`cmctl ([^`…]+)`", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shown_commands_exist(page: Path) -> None:
    """Every cmctl command that a page shows parses, down to the last of its words."""
    for words in shown_commands(page.read_text(encoding="utf-8")):
        assert_parses(words)


def assert_parses(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    context, rest = command.make_context("cmctl", list(words)), list(words)
    while hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args]
        if not rest and command.invoke_without_command:
            return
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "runbooks").glob("*.md"))], ids=lambda page: str(page.relative_to(ROOT)))
def test_told_commands_exist(page: Path) -> None:
    """Every cmctl command that stands in a sentence has these words and options."""
    for words in told_commands(page.read_text(encoding="utf-8")):
        command, named = leaf(typer.main.get_command(app), words)
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
        assert named or words[0] in known, words
        assert [word for word in words if word.startswith("-") and word.partition("=")[0] not in known] == [], words


def test_every_option_is_told() -> None:
    """Every command and every long option stands somewhere in the README or on a page of docs/ or runbooks/."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in [*PAGES, *(ROOT / "runbooks").glob("*.md")])
    silent = []
    for name, command in every(typer.main.get_command(app)):
        names = [[option for option in (*one.opts, *one.secondary_opts) if option.startswith("--")] for one in command.params]
        told = [any(re.search(rf"{option}(?![\w-])", text) for option in options) for options in names if options]
        silent += [f"{name} {options[0]}" for options, known in zip(filter(None, names), told, strict=True) if not known]
        silent += [] if re.search(rf"\b{name.split()[-1]}\b", text) else [name]
    assert silent == ["cmctl --show-completion"]


def every(command: Any, name: str = "cmctl") -> Iterator[tuple[str, Any]]:
    """A command and those below it, with the words that name them."""
    yield name, command
    for word, one in getattr(command, "commands", {}).items():
        yield from every(one, f"{name} {word}")


def test_exit_codes_are_the_codes() -> None:
    """The README's table of exit codes has exactly the codes of errors.py, 0 and none else."""
    table = set(map(int, re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CmctlError)]
    assert table == {0, *(kind.exit_code for kind in kinds)}


def test_links_lead_somewhere() -> None:
    """Every relative link of a page leads to a file or folder."""
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        assert [target for target in targets if not (page.parent / target).exists()] == [], page


def test_make_verbs_explain_themselves() -> None:
    """Every verb of the README stands in the Makefile with its explanation."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))):
        assert re.search(rf"^{verb}:.*## ", makefile, flags=re.MULTILINE), verb


def test_every_live_suite_is_run_by_a_verb() -> None:
    """No live suite is left out of every verb: it would rot unseen."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = {suite for words in re.findall(r"^[A-Z]+ := (.*)$", makefile, flags=re.MULTILINE) for suite in words.split()}
    run = {f"tests/live/test_{suite}_live.py" for suite in listed}
    run |= {str(path.relative_to(ROOT)) for pattern in re.findall(r"tests/live/\S+", makefile) for path in ROOT.glob(pattern)}
    suites = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "live").glob("test_*_live.py")}
    assert suites - run == set()


def test_decisions_are_numbered() -> None:
    """ADRs are numbered without a gap, and each has context, choice and price."""
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages[1:]:
        text = page.read_text(encoding="utf-8")
        assert all(part in text for part in ("**Context.**", "**Choice.**", "**Price.**")), page.name
        assert text.startswith(f"# {page.name[:4]} — "), page.name


def test_no_machine_is_named() -> None:
    """No page or product file names a folder of the machine it was made on, or a package registry's host."""
    wrong = re.compile(r"(?<![\w.])/(work|root|home/\w+)/|index-url|//[a-z0-9.-]*(pypi|golang|npmjs|debian|crates|maven)[a-z0-9.-]*/")
    kinds = {".md", ".py", ".yaml", ".j2", ".toml", ".sh", ".txt", ".in", ".mod", ".Dockerfile"}
    ours = [path for path in files() if (path.suffix in kinds or path.name == "Makefile") and path != Path(__file__)]
    found = [str(path.relative_to(ROOT)) for path in ours if wrong.search(path.read_text(encoding="utf-8"))]
    assert found == []


# Between processes of cmctl, or for its tests.
INNER = {
    "CMCTL_CLOUDS", "CMCTL_DOOR", "CMCTL_DEMO_START", "CMCTL_FAULTS", "CMCTL_GATHER_S", "CMCTL_KEEP_VOLUMES", "CMCTL_KILL_AT",
    "CMCTL_LOAD_PLAN", "CMCTL_PID", "CMCTL_PYTHON", "CMCTL_ROOT",
}  # fmt: skip


def test_variables_are_told() -> None:
    """The page of variables has every one that the product reads and a person may set, and no other of cmctl's."""
    page = (ROOT / "docs" / "variables.md").read_text(encoding="utf-8")
    product = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"]
    read = {name for path in product for name in re.findall(r"\bCMCTL_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| `(CMCTL_[A-Z_]+)`", page, flags=re.MULTILINE)) == read - INNER


def test_every_page_is_found_from_the_readme() -> None:
    """Every page of docs/ and runbooks/ is linked from the README, or from a page that is; decisions stand in their folder."""
    seen, due = set(), [ROOT / "README.md"]
    while due:
        page = due.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        due += [(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text(encoding="utf-8"))]
    pages = {path for room in ("docs", "runbooks") for path in (ROOT / room).rglob("*.md") if path.parent.name != "adr"}
    assert {str(path.relative_to(ROOT)) for path in pages - seen} == set()


def test_the_house_is_as_the_design_says() -> None:
    """Every file that the design's page names in its house is there, or stands among what is not built yet."""
    house = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("## 2. ")[1].split("## 3. ")[0]
    due = re.findall(r"^Not built yet: .*$", house, flags=re.MULTILINE)[0]
    named = set(re.findall(r"\b[A-Za-z][\w.-]*\.(?:py|md|yaml|toml)\b", house))
    there = {path.name for path in files()}
    assert named - there == set(re.findall(r"`([\w-]+\.\w+)`", due))


def test_figures_of_the_readme_are_the_benchmarks() -> None:
    """What the README's tables measured stands in docs/benchmarks.md, to the digit."""
    readme, benchmarks = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/benchmarks.md"))
    plain = benchmarks.replace(",", "").replace("\N{MINUS SIGN}", "-")
    rows = [row for row in re.findall(r"^\|(.*)\|$", readme, flags=re.MULTILINE) if re.search(r"\d", row) and not re.match(r" \d+ \|", row)]
    figures = {figure.replace(",", "") for row in rows for figure in re.findall(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?: %| ms)?", row)}
    minutes = {"4.4", "7"}  # 264 s and 420 s there
    assert len(figures) > 10
    assert {figure for figure in figures - minutes if not re.search(rf"(?<![\w.]){re.escape(figure)}(?![\d.]\d)", plain)} == set()
