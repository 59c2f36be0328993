"""`phases`: what is declared."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import options

# Below it two digits of a percentage would show nothing.
SMALL = 0.0001
SOURCE_COLUMNS = ("file", "number", "value", "source", "note")


def phases(
    platform: options.Platform = "codementee",
    sources: Annotated[bool, typer.Option("--sources", help="Also list every number with its source.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the platform's phases. Targets, SLOs, machines, database tier."""
    from commands import ui
    from phases.load import load

    loaded = load(platform)
    if as_json:
        told = [dict(zip(SOURCE_COLUMNS, row, strict=True)) for row in _sources(loaded)] if sources else None
        found = [phase.model_dump(mode="json") for phase in loaded.phases.values()]
        ui.emit("cmctl/phases/1", {"platform": platform, "phases": found, **({"sources": told} if sources else {})})
        return
    ui.table(
        ("phase", "name", "users", "concurrent", "p95", "errors", "machines", "database", "CDN"),
        [_row(phase) for phase in loaded.phases.values()],
        title=loaded.platform.title,
        right=("users", "concurrent", "p95", "errors"),
    )
    if sources:
        ui.table(SOURCE_COLUMNS, list(_sources(loaded)))
    ui.hint(f"cmctl preview {options.where(platform, 2 if 2 in loaded.phases else max(loaded.phases), 'local')}")


def _row(phase: object) -> tuple[object, ...]:
    from phases.model import Phase

    assert isinstance(phase, Phase)  # noqa: S101 - the loader's promise, for the type checker
    machines = ", ".join(f"{size.count} {role} {round(size.memory_mb / 1024, 1):g} GB" for role, size in phase.hosts.items())
    slo = phase.slo
    return (
        phase.number, phase.name, f"{phase.target.users:,}", f"{phase.target.concurrent:,}", f"{slo.p95_ms} ms", f"{slo.error_ratio:.{2 if slo.error_ratio >= SMALL else 4}%}",
        machines, phase.database.tier, phase.cdn.plan,
    )  # fmt: skip


def _sources(loaded: object) -> list[tuple[object, ...]]:
    from documents import dotted
    from phases.load import Loaded

    assert isinstance(loaded, Loaded)  # noqa: S101 - the loader's promise, for the type checker
    rows: list[tuple[object, ...]] = []
    for document in loaded.documents:
        for at, source in document.sources.items():
            value = _at(document.data, at)
            rows.append((document.path.name, dotted(at), value, source.text if source else "—", source.note if source else ""))
    return rows


def _at(data: object, location: tuple[str | int, ...]) -> object:
    for part in location:
        data = data[part]  # type: ignore[index]
    return data


def register(app: typer.Typer) -> None:
    app.command("phases")(phases)
