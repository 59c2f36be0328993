"""Text with values in braces: what is filled in, what stays, and what no value can do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import filling

VALUES = {"token": "a b&c", "id": 17, "price": 1.5, "yes": True, "none": None, "many": [1, "x"], "Of_2": "ü"}
NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}\Z")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Bearer {token}", "Bearer a b&c"),
        ("{id}/{price}/{yes}/{many}", '17/1.5/true/[1,"x"]'),
        ("{{token}} {token}", "{token} a b&c"),
        ('{"a": {"b": {id}}}', '{"a": {"b": 17}}'),
        ("query { items { id } } {2} {a-b} { token } {}", "query { items { id } } {2} {a-b} { token } {}"),
        ("{Of_2}", "ü"),
        ("", ""),
    ],
)
def test_a_bare_name_between_braces_is_a_value(template: str, filled: str) -> None:
    """`{name}` is filled in, `{{name}}` is the text `{name}`, and every other brace stays what it is."""
    assert filling.text(template, VALUES) == filled


@given(st.text(), st.dictionaries(NAMES, st.text()))
def test_text_asks_for_exactly_its_names(template: str, values: dict[str, str]) -> None:
    """A text is filled when its names are there, and a name that is not there is a KeyError, for any text."""
    asked = filling.names(template)
    filling.text(template, dict.fromkeys(asked, ""))
    if asked - values.keys():
        with pytest.raises(KeyError):
            filling.text(template, values)


@given(NAMES, st.text(), st.text(alphabet=st.characters(exclude_characters="{}")))
def test_values_are_not_read_again(name: str, value: str, around: str) -> None:
    """A value that looks like a template is only a value."""
    assert filling.text(f"{around}{{{name}}}{around}", {name: value}) == around + value + around


@given(JSON)
def test_json_without_names_stays_as_it_is(content: Any) -> None:
    """JSON whose texts name nothing goes out as it stands in the file; so does any value that is a text of its own."""
    if "{" not in json.dumps(content):
        assert filling.content(content, {}) == content
    assert filling.content({"a": ["{value}"]}, {"value": content}) == {"a": [content]}


def test_a_number_stays_a_number() -> None:
    """A text that is one value becomes that value with its type; with more around it, it is text. Keys are filled, too."""
    filled = filling.content({"id": "{id}", "as": "id {id}", "{token}": ["{yes}", "{none}", "{many}"], "n": 2}, VALUES)
    assert filled == {"id": 17, "as": "id 17", "a b&c": [True, None, [1, "x"]], "n": 2}
    assert filling.names({"{a}": ["{b}", {"c": "{c} {{d}}"}, 1, None]}) == {"a", "b", "c"}


@given(st.text(), st.text())
def test_no_value_changes_a_paths_shape(first: str, second: str) -> None:
    """A value can add no segment, no query, no host and no control character; read back it is the value."""
    made = filling.path("/items/{first}?q={second}&page=1", {"first": first, "second": second})
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    parts = urlsplit(f"http://site{made}")
    assert (parts.hostname, parts.path.count("/"), parts.fragment) == ("site", 2, "")
    assert unquote(parts.path.split("/")[2]) == first
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", second), ("page", "1")]


@given(st.text())
def test_a_path_that_was_answered_is_asked_for(answered: str) -> None:
    """A path that is one value is taken as it is; what is no path of the site never becomes one of another."""
    made = filling.path("{next}", {"next": answered})
    assert made.startswith("/")
    assert not made.startswith("//")
    assert made.isascii()
    assert " " not in made
    assert filling.path("{next}", {"next": "/orders/1?full=1#top"}) == "/orders/1?full=1"
    assert filling.path("/größe", {}) == "/gr%C3%B6%C3%9Fe"


@given(st.text())
def test_no_value_ends_a_header(value: str) -> None:
    """A header's value is one line that latin-1 can write, UTF-8 within, whatever was answered."""
    made = filling.header("Bearer {value}", {"value": value})
    assert made.startswith("Bearer ")
    assert not set(made) & set("\r\n\0")
    made.encode("latin-1")
    assert filling.header("{value}", {"value": "größe"}).encode("latin-1").decode() == "größe"


@given(st.dictionaries(st.text(min_size=1, alphabet="abc"), st.text()))
def test_forms_come_back(fields: dict[str, str]) -> None:
    """Whatever the values, the fields that are read are the fields that were sent."""
    template = {name: f"{{{name}}}" for name in fields}
    sent = filling.form(template, fields).decode()
    assert dict(parse_qsl(sent, keep_blank_values=True)) == fields
