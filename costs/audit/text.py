"""A plain or Markdown document as lines that know where they stand: under which headings, in which block of code, below which label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from costs.audit.model import Where
from costs.audit.words import AMOUNT, clean

HEADING = re.compile(r"^(#{1,6})\s+(\S.*)$")
FENCE = re.compile(r"^\s*(?:```|~~~)\s*(\w*)")
LEAD = re.compile(r"^[\s|>]*(?:[-*+•]\s+|\d{1,3}[.)]\s+|\[[ x]\]\s+|#{1,6}\s+)*", re.IGNORECASE)
TOTAL = re.compile(
    r"^(?:[=→]\s*)?(?:(?:(?:grand|estimated|monthly|overall|net|combined|costs?) ){0,3}totals?|sum|summe|gesamt)\b(?! (?:(?:costs?|monthly|annual|yearly|expected|estimated) )?(?:savings?|saved|budget|revenue|income|profit)\b)",
    re.IGNORECASE,
)
RULE = re.compile(r"^\s*:?-+:?\s*\|[-:|\s]*$")
UNDERLINE = re.compile(r"^={3,}\s*$")
PHASE = re.compile(r"\bphase\s+(\d)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """One line, cleaned. `block` is the number of the fence it is in (0: none), `code` when that fence names a language.

    `section` counts headings; `label` is the last line of the section that ended with a colon. `bullet`: it is a list's line, `indent` spaces in.
    """

    where: Where
    text: str
    headings: tuple[str, ...]
    section: int
    block: int
    code: bool
    label: str
    bullet: bool
    cells: tuple[str, ...]
    indent: int = 0

    @property
    def thing(self) -> str:
        """`phase N` of the innermost heading that names one, else the innermost heading."""
        for heading in reversed(self.headings):
            match = PHASE.search(heading)
            if match:
                return f"phase {match[1]}"
        return self.headings[-1].lower() if self.headings else "the document"


def lines(text: str, name: str) -> Iterator[Text]:
    """Every line that says something. `name` is the document's, for messages."""
    headings: list[tuple[int, str]] = []
    section = block = blocks = 0
    code, label = False, ""
    raws = _with_pipes(text.split("\n"))
    for number, raw in enumerate(raws, 1):
        where, line = Where(name, number), clean(raw)
        fence = FENCE.match(raw[:200])
        if fence:
            blocks += not block
            block, code, label = (0, False, label) if block else (blocks, bool(fence[1]), label)
            continue
        heading = None if block else HEADING.match(f"# {line}" if _underlined(raws, number, line) else line)
        if heading and not (TOTAL.match(heading[2].strip()) and AMOUNT.search(line)):
            level = len(heading[1])
            headings = [*(one for one in headings if one[0] < level), (level, heading[2].strip())]
            section, label = section + 1, ""
            continue
        body = _body(line, code=code)
        if not body:
            continue
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|")) if line.lstrip().startswith("|") and not block else ()
        bullet = bool(re.match(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s", line))
        indent = len(line) - len(line.lstrip())
        yield Text(where, body, tuple(one[1] for one in headings), section, block, code, label, bullet, cells, indent)
        if body.endswith(":") and not AMOUNT.search(body):
            label = body.rstrip(":")


def _with_pipes(raws: list[str]) -> list[str]:
    """The lines with a pipe in front of every row of a table that is written without."""
    done, end = list(raws), 0
    for index, raw in enumerate(raws):
        if index > end and RULE.match(raw[:200]) and "|" in raws[index - 1]:
            end = next((at for at in range(index, len(raws)) if "|" not in raws[at]), len(raws))
            done[index - 1 : end] = [f"| {row}" for row in raws[index - 1 : end]]
    return done


def _underlined(raws: Sequence[str], number: int, line: str) -> bool:
    """Whether the line after `number` draws `===` below it, which makes it a heading."""
    return bool(line.strip()) and number < len(raws) and bool(UNDERLINE.match(raws[number][:200])) and line.lstrip()[:1] not in "=|"


def _body(line: str, *, code: bool) -> str:
    """A line without its list marks. Of code only the comments are read."""
    if code:
        match = re.match(r"^\s*(?:#|//)\s*(\S.*)$", line)
        return match[1].strip() if match else ""
    body = LEAD.sub("", line).strip()
    return "" if re.fullmatch(r"[-=|:+\s_*]*", body) else body
