"""What a document says beside its figures of money: what is made of what, when a step is taken, what is saved, how many there are at most."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costs.audit.model import Goal, Moment, Role, Saving
from costs.audit.tallies import EACH, PODS
from costs.audit.text import PHASE, Text
from costs.audit.words import NUMBER, amounts, number, users, words

LONGEST_NAME = 40
ACTS = {"start": "starts", "begin": "starts", "complete": "is complete", "finish": "is complete"}
ACT = re.compile(rf"\b({'|'.join(ACTS)})s?\b", re.IGNORECASE)
LESS = re.compile(
    r"\breduc\w*\s+(?P<what>[a-z][a-z ]{2,40}?)(?:\s+costs?)?\s+by\s+(?P<share>\d{1,3}(?:\s?[-–]\s?\d{1,3})?)\s?%", re.IGNORECASE
)
MOST = re.compile(r"\bmax(?:imum)?\s+(?:replicas|instances|pods|nodes)\s*:\s*(\d{1,4})\b", re.IGNORECASE)
REPLICAS = re.compile(r"\b(\d{1,3})\s+(?:read )?replicas\b", re.IGNORECASE)
WORKERS = re.compile(r"\b(\d{1,3})\s+workers\b", re.IGNORECASE)
CONNECTIONS = re.compile(rf"\b({NUMBER})\s+connections/(?:pod|instance|server)\b", re.IGNORECASE)
FREE = re.compile(rf"^free tier\s*:\s*({NUMBER})\s+([a-z]+)", re.IGNORECASE)


def roles(found: Sequence[Text]) -> list[Role]:
    """`Message Queue: Redis Cluster` in a block, and a heading about redis below one about a message queue."""
    done: dict[tuple[str, ...], Role] = {}
    for line in found:
        name, colon, what = line.text.partition(":")
        if colon and line.block and not line.code and what.strip() and len(name) <= LONGEST_NAME and not amounts(line.text):
            done.setdefault((name, what, line.thing), Role(words(name), words(what), line.text, line.where))
        for above, below in zip(line.headings, line.headings[1:], strict=False):
            done.setdefault((above, below), Role(words(above), words(below), f"{above}: {below}", line.where))
    return [role for role in done.values() if role.name and role.made_of - role.name]


def moments(found: Sequence[Text]) -> list[Moment]:
    """`At 8K users - Begin Phase 1`: the number of users at which a phase starts or is complete."""
    done = []
    for line in found:
        act, phase, named = ACT.search(line.text), PHASE.search(line.text), list(users(line.text))
        if act and phase and len(named) == 1:
            low, high, _ = named[0]
            done.append(Moment(f"phase {phase[1]}", ACTS[act[1].lower()], low, high, line.where))
    return done


def savings(found: Sequence[Text]) -> list[Saving]:
    """`Reduce bandwidth costs by 60-70%`, with the words of the line before it, or of its heading."""
    done = []
    for line in found:
        match = LESS.search(line.text)
        if match:
            subject = words(line.text[: match.start()]) or words(line.headings[-1] if line.headings else "")
            done.append(Saving(subject, match["what"].strip().lower(), match["share"].replace(" ", ""), line.where))
    return done


def numbers(found: Sequence[Text]) -> list[Goal]:
    """How many pieces there are at most, what they serve together, replicas, workers, connections for each piece, free tiers."""
    done = []
    for line in found:
        head = line.headings[-1] if line.headings else ""
        cells = " ".join(line.cells)
        each, pods = EACH.search(cells), PODS.search(cells)
        if each and pods and "req" in cells:
            together = number(each[1], each[2]) * number(pods[1])
            done.append(Goal("serves", together, together, line.text, line.where))
            done.append(Goal("pods", number(pods[1]), number(pods[1]), line.text, line.where))
        for kind, pattern, text in (("most pieces", MOST, line.text), ("workers", WORKERS, line.text), ("replicas", REPLICAS, cells), ("connections", CONNECTIONS, cells)):  # fmt: skip
            match = pattern.search(text)
            if match:
                count = number(match[1])
                done.append(Goal(kind, count, count, line.cells[0] if line.cells else head, line.where))  # type: ignore[arg-type]
        free = FREE.match(line.text)
        if free:
            done.append(Goal("free tier", number(free[1]), number(free[1]), f"{line.label} {head}", line.where, free[0]))
    return done
