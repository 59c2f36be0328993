"""What a text can do to a reader: depth, tags, dates that are none, odd keys, long values. Each is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents import DEEPEST, Source, broken, fit, parse, read
from errors import BadInput

PATH = Path("facts.yaml")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    origin: str = Field(alias="from")
    smallest: int = 0
    largest: int = 9

    @model_validator(mode="after")
    def in_order(self) -> Part:
        if self.smallest > self.largest:
            raise broken(f"{self.smallest} is more than {self.largest}", "smallest")
        return self


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: dict[str, Part] = {}
    maybe: Part | None = None


def refusal(text: str, model: type[BaseModel] = Whole) -> str:
    with pytest.raises(BadInput) as caught:
        fit(parse(text, PATH), model)
    return str(caught.value)


@pytest.mark.parametrize("opened", ["[", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize("levels", [DEEPEST + 1, 1_000, 100_000])
def test_depth_is_bounded(opened: str, levels: int) -> None:
    """However deep a text goes, the answer is a refusal: neither a crash of the parser nor an endless wait."""
    assert refusal(opened * levels).startswith("facts.yaml:")


def test_allowed_depth_is_read() -> None:
    """What lies within the bound is read."""
    assert parse("[" * DEEPEST + "]" * DEEPEST, PATH).data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2026-13-01", "facts.yaml:2: b: cannot be read"),
        ("b: 2026-01-01T99:00:00Z", "facts.yaml:1: b: cannot be read"),
        ("b: 0600", "facts.yaml:1: b: YAML reads 0600 as 384"),
        ("b: {value: 1:30, source: x}", "facts.yaml:1: b: YAML reads 1:30 as 90"),
        ("b: 0b_", "facts.yaml:1: b: cannot be read"),
        ("b: " + "9" * 5000, "facts.yaml:1: b: cannot be read"),
        ("b: !!python/object:os.system x", "facts.yaml:1: tags (tag:yaml.org,2002:python/object:os.system) are not read"),
        ("b: !mine {a: 1}", "facts.yaml:1: tags (!mine) are not read"),
        ("a:\n  [b]: 1", "facts.yaml:2: a key must be one word"),
        ("? {a: 1}\n: 2", "facts.yaml:1: a key must be one word"),
        ("a: 1\n---\nb: 2", "facts.yaml:2: not valid YAML"),
        ("a: \x00", "facts.yaml:1: not valid YAML"),
        ("a: \ud800", "facts.yaml:1: not valid YAML"),
        ("a:\n\tb: 1", "facts.yaml:2: not valid YAML"),
    ],
)
def test_odd_texts_are_refused(text: str, said: str) -> None:
    """Dates that are none, numbers that are others, or without digits, tags, keys that are lists, two documents, control characters: each with its line."""
    assert refusal(text).startswith(said)


@pytest.mark.parametrize("text", ["=", "<<", "on", "~", "0", "-0.5", "0x1f", "1_000", ".nan", "'2026-13-01'"])
def test_odd_scalars_are_read(text: str) -> None:
    """What YAML can mean is read; whether it fits is the model's question."""
    assert "a" in parse(f"a: {text}", PATH).data


ALPHABET = st.sampled_from([*"abc:,-?|>&*!%@`'\"[]{}#= \n\t~", "value", "source", "note", "2026-13-01", "0b_", "<<", "---\n", "\\x", "é"])


def problems(text: str, *, provenance: bool = True) -> list[str]:
    """The lines of the refusal; none when the text is read. Anything but BadInput comes through."""
    try:
        fit(parse(text, PATH, provenance=provenance), Whole)
    except BadInput as error:
        return error.what.split("\n")
    return []


@given(st.lists(ALPHABET, max_size=60).map("".join), st.booleans())
@example("{value: {value: {source: x}}}", True)
@example("value: {note: [1]}", True)
def test_texts_of_yaml_signs(text: str, provenance: bool) -> None:
    """A text made of YAML's own signs is read or refused, with and without sources, and every line says where."""
    assert all(line.startswith("facts.yaml:") for line in problems(text, provenance=provenance))


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
TREES = st.dictionaries(st.text(max_size=3), SCALARS | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3), max_size=3)


@given(SCALARS | TREES)
@example({"\r": None})
@example({"a\x1b[31m": {"from": 3}})
def test_every_problem_names_its_line(value: object) -> None:
    """Whatever data a file holds, each line of the refusal begins with file and line, and prints as it stands."""
    found = problems(json.dumps({"parts": value}))
    assert all(line.startswith("facts.yaml:") and line.isprintable() for line in found)


def test_plain_words() -> None:
    """A list where a section belongs is told in the words of the file, not of the program."""
    assert "facts.yaml:2: parts: should be a section of keys, got ['x']" in refusal("\nparts: [x]\n")


def test_misspelt_source_is_told() -> None:
    """A key beside `value` that is no source or note is a typo, and is told as one."""
    assert "facts.yaml:1: unknown key a.sorce (did you mean source?)" in refusal("a: {value: 3, sorce: x}")


@pytest.mark.parametrize(
    "text", ["a: {value: 3, source: }", "a: {value: 3, source: ' '}", "a: {source: [x], b: 1}", "a: {b: 1, note: {c: d}}"]
)
def test_source_is_a_sentence(text: str) -> None:
    """An empty source or one that is a list would pass for a source, so it is refused."""
    assert "must be a sentence" in refusal(text)


def test_note_alone_keeps_the_source_above() -> None:
    """A note without a source explains a number that the section's source speaks for."""
    document = parse("source: the guide\na: {value: 3, note: why three}\nb: 4\n", PATH)
    assert document.sources["a",] == Source("the guide", "why three")
    assert document.sources["b",] == Source("the guide")
    assert parse("a: {value: 3, note: why}", PATH).unsourced() == ["a (line 1)"]


def test_rule_over_two_keys_names_its_line() -> None:
    """A rule over several keys is told at the key that it names, without the whole section in the text."""
    said = refusal("parts:\n  one:\n    from: a\n    largest: 3\n    smallest: 5\n")
    assert said.startswith("facts.yaml:5: parts.one.smallest: 5 is more than 3\n")


def test_guess_is_what_people_write() -> None:
    """The guess for a misspelt key is the key of the file, not the field behind it; `X | None` is looked through."""
    assert "facts.yaml:1: unknown key maybe.frm (did you mean from?)" in refusal("maybe: {frm: a}")


def test_long_values_are_cut() -> None:
    """A value that is a whole section is shown by its beginning."""
    assert max(len(line) for line in refusal(f"maybe: {{from: {['x' * 10] * 50}}}").splitlines()) < 200


def test_byte_order_mark(tmp_path: Path) -> None:
    """A file that an editor began with a byte order mark is read; one in another encoding is refused."""
    path = tmp_path / "one.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path).data == {"a": 1}
    path.write_bytes("a: é\n".encode("latin-1"))
    with pytest.raises(BadInput, match="cannot be read"):
        read(path)
