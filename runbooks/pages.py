"""Runbook pages as values: front matter, sections, and the tagged command blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

SECTIONS = (
    "In one line", "Meaning", "Impact", "Confirm", "Decide", "Mitigate", "Fix the cause", "Verify", "Escalate", "After",
)  # fmt: skip
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. `tag` says whether its commands only look or change something."""

    tag: Literal["read", "change"]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    name: str
    facts: dict[str, object]
    sections: dict[str, str]
    blocks: tuple[Block, ...]


def parse(name: str, text: str) -> Page:
    """The page in `text`. Raises ValueError for a page without front matter or with an untagged block."""
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    if not body:
        raise ValueError(f"{name}: no front matter")
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = {title.strip(): content.strip() for title, content in zip(parts[1::2], parts[2::2], strict=True)}
    return Page(name, yaml.safe_load(head), sections, tuple(_blocks(name, body)))


def _blocks(name: str, body: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(body):
        words = match["info"].split()
        if len(words) != 2 or words[0] != "bash" or words[1] not in {"read", "change"}:
            raise ValueError(f"{name}: a block is tagged {match['info']!r}, not `bash read` or `bash change`")
        lines = tuple(line.strip() for line in match["body"].splitlines() if line.strip())
        found.append(Block("read" if words[1] == "read" else "change", lines))
    return found


def pages(root: Path = Path(__file__).parent) -> dict[str, Page]:
    """Every page but the README, by name."""
    return {path.stem: parse(path.stem, path.read_text(encoding="utf-8")) for path in sorted(root.glob("*.md")) if path.stem != "README"}
