"""What every command on hosts imports stays small: a deploy without a change spends most of its time there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported(path: Path) -> Iterator[str]:
    """Names that a file imports when it is itself imported: not inside functions, not for type checkers alone."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def way(start: str, goal: str) -> list[str]:
    """The chain of our own files from `start` to one that imports `goal`; empty where there is none."""
    waiting, seen = [[start]], {start}
    while waiting:
        chain = waiting.pop()
        path = ROOT.joinpath(*chain[-1].split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for name in imported(path) if path.exists() else ():
            if name.split(".")[0] == goal:
                return [*chain, name]
            if name not in seen:
                seen.add(name)
                waiting.append([*chain, name])
    return []


@pytest.mark.parametrize("goal", ["acme", "josepy", "locust"])
def test_a_deploy_does_not_load_it(goal: str) -> None:
    """What only other commands use loads where it is used."""
    assert way("stacks.journey", goal) == []


def test_the_way_would_be_found() -> None:
    """The search sees what a program of a cluster does import."""
    assert way("stacks.kubernetes.scope", "pulumi_kubernetes") == ["stacks.kubernetes.scope", "pulumi_kubernetes"]
    assert way("stacks.journey", "asyncssh")[-1] == "asyncssh"
