from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stacks.provider.values import plain, struct

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: not f.is_integer())
    | st.text(max_size=8)
)
TREES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=10
    ),
    max_size=4,
)


def ints(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(ints, value.values()))
    return sum(map(ints, value)) if isinstance(value, list) else isinstance(value, int)


@given(TREES)
def test_values_come_back_as_they_were(tree: dict[str, Any]) -> None:
    """What goes through protobuf comes back the same, and whole numbers stay ints although protobuf knows only doubles."""
    back = plain(struct(tree))
    assert back == tree
    assert ints(back) == ints(tree)


def test_whole_numbers_are_ints() -> None:
    """A port of 8080 does not become 8080.0 in a file."""
    value = plain(struct({"port": 8080, "ratio": 0.5}))
    assert value == {"port": 8080, "ratio": 0.5}
    assert isinstance(value["port"], int)
