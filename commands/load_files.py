"""The files that a load test leaves: the whole result, a page, a summary for a pull request, cases for CI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from errors import BadInput
from loadtests import junit, report
from loadtests.result import CAPACITY_SCHEMA, SCHEMA, CapacityResult, Result, Verdict
from phases.model import Slo


def folder(path: Path | None) -> Path | None:
    """The folder for the files, made and known to be writable before any load is sent. Raises BadInput otherwise."""
    if path is None:
        return None
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".cmctl"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise BadInput(f"nothing can be written to {path}", why=str(error), hint="give --report a folder of yours") from error
    return path


def of_search(path: Path, result: CapacityResult, slos: Mapping[int, Slo], base: CapacityResult | None = None) -> list[Path]:
    return _written(path, {
        "report.html": report.html(result, base), "result.json": _json(CAPACITY_SCHEMA, result.document()), "summary.md": report.markdown(result),
        "junit.xml": junit.of_capacity(result, slos),
    })  # fmt: skip


def page(path: Path, result: CapacityResult, base: CapacityResult | None) -> None:
    """The HTML page alone."""
    path.write_text(report.html(result, base), encoding="utf-8")


def of_probe(path: Path, result: Result) -> list[Path]:
    return _written(path, {
        "result.json": _json(SCHEMA, result.document()), "summary.md": report.markdown_of_probe(result), "junit.xml": junit.of_smoke(result),
    })  # fmt: skip


def document(path: Path, schema: str, found: dict[str, Any], verdict: Verdict, reasons: Sequence[str]) -> list[Path]:
    """A document with its verdict as one JUnit case."""
    name = schema.split("/")[1]
    return _written(path, {"result.json": _json(schema, found), "junit.xml": junit.of_verdict(name, verdict, reasons)})


def _json(schema: str, document: dict[str, Any]) -> str:
    return json.dumps({"schema": schema, **document}, indent=1)


def _written(path: Path, files: Mapping[str, str]) -> list[Path]:
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8")
    return [path / name for name in files]
