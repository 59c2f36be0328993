"""YAML of people is read strictly, and every mistake is told with file, line and key."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from documents import Source, fit, parse, read
from errors import BadInput

PATH = Path("facts.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    replicas: int
    memory_mb: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    services: dict[str, Inner] = {}
    parts: tuple[Inner, ...] = ()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, the answer is a document or BadInput, never another exception."""
    with contextlib.suppress(BadInput):
        fit(parse(text, PATH), Outer)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    )
)
def test_any_json_is_read(value: object) -> None:
    """Every JSON value is a document, since JSON is YAML."""
    text = json.dumps(value)
    if value is None:
        return
    try:
        parse(text, PATH)
    except BadInput as refused:
        # JSON's escaped surrogates and control characters are no YAML.
        if "not valid" not in refused.what:
            raise


def test_unknown_key_names_file_line_and_guess() -> None:
    """An unknown key is told with file, line, path and the key that was probably meant."""
    with pytest.raises(BadInput, match=r"facts\.yaml:4: unknown key services\.web\.replcas \(did you mean replicas\?\)"):
        fit(parse("name: x\nservices:\n  web:\n    replcas: 1\n    replicas: 2\n", PATH), Outer)


def test_all_mistakes_at_once() -> None:
    """A file with three mistakes is refused once, with three lines."""
    with pytest.raises(BadInput) as caught:
        fit(parse("nme: x\nservices:\n  web: {replicas: many}\n", PATH), Outer)
    assert len(caught.value.what.splitlines()) == 3


def test_wrong_type_inside_a_list() -> None:
    """A wrong type inside a list names the item's line."""
    with pytest.raises(BadInput, match=r"facts\.yaml:4: parts\.1\.replicas"):
        fit(parse("name: x\nparts:\n  - {replicas: 1}\n  - {replicas: two}\n", PATH), Outer)


def test_doubled_key() -> None:
    """A key that is given twice is refused at its second line."""
    with pytest.raises(BadInput, match=r"facts\.yaml:2: name is given twice"):
        parse("name: a\nname: b\n", PATH)


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x\n", "a: &a [*a]\n", "{", "a: b: c", ""])
def test_bombs_and_broken_yaml(text: str) -> None:
    """Aliases, self-reference, broken and empty YAML are refused with a line."""
    with pytest.raises(BadInput, match=r"facts\.yaml:1|facts\.yaml:2"):
        parse(text, PATH)


def test_values_are_unwrapped_and_sources_kept() -> None:
    """`{value, source, note}` reads as its value; a section's source speaks for its numbers; a number without one is listed."""
    document = parse("slo:\n  source: the guide\n  p95: 300\n  errors: {value: 0.1, source: judgement, note: why}\nfree: 7\n", PATH)
    assert document.data == {"slo": {"p95": 300, "errors": 0.1}, "free": 7}
    assert document.sources["slo", "p95"] == Source("the guide")
    assert document.sources["slo", "errors"] == Source("judgement", "why")
    assert document.unsourced() == ["free (line 5)"]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is bad input, not a traceback."""
    with pytest.raises(BadInput, match="cannot be read"):
        read(tmp_path / "none.yaml")
