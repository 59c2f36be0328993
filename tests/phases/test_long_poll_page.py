"""The page about long polls shows what the files have."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from commands.prove import line
from loadtests.polling import MARGIN_S
from loadtests.result import Polls, Steady
from phases.load import ROOT, load
from phases.model import LongPoll
from tests.loadtests.figures import measured

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "long-poll.md").read_text(encoding="utf-8")


def test_its_example_is_codementees() -> None:
    """The example stands in Codementee's file as it stands on the page, and the table names every key."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert example in (ROOT / "codementee" / "platform.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(example)["long_poll"]["url"] == load("codementee").platform.long_poll.url  # type: ignore[union-attr]
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == set(LongPoll.model_fields)


def test_its_line_and_its_limit_are_the_commands() -> None:
    """The line is what `--prove` says, and the time after which a poll has failed is the client's."""
    polls = Polls(answered=2, failed=0, held=True, reasons={})
    said = line(Steady(measured=measured(1234, 0, 0, p95_ms=87), polls=polls))
    assert re.sub(r"p99 \d+", "p99 31", said) in PAGE
    assert f"none {MARGIN_S:.0f} s after `wait_s`" in PAGE
