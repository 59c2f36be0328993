"""The house keeps its floors: imports go down, never up or sideways, and outside technology stays in its room."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUTSIDE = {"tests", "build", "out", "docs"}

# Room → floor. A file that stands on another floor than its room is named on its own.
FLOORS = {
    "errors": 0, "documents": 0, "folders": 0,
    "phases": 1, "environments": 1,
    "layout": 2,
    "templates": 3, "costs": 3, "loadtests": 3, "monitoring": 3,
    "hosts": 4, "images": 4, "tools.builder": 4, "tools.toolchain": 4, "monitoring.gateway": 4, "monitoring.gates": 4,
    "stacks": 5, "tools": 5, "loadtests.run": 5, "loadtests.polling": 5, "runbooks": 5,
    "commands": 6, "cli": 6,
}  # fmt: skip
APART = {"app", "tests", "loadtests.locustfile", "loadtests.generator", "loadtests.crew"}

# Module → the rooms or files that may import it.
MAY_IMPORT = {
    "typer": {"cli", "commands"},
    "rich": {"cli", "commands"},
    "jinja2": {"templates", "loadtests.report"},
    "pulumi": {"stacks"},
    "pulumi_cloudflare": {"stacks"},
    "pulumi_hcloud": {"stacks"},
    "pulumi_mongodbatlas": {"stacks"},
    "pulumi_kubernetes": {"stacks"},
    "grpc": {"stacks"},
    "locust": {"loadtests.locustfile", "loadtests.generator", "loadtests.crew"},
    "prometheus_api_client": {"monitoring.gateway"},
    "requests": {"monitoring.gateway", "hosts.acme"},
    "asyncssh": {"hosts"},
    "acme": {"hosts.acme"},
    "josepy": {"hosts.acme"},
    "subprocess": {"hosts", "images", "tools", "stacks", "loadtests.run", "runbooks"},
    "fastapi": {"app"},
    "pymongo": {"app"},
    "redis": {"app"},
}


@functools.cache
def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the product."""
    rooms = [path for path in sorted(ROOT.iterdir()) if path.is_dir() and path.name not in OUTSIDE and not path.name.startswith(".")]
    files = [*ROOT.glob("*.py"), *(path for room in rooms for path in sorted(room.rglob("*.py")))]
    found = {}
    for path in files:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def longest(name: str, table: object) -> str | None:
    """The longest prefix of a dotted name that stands in the table."""
    parts = name.split(".")
    return next((".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in table), None)  # type: ignore[operator]


def imports(path: Path) -> list[tuple[str, int]]:
    found = []
    files = modules()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            # `from room import file` imports the file, not the room.
            found += [
                (own if own in files else node.module or "", node.lineno)
                for alias in node.names
                for own in (f"{node.module}.{alias.name}",)
            ]
    return found


def breaches(name: str, path: Path) -> list[str]:
    own_room = name.split(".", maxsplit=1)[0]
    own = longest(name, FLOORS)
    apart = longest(name, APART)
    found = []
    for target, line in imports(path):
        at = f"{name}:{line}"
        allowed = MAY_IMPORT.get(target.split(".")[0])
        if allowed is not None and longest(name, allowed) is None:
            found.append(f"{at}: {target.split('.')[0]} may be imported only by {', '.join(sorted(allowed))}")
        room = longest(target, FLOORS)
        if apart or own is None or room is None or target.split(".")[0] == own_room:
            continue
        if FLOORS[room] >= FLOORS[own] and FLOORS[own] > 0 and FLOORS[own] < 6:
            found.append(f"{at}: {own} (floor {FLOORS[own]}) may not import {room} (floor {FLOORS[room]})")
    return found


def test_imports_go_down() -> None:
    """A file imports from its own room or a lower floor, and outside technology only where its table allows it."""
    homeless = [name for name in modules() if not (longest(name, FLOORS) or longest(name, APART))]
    assert homeless == [], "on no floor: add them to FLOORS"
    assert [breach for name, path in modules().items() for breach in breaches(name, path)] == []


def test_a_planted_upward_import_is_found(tmp_path: Path) -> None:
    """The check itself finds an import from above and one of outside technology, so its silence means something."""
    path = tmp_path / "planted.py"
    path.write_text("import hosts.door\nimport typer\nimport phases.load\n")
    assert breaches("layout.planted", path) == [
        "layout.planted:1: layout (floor 2) may not import hosts (floor 4)",
        "layout.planted:2: typer may be imported only by cli, commands",
    ]


def test_files_stay_short() -> None:
    """No file of the product is longer than 400 lines."""
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_shell_strings() -> None:
    """Nothing in the product hands a string to a shell."""
    found = [f"{name}" for name, path in modules().items() if "shell=True" in path.read_text(encoding="utf-8")]
    assert found == []
