from __future__ import annotations

import pytest

from errors import CmctlError, GateRefused, Interrupted, Locked, RolledBack
from stacks.events import Resource, Said
from stacks.failures import failure

URN = "urn:pulumi:s::cmctl::mongodbatlas:index/advancedCluster:AdvancedCluster::cluster"


def said(text: str, error: CmctlError | None = None) -> Said:
    return Said("error", text, Resource(URN), error)


def test_the_providers_own_error_is_the_answer() -> None:
    """What the provider said is what the person reads, with its exit code; the engine's "update failed" adds nothing."""
    error = failure(
        "s", [said("…", RolledBack("app-2 never got ready", hint="cmctl status")), said("update failed")], "code: 255", interrupted=False
    )
    assert isinstance(error, RolledBack)
    assert error.what == "app-2 never got ready"


def test_several_failures_are_all_named() -> None:
    """Two resources that failed at once are one error of the first one's kind that names the second too."""
    error = failure("s", [said("", Locked("the lease is held")), said("", RolledBack("and this"))], "", interrupted=False)
    assert isinstance(error, Locked)
    assert error.what == "the lease is held\nalso: and this"


def test_interrupted_wins() -> None:
    """After Ctrl-C the answer is 130, in the transaction's own words where it said some."""
    own = Interrupted("s was taken back", why="1.0 serves")
    assert failure("s", [said("", own)], "", interrupted=True) is own
    other = failure("s", [said("", RolledBack("half"))], "", interrupted=True)
    assert other.exit_code == 130
    assert "half" in other.why


def test_protected_data_is_a_gate() -> None:
    """A refusal to delete protected data says what is protected and what to do, not how Pulumi phrases it."""
    error = failure("s", [said(f'resource "{URN}" cannot be deleted\nbecause it is protected. To unprotect …')], "", interrupted=False)
    assert isinstance(error, GateRefused)
    assert "cluster" in error.what
    assert "state unprotect" in error.hint


def test_a_programs_exception_has_no_traceback() -> None:
    """A program that fails says its exception; the way through the engine is left out."""
    text = "python inline source runtime error: no such host\nTraceback (most recent call last):\n  File …"
    both = [said(text), said(f"an unhandled error occurred: {text}")]
    assert failure("s", both, "", interrupted=False).why == "no such host"


@pytest.mark.parametrize("lines", [[], [said("update failed")]])
def test_without_words_the_clis_text_is_shown(lines: list[Said]) -> None:
    """Where nobody said anything, what the CLI printed is all there is."""
    assert "exit 255" in failure("s", lines, "exit 255: boom", interrupted=False).why
