"""Reading figures out of prose: amounts of money, counts, numbers of users, names of what is bought. Never fails, whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from costs.audit.model import Amount

SCALE = {"k": 1000, "m": 10**6, "b": 10**9, "thousand": 1000, "million": 10**6, "billion": 10**9, "l": 10**5, "lakh": 10**5, "lac": 10**5, "crore": 10**7, "cr": 10**7}  # fmt: skip
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR"}
NUMBER = r"\d[\d,]{0,30}(?:\.\d{1,12})?"
TIMES = r"(?:[KMBLkmb]|(?i:thousand|million|billion|lakhs?|lacs?|crores?|cr))(?![A-Za-z0-9])"
AMOUNT = re.compile(
    rf"(?P<below><\s?)?(?P<near>~\s?)?(?P<minus>(?:(?<=[:|])|(?<=[:|]\s))-)?(?<![\w/{{\\])(?P<currency>[$€£₹])\s?(?P<low>{NUMBER})\s?(?P<low_scale>{TIMES})?"
    rf"(?:\s?[-–]\s?[$€£₹]?\s?(?P<high>{NUMBER})\s?(?P<high_scale>{TIMES})?)?\+?"
)
AFTER = re.compile(rf"\s?(?:/|per\s)\s?(?:(?P<count>{NUMBER})\s?(?P<scale>[KMBkmb](?![A-Za-z]))?\s?)?(?P<unit>[A-Za-z]+)")
COUNT = re.compile(
    rf"(?P<near>~)?(?<![\w$€£₹.,])(?P<low>{NUMBER})\s?(?P<scale>million|billion|[KMkm](?![A-Za-z0-9]))?\+?\s?(?P<unit>[A-Za-z][A-Za-z ]{{0,30}}?)?"
    r"\s?/\s?(?P<period>second|sec|s|minute|min|hour|day|month)\b",
    re.IGNORECASE,
)
USERS = re.compile(
    rf"(?<![\w$€£₹.,])(?P<low>{NUMBER})\s?(?P<low_scale>million|lakhs?|crores?|[KMkm](?![A-Za-z0-9]))?\+?(?:\s?[-–]\s?(?P<high>{NUMBER})\s?(?P<high_scale>million|lakhs?|crores?|[KMkm](?![A-Za-z0-9]))?\+?)?"
    r"\s+(?P<kind>total |concurrent |registered |active |peak concurrent )?users?\b",
    re.IGNORECASE,
)
PER_MONTH = {word: Decimal(1) for word in ("month", "mo", "mth", "monat")} | {
    word: Decimal(1) / 12 for word in ("year", "yr", "annum", "jahr")
}
A_MONTH = {"s": 2592000, "sec": 2592000, "second": 2592000, "minute": 43200, "min": 43200, "hour": 720, "day": 30, "month": 1}
MOJIBAKE = re.compile("[âðÃÂ][\u0080-\u2fff]")
# No terminal and no XML takes these; editors count no line at them.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ufffe\uffff]")
STRUCK = re.compile(r"~~[^~]{1,300}~~")
EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_]{1,200}?)(?<=\S)\1(?![\w*])")
LONGEST = 2000


def clean(line: str) -> str:
    """A line as it was meant: UTF-8 that was once read as Windows-1252 is read again, drawing and markup characters go."""
    line = CONTROL.sub(" ", line[:LONGEST])
    if MOJIBAKE.search(line):
        line = b"".join(_byte(char) for char in line).decode("utf-8", errors="replace")
    line = re.sub(r"[─-╿▀-◿☀-⟿⬀-⯿️�]|[\U0001f000-\U0001faff]", " ", line.replace("—", " - "))
    line = STRUCK.sub(" ", line.replace("**", "").replace("__", "").replace("`", ""))
    return plain_money(EMPHASIS.sub(r"\2", line)).rstrip()


def _byte(char: str) -> bytes:
    if ord(char) < 0x80:
        return char.encode()
    try:
        return char.encode("cp1252")
    except UnicodeEncodeError:
        return bytes([ord(char)]) if ord(char) < 0x100 else char.encode()


CODES = {"usd": "$", "us$": "$", "dollar": "$", "eur": "€", "euro": "€", "gbp": "£", "inr": "₹", "rs": "₹", "rupee": "₹"}
CODE_BEFORE = re.compile(r"(?<![A-Za-z])(?P<code>USD|US\$|EUR|GBP|INR|Rs\.?)\s?(?=\d)")
CODE_AFTER = re.compile(
    r"(?<![\w$€£₹.,])(?P<digits>\d[\d.,]{0,30}(?:\s?[-–]\s?\d[\d.,]{0,30})?)(?:(?P<scale>[KMkm])?\s?(?P<code>USD|EUR|GBP|INR|[Dd]ollars?|[Ee]uros?|[Rr]upees?)\b|\s?(?P<sign>[$€£₹])(?!\s?[\d~]))"
)
SPACED = re.compile(
    r"(?<![\w.,'])\d{1,3}(?:(?:[\u00a0\u202f']\d{3})+(?!\d)|(?: \d{3})+(?=,\d\d\b))(?=(?:[.,]\d{1,2})?\s?(?:[$€£₹]|USD|EUR|GBP|INR))"
    r"|(?<=[$€£₹])\s?\d{1,3}(?:(?:[\u00a0\u202f']\d{3})+(?!\d)|(?: \d{3})+(?=,\d\d\b))"
)
CENTS = re.compile(r"(?<![\w$€£₹.,])(?P<digits>\d{1,6}(?:\.\d{1,6})?)\s?(?:¢|(?:US )?cents?\b)")
EUROPEAN = re.compile(r"(?<=[$€£₹])(?P<space>\s?)(?P<whole>\d{1,3}(?:\.\d{3})+|\d{1,9})(?:,(?P<part>\d{1,2})(?![\d,]|\.\d))")
TO = re.compile(r"(?<!from )([$€£₹]\s?\d[\d.,]{0,30}\s?[KMkm]?)\s+to\s+(?=[$€£₹]\s?\d)")
BETWEEN = re.compile(r"\bbetween\s+([$€£₹]\s?\d[\d.,]{0,30}\s?[KMkm]?)\s+and\s+(?=[$€£₹]\s?\d)", re.IGNORECASE)
ACCOUNTED = re.compile(r"\|\s*\(([$€£₹]\s?\d[\d.,]{0,30})\)\s*(?=\|)")
MINUS = re.compile(r"([$€£₹])\s?-\s?(?=\d)")


def plain_money(line: str) -> str:
    """A line with every amount as `$1,234.50`: codes and signs behind the number, cents, decimal commas, `to`, brackets for below zero."""
    line = re.sub("[\u2010-\u2012\u2212]", "-", line)
    line = SPACED.sub(lambda match: re.sub(r"[\s']", "", match[0]), line.replace("\\$", "$"))
    line = CODE_BEFORE.sub(lambda match: CODES[match["code"].lower().rstrip(".")], line)
    line = CODE_AFTER.sub(_after, line)
    line = CENTS.sub(lambda match: f"${Decimal(match['digits']) / 100:f}", line)
    line = EUROPEAN.sub(lambda match: f"{match['space']}{match['whole'].replace('.', '')}.{match['part']}", line)
    return TO.sub(r"\1-", BETWEEN.sub(r"\1-", ACCOUNTED.sub(r"| -\1 ", MINUS.sub(r"-\1", line))))


def _after(match: re.Match[str]) -> str:
    sign = match["sign"] or CODES[match["code"].lower().rstrip("s")]
    return f"{sign}{match['digits']}{match['scale'] or ''}"


def number(text: str | None, scale: str | None = None) -> Decimal:
    """`10,000`, `1.5` with `k`: 1500. Text that is no number is 0."""
    digits = (text or "").replace(",", "")
    value = Decimal(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits, re.ASCII) else Decimal(0)
    word = (scale or "").strip().lower()
    return value * SCALE.get(word, SCALE.get(word.rstrip("s"), 1))


def amounts(text: str) -> list[Amount]:
    """Every amount of money in a line; a price for a year is divided by 12."""
    return [_amount(match, text) for match in AMOUNT.finditer(text)]


# A longer line is prose: which of its amounts is the line's cannot be told.
SENTENCE = 160
BRACKETS = re.compile(r"\([^()]{0,200}\)")
BEFORE = re.compile(r"(?<![\w.])(\d{1,4})\s?[x×*@]\s?$")
BEHIND = re.compile(r"(?:\s?/\s?[A-Za-z]+)?\s?[x×*]\s?(\d{1,4})(?![\w.])")


def one_amount(text: str) -> Amount | None:
    """What a line costs: its only amount, the one outside brackets (`$75 (was $57)`), the one behind `=`; `4 × $20` is $80."""
    ways = (text, BRACKETS.sub(" ", text), text.rpartition("=")[2] if text.count("=") == 1 else "")
    for part in ways if len(text) <= SENTENCE else (text,):
        matches = list(AMOUNT.finditer(part))
        if len(matches) == 1:
            found, match = _amount(matches[0], part), matches[0]
            times = BEFORE.search(part[: match.start()]) or BEHIND.match(part, match.end())
            count = Decimal(times[1]) if times else Decimal(1)
            return replace(found, low=found.low * count, high=found.high * count)
    return None


def _amount(match: re.Match[str], text: str) -> Amount:
    low = number(match["low"], match["low_scale"] or (match["high_scale"] if match["high"] else None))
    high = number(match["high"], match["high_scale"]) if match["high"] else low
    after = AFTER.match(text, match.end())
    unit = after["unit"].lower() if after else ""
    factor = PER_MONTH.get(unit, Decimal(1))
    per = "" if unit in PER_MONTH else unit
    per_count = number(after["count"], after["scale"]) if after and after["count"] else Decimal(1)
    low, high = sorted((low, high) if match["minus"] is None else (-low, -high))
    return Amount(
        low * factor,
        high * factor,
        CURRENCIES[match["currency"]],
        match["near"] is not None,
        match["below"] is not None,
        per,
        per_count or Decimal(1),
    )


def without_amounts(text: str) -> str:
    """The words around the amounts, without brackets that are left empty."""
    rest = AFTER_AMOUNT.sub(" ", text)
    return re.sub(r"\(\s*\)|\s{2,}", " ", rest).strip(" :-→~.…")


AFTER_AMOUNT = re.compile(AMOUNT.pattern.replace("(?P<", "(?P<x_") + r"(?:\s?(?:/|per\s)\s?[A-Za-z0-9,]+)?(?:\s+(?:per|/)\s?[a-z]+)?")


def counts(text: str) -> Iterator[tuple[Decimal, bool, str, str]]:
    """Counts with a period: (number a month, near, unit, period), e.g. `~6,600 emails/day`."""
    for match in COUNT.finditer(text):
        period = match["period"].lower()
        yield (
            number(match["low"], match["scale"]) * A_MONTH[period],
            match["near"] is not None,
            (match["unit"] or "").strip().lower(),
            period,
        )


def users(text: str) -> Iterator[tuple[Decimal, Decimal, str]]:
    """Numbers of users: (low, high, kind); kind is concurrent, total … or empty."""
    for match in USERS.finditer(text):
        low = number(match["low"], match["low_scale"] or (match["high_scale"] if match["high"] else None))
        high = number(match["high"], match["high_scale"]) if match["high"] else low
        yield low, high, (match["kind"] or "").strip().lower().replace("peak ", "")


SAY_NOTHING = """
a an and at by for from if in is it no of on or per set the to up use via with add upgrade implement increase tier plan cost monthly
month total paid web service services cache cluster layer database files file static server servers needed storage tools app apps
managed application other gb mb ram cpu cores ssd
"""
STOP = frozenset(SAY_NOTHING.split())
TIERS = ("starter", "standard", "pro", "business", "free", "hobby", "team", "essentials")


def words(text: str) -> frozenset[str]:
    """The words of a name that tell it from others: lower case, no stop words, no digits."""
    return frozenset(word for word in re.findall(r"[a-z][a-z0-9]+", text.lower()) if word not in STOP and word not in TIERS)


def skus(text: str) -> tuple[str, ...]:
    """Names of things with a size or a plan: `m30`, `8gb machine`, `cloudflare pro`, `render standard`."""
    lower = text.lower()
    found = [f"atlas {tier}" for tier in re.findall(r"\bm\d0\b", lower)]
    for vendor in ("cloudflare", "render", "vercel"):
        found += [f"{vendor} {tier}" for tier in TIERS if vendor in lower and re.search(rf"\b{tier}\b", lower)]
    if not found and re.search(r"\b(?:vps|server|servers|ram|node|nodes)\b", lower):
        found += [f"{size} GB machine" for size in re.findall(r"\b(\d{1,4})\s?gb\b(?! (?:ssd|storage))", lower)[:1]]
    return tuple(dict.fromkeys(found))


def pieces(text: str) -> tuple[Decimal, Decimal]:
    """How many of it: `2x 8GB` and `8GB x2` are 2, `3-5 nodes` 3 to 5, `2-4 autoscaling pods` 2 to 4, else 1."""
    behind = re.search(r"(?<!\w)[x×]\s?(?!(?:32|64|86)\b)(\d{1,3})(?![\w.,])", text)
    match = (
        re.search(r"\b(\d{1,4})\s?[x×]\s", text)
        or behind
        or re.search(r"\b(\d{1,4})(?:\s?[-–]\s?(\d{1,4}))?\s+(?:\w+ )?(?:pods|nodes|instances)\b", text)
    )
    if match is None:
        return Decimal(1), Decimal(1)
    low = number(match[1])
    high = number(match[2]) if match.re.groups > 1 and match[2] else low
    return (low, high) if 0 < low <= high else (Decimal(1), Decimal(1))
