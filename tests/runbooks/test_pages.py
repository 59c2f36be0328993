"""Runbooks keep their form, and every command in them is one that exists."""

from __future__ import annotations

import datetime
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import runbooks.pages as pages_module
from cli import app
from runbooks.pages import SECTIONS, Page, pages, parse

PAGES = pages()
PROGRAMS = {"cmctl", "docker", "df"}
ROOT = Path(pages_module.__file__).parent


def commands(page: Page) -> list[str]:
    return [line for block in page.blocks for line in block.commands]


@pytest.mark.parametrize("name", PAGES)
def test_page_has_the_form(name: str) -> None:
    """A page has all sections in order, none empty, and is at most 110 lines."""
    page = PAGES[name]
    assert tuple(page.sections) == SECTIONS
    assert all(page.sections.values())
    assert (ROOT / f"{name}.md").read_text(encoding="utf-8").count("\n") <= 110
    assert {"task", "severity", "owner", "needs", "minutes", "reviewed"} <= page.facts.keys()
    assert page.facts["task"] == name


@pytest.mark.parametrize("name", PAGES)
def test_page_was_reviewed(name: str) -> None:
    """A page carries the day it was last reviewed, and that day has come."""
    reviewed = PAGES[name].facts["reviewed"]
    assert isinstance(reviewed, datetime.date)


@pytest.mark.parametrize("name", PAGES)
def test_commands_parse(name: str) -> None:
    """Every cmctl line names a command and options that exist; every other line starts with a known program; no placeholder is left."""
    for line in commands(PAGES[name]):
        words = shlex.split(line)
        assert words[0] in PROGRAMS, line
        assert "<" not in line, f"{line}: a placeholder cannot be typed at 3 a.m."
        if words[0] == "cmctl":
            assert_parses(words[1:])


def assert_parses(words: list[str]) -> None:
    group = typer.main.get_command(app)
    context = group.make_context("cmctl", list(words), resilient_parsing=False)
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[attr-defined]
    assert command is not None, name
    command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("name", PAGES)
def test_links_resolve(name: str) -> None:
    """A link in a page leads to another page."""
    text = " ".join(PAGES[name].sections.values())
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert all(target.removesuffix(".md") in PAGES for target in targets), targets


def test_untagged_block_is_refused() -> None:
    """A block that does not say whether it changes something is refused."""
    with pytest.raises(ValueError, match="read"):
        parse("x", "---\ntask: x\n---\n# X\n## In one line\n```bash\nls\n```\n")


@pytest.mark.parametrize("name", PAGES)
def test_page_names_the_environment_first(name: str) -> None:
    """Before its first command a page says how to name the environment: without it everything would look at this machine."""
    told, _, _ = PAGES[name].sections["Confirm"].partition("```")
    assert "`export CMCTL_ENV=production`" in told


@pytest.mark.parametrize("name", PAGES)
def test_changes_say_their_way_back(name: str) -> None:
    """Every step that changes something says how it is undone, and every page can be confirmed and verified by looking."""
    steps = re.split(r"^\d+\. ", PAGES[name].sections["Mitigate"], flags=re.MULTILINE)[1:]
    assert steps
    assert [step for step in steps if "```bash change" in step and "Undo: " not in step.partition("```")[0]] == []
    assert all("```bash read" in PAGES[name].sections[section] for section in ("Confirm", "Verify"))


def test_every_page_is_listed() -> None:
    """The README lists every page."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[([a-z-]+)\]", text, flags=re.MULTILINE)) == set(PAGES)
