from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import errors
from stacks import wire

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=200)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CmctlError)]


@given(st.sampled_from(KINDS), TEXT, TEXT, TEXT, TEXT)
def test_an_error_survives_the_engine(kind: type[errors.CmctlError], what: str, why: str, hint: str, read: str) -> None:
    """Every kind of error comes back as itself with all four parts, whatever they hold, and the engine may add a line end."""
    back = wire.decode_error(wire.encode_error(kind(what, why=why, hint=hint, read=read)) + "\n")
    assert back is not None
    assert type(back) is kind
    assert (back.what, back.why, back.hint, back.read) == (what, why, hint, read)


def test_a_rooms_own_error_travels_as_the_kind_it_belongs_to() -> None:
    """An error class of another room keeps its exit code, because it arrives as its base in errors.py."""

    class LeaseLost(errors.Locked):
        """What a room might define for itself."""

    back = wire.decode_error(wire.encode_error(LeaseLost("lost")))
    assert type(back) is errors.Locked
    assert back.exit_code == 5


@pytest.mark.parametrize("message", ["", "plain words", 'words #cmctl {"broken', "words #cmctl [1, 2]", "#cmctl without the mark's spaces"])
def test_what_carries_no_payload_is_left_alone(message: str) -> None:
    """A message without a whole payload is words, not an error."""
    text, payload = wire.decode(message)
    assert payload is None
    assert wire.decode_error(message) is None
    assert text.startswith(message.partition(" #cmctl")[0].strip())


def test_people_read_the_sentence_first() -> None:
    """By hand, a message reads as a sentence: what programs need stands behind it."""
    assert wire.encode("starting blue", {"step": "start"}) == 'starting blue #cmctl {"step":"start"}'


def test_an_unknown_kind_is_a_failure_still() -> None:
    """A payload of a newer provider with a kind unknown here is still an error with its words."""
    back = wire.decode_error(wire.encode("x", {"error": "NotYetKnown", "what": "it failed"}))
    assert type(back) is errors.CmctlError
    assert back.what == "it failed"
