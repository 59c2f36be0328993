from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stacks.plan import keys
from stacks.provider.difference import FIELD, FILES, difference

NAMES = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=12)
LEAVES = st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
TREES = st.dictionaries(st.sampled_from(["bundles", "images", "spec"]), VALUES, max_size=3)


def at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if isinstance(values, list):
            values = values[int(key)] if int(key) < len(values) else None
        elif isinstance(values, dict):
            values = values.get(key)
        else:
            return None
    return values


@given(TREES)
def test_equal_values_have_no_difference(tree: dict[str, Any]) -> None:
    """Nothing differs from itself."""
    assert difference(tree, tree) == {}


@given(TREES, TREES, st.sampled_from([FIELD, FILES]))
def test_every_path_leads_to_a_difference(old: dict[str, Any], new: dict[str, Any], fields: re.Pattern[str]) -> None:
    """Each path, taken apart again as the plan does, leads to values that differ; and what differs has a path."""
    found = difference(old, new, fields=fields)
    for path, kind in found.items():
        before, after = at(old, keys(path)), at(new, keys(path))
        assert before != after
        assert kind == ("add" if before is None else "delete" if after is None else "update")
    same = {name for name in {*old, *new} if old.get(name) == new.get(name)}
    assert {keys(path)[0] for path in found} == {*old, *new} - same


def test_a_changed_line_is_named_by_host_and_file() -> None:
    """One changed file is one path, written the way the engine writes property paths."""
    old = {"bundles": {"app-1": {"files": {"base/nginx/nginx.conf": "a", "x": "1"}}, "app-2": {"files": {}}}}
    new = {"bundles": {"app-1": {"files": {"base/nginx/nginx.conf": "b", "x": "1"}}, "app-2": {"files": {"new": "1"}}}}
    assert difference(old, new, fields=FILES) == {
        'bundles["app-1"].files["base/nginx/nginx.conf"]': "update",
        'bundles["app-2"].files["new"]': "add",
    }


def test_quotes_in_a_name_are_escaped() -> None:
    """A file with a quote in its name cannot break a path apart."""
    (path,) = difference({"files": {'a"]b': "1"}}, {"files": {}})
    assert keys(path) == ("files", 'a"]b')
