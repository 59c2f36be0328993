"""The page about own steps shows what is read and played."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from documents import fit, parse
from loadtests import journeys
from loadtests.audience import Audience
from loadtests.own_steps import DRAWN, PER_USER
from loadtests.recorder import LARGE, word
from phases.load import VERBATIM
from phases.model import Facts, Journey, Slug
from phases.steps import METHODS, OURS, Request, StepName

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "steps.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


class Part(Facts):
    """The part of a platform's file that the page shows."""

    steps: dict[StepName, Request]
    journeys: dict[Slug, Journey]


def test_its_example_can_be_played() -> None:
    """The example is read, its steps are known, its values are found with what its command gives, and its numbers need no source."""
    document = parse(EXAMPLE, Path("platform.yaml"), verbatim=VERBATIM)
    shown = fit(document, Part)
    assert journeys.unknown(shown.journeys, shown.steps) == []
    assert journeys.never_found(shown.journeys, {"page": "1"}, shown.steps) == []
    assert [text.split(",")[0] for text in journeys.never_found(shown.journeys, {}, shown.steps)] == [
        "look: catalogue needs page",
        "buy: catalogue needs page",
    ]
    assert document.unsourced() == []


def test_its_tables_are_whole() -> None:
    """Every key, every value that users have, and every header of the generator's stands on the page."""
    keys = {info.alias or name for name, info in Request.model_fields.items()}
    rows = re.findall(r"^\| ((?:`\w+` ?)+)\|", PAGE, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == keys
    assert set(METHODS) < keys
    assert set(Audience({"j": Journey(weight=1, steps=("GET /",), think_s=(0, 0))}, 1, None, "r").newcomer()) == set(PER_USER)  # type: ignore[arg-type]
    assert all(f"`{name}`" in PAGE for name in (*PER_USER, *DRAWN))
    assert all(f"`{name}`".lower() in PAGE.lower() for name in OURS)
    assert f"`{word(LARGE)}`" in PAGE


def test_steps_are_read_as_they_stand() -> None:
    """Below `steps:` a `source` or `value` is the request's own; elsewhere in the file it is provenance."""
    text = "a: {source: x, n: 1}\nsteps:\n  one: {post: /a, json: {source: s, value: 5, note: n, in: {value: 1}}}\n"
    document = parse(text, Path("f"), verbatim=VERBATIM)
    assert document.data == {
        "a": {"n": 1},
        "steps": {"one": {"post": "/a", "json": {"source": "s", "value": 5, "note": "n", "in": {"value": 1}}}},
    }
    assert yaml.safe_load(text)["steps"] == document.data["steps"]
    assert (document.unsourced(), document.line(("steps", "one", "json"))) == ([], 3)


def test_a_request_survives_its_journey_to_the_generator() -> None:
    """What the generator reads is what the file said, under the file's own names."""
    for one in yaml.safe_load(EXAMPLE)["steps"].values():
        request = Request.model_validate(one)
        assert Request.model_validate_json(request.model_dump_json()) == request
        assert set(request.model_dump(exclude_defaults=True)) == set(one)
