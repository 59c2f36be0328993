"""The audit of cost tables: it finds every contradiction of the platforms' documents, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import books, junit
from costs.audit import words
from costs.audit.model import Audit
from costs.audit.run import Source, as_dict, audit, read, rows
from errors import BadInput
from tests.costs.figures import cases

DATA = Path(__file__).parent / "data"
LIST = books.load("list-2026-11")
GROUPS = {"guide": ("guide.md", "journey.md"), "blueprint": ("blueprint.md",), "shop": ("shop.md",), "typing": ("typing.md",)}


def source(name: str) -> Source:
    return Source(name, (DATA / name).read_text(encoding="utf-8"))


def audited(*names: str, book: books.Book | None = None) -> Audit:
    return audit([source(name) for name in names], book)


def told(found: Audit) -> str:
    recomputed = "\n".join(" | ".join(row) for row in rows(found))
    findings = "\n".join(f"{one.where}: {one.kind}: {one.text}" for one in found.findings)
    return f"{recomputed}\n\n{findings}\n"


@pytest.mark.parametrize("name", GROUPS)
def test_every_table_recomputed(name: str, golden: Callable[[str, str], None]) -> None:
    """The five documents' tables, recomputed and with every contradiction, are as worked out by hand."""
    golden(f"costs/audit-{name}.txt", told(audited(*GROUPS[name], book=LIST)))


# Document, kind, and what the text must say: the contradictions that were found by hand.
BY_HAND = [
    ("guide", "per user", "$155 / 10,000 users = $0.0155 for each, stated $15.50: 1000 times too much"),
    ("guide", "per user", "$500 / 50,000 users = $0.0100 for each, stated $10.00: 1000 times too much"),
    ("guide", "per user", "$1,500 / 100,000 users = $0.0150 for each, stated $15.00: 1000 times too much"),
    ("guide", "limit", "the goal allows $1,500,000 a month at 100,000 users; read for 1,000 users, $15.50 and $15 do not meet it"),
    ("guide", "two totals", "phase 2 costs $400, for each of 50,000 users $0.0080 here and $500 in line 71; each is exactly 0.8"),
    ("guide", "two totals", "phase 3 costs $1,200, for each of 100,000 users $0.0120 here and $1,500 in line 84; each is exactly 0.8"),
    ("guide", "two totals", "phase 1 costs $80-150 here and $155"),
    ("guide", "size", "4 GB machine costs $40, as 2 GB machine"),
    ("guide", "two choices", "phase 1 has atlas m30 here and atlas m20"),
    ("guide", "two choices", "phase 2 has atlas m40 here and atlas m30"),
    ("guide", "range", "= $280, stated $80-150: above the whole range"),
    ("guide", "range", "atlas m40 (the price book) $759.20"),
    ("guide", "range", "= $1,290-1,450, stated $800-1,500: so the lower end cannot be reached"),
    ("guide", "two choices", "phase 2 moves to atlas m30 here, which phase 1 has already"),
    ("guide", "list price", "Atlas M30 + Replicas: list $394.20, stated $200 (×1.97); it covers 3 nodes already"),
    ("guide", "twice", "Message Queue, $50: by"),
    ("guide", "twice", "it is Redis (High Availability), which line 80 pays for with $100"),
    ("guide", "claim", "60-70 % less server load here, 60-70 % less bandwidth in guide.md"),
    ("guide", "revenue", "it would have to be ₹3,165.17"),
    ("guide", "implies", "on each sale of ₹1,999 ₹47.18 ($0.4968), 32 times what a user costs"),
    ("guide", "list price", "Atlas M20: list $146, stated $75 (×1.95)"),
    ("guide", "list price", "Atlas M60 + Sharding: list $2,883.50, stated $600 (×4.81); two shards $5,767"),
    ("guide", "no line", "e-mail, domain, backups, bandwidth, staging, tax, payment fees"),
    ("guide", "percent", "1.2 of 2 GB (line 4) is 60.0 %, stated 70 %"),
    ("guide", "capacity", "phase 1 holds 1,000 at once; the present setup is said to hold 1,000-2,000 already"),
    ("guide", "revenue", "= $33.33 for each payer; the plan of ₹1,999 (journey.md:4) is $21.05, which makes at most $315,780.34"),
    ("guide", "implies", "payment fees of 2.36 % on $500,000 are $11,800, 7.9 times"),
    (
        "blueprint",
        "basis",
        "1,000,000 users are concurrent here; the table in line 33 is for 1,000,000 users, and the load test (line 45) is for 10,000",
    ),
    ("blueprint", "product", "API Load Balancer takes 10,000+ a second, what is behind it 5,000"),
    ("blueprint", "basis", "the 5,000 requests a second of line 25 are one for each in 200 s"),
    ("blueprint", "usage", "Render: list 2-4 × $25 = $50-100, stated $25-50 (×2.00); at most 10 (line 48): $250"),
    (
        "blueprint",
        "usage",
        "1 and 3 replicas (line 55), each of 0.25 CU at least, awake for 730 h, cost $77.38 (Neon Launch) or $162.06 (Neon Scale)",
    ),
    (
        "blueprint",
        "usage",
        "at the 5,000 a second that line 25 serves $25,920; the line buys 2,500,000-5,000,000 commands, 2.5-5 for each user",
    ),
    ("blueprint", "implies", "60 connections for each piece are 240 where each of its 4 workers (line 49) has a pool, 2,400 in 10"),
    ("blueprint", "pods", "pods are 3-10 (line 8), 2-10 (line 24), 2-4 (line 34)"),
    ("blueprint", "two totals", "Render costs $7-50 here and $25-50"),
    ("blueprint", "usage", "Upstash Redis: 259,200,000,000 requests a month (line 26)"),
    ("blueprint", "claim", "1.53 times $0.0150, not 10 times"),
    ("blueprint", "implies", "Cloudflare R2: $10-20 at $0.0150 for gb (line 18) is 667-1,333 gb a month"),
    ("blueprint", "margin", "98.7-99.2 %, stated 98.7 %; it holds only at $130"),
    ("shop", "sum", "7 + 0 + 0 + 1 = $8, stated $7: Domain (line 53) is left out"),
    ("shop", "sum", "= $166, stated $150: no choice of the lines gives $150 (nearest $151)"),
    ("shop", "no price", "is at least $256, stated $236: Add read replicas has no price"),
    ("shop", "usage", "198,000 emails a month (line 38), the plan of $89.95 has 100,000"),
    ("shop", "usage", "is $5,616, the line has $10; the total would be $5,842, $0.05842 for each user"),
    ("shop", "usage", "a tenth of it is still $561.60"),
    ("shop", "usage", "holds 50 GB, 18 bytes for each of them"),
    ("shop", "list price", "SendGrid Free: Free tier: 100 emails is a trial of 60 days"),
    ("shop", "list price", "SendGrid Essentials: $19.95 is for 50,000 mails (twilio.com, 2026-08-13), stated 40,000"),
    ("shop", "list price", "$0.10 for 1,000 emails holds for accounts active since 2025-06; $0.16 for accounts new since 2026-07-21"),
    ("shop", "implies", "phase 1 starts at 8,000 users here and at 5,000-10,000 in line 116"),
    ("shop", "implies", "phase 2 is complete at 20,000 users here and at 10,000-50,000 in line 117"),
    ("shop", "count", "5,000 + 50,000 + 10,000 = 65,000, stated 100,000/minute"),
    (
        "typing",
        "implies",
        "API Gateway: $11,000 for 2,592,000,000,000 requests a month (line 30) is $0.004244 a million; at $1 a million it pays for 4,244 a second",
    ),
    ("typing", "unexplained", "Other Services: $50,000 is 19.5 % of the total"),
    ("typing", "no price", "phase 1, phase 2, phase 3: named with users, but no table gives a cost"),
]


@pytest.mark.parametrize(("name", "kind", "text"), BY_HAND)
def test_what_was_found_by_hand_is_found(name: str, kind: str, text: str) -> None:
    """Each contradiction named by hand comes out with its arithmetic."""
    assert any(one.kind == kind and text in one.text for one in audited(*GROUPS[name], book=LIST).findings)


@pytest.mark.parametrize(("name", "book"), [("right.md", None), ("right.md", LIST), ("right.yaml", None)])
def test_a_right_table_is_left_alone(name: str, book: books.Book | None) -> None:
    """A table whose figures are right has no contradiction, in prose and as YAML, alone and beside the list."""
    found = audited(name, book=book)
    assert found.contradictions == ()
    assert {row.verdict for row in found.rows} == {"right"}
    assert found.exit_code == 0


def test_a_moment_outside_its_range_is_a_contradiction() -> None:
    """One step that is complete at 20,000 users in one line and at 30,000 to 50,000 in another contradicts itself."""
    text = "- At 20K users - Complete Phase 2\n- 30K-50K users: Complete Phase 2\n- 20K users: Start Phase 3\n"
    (found,) = audit([Source("plan.md", text)]).contradictions
    assert (found.kind, found.where.line) == ("moment", 2)
    assert found.text == "phase 2 is complete at 30,000-50,000 users here and at 20,000 in line 1"


def test_a_wrong_ledger() -> None:
    """A YAML table with every kind of mistake gets one finding for each, with file and line."""
    found = {(one.kind, one.where.line) for one in audited("wrong.yaml").contradictions}
    assert found == {
        ("sum", 8), ("per user", 9), ("sku price", 13), ("usage", 14), ("usage", 15), ("usage", 16), ("range", 17), ("no price", 22), ("two totals", 24),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["guide.md", "shop.md"])
def test_a_document_read_in_the_wrong_code_is_understood(name: str) -> None:
    """UTF-8 that was once read as Windows-1252 gives the same tables and contradictions."""
    text = source(name).text
    broken = "".join(one.encode().decode("cp1252", errors="replace") if ord(one) > 127 else one for one in text)
    assert broken != text
    as_meant, as_broken = audit([Source(name, text)]), audit([Source(name, broken)])
    assert [(one.kind, one.where) for one in as_broken.findings] == [(one.kind, one.where) for one in as_meant.findings]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("amount: 80", "amont: 80", "right.yaml:7: unknown key tables.0.lines.0.amont (did you mean amount?)"),
        ("users: 10000", "users: 0", "right.yaml:5: tables.0.users"),
        ("total: 155\n    per", "total: much\n    per", "right.yaml:10: tables.0.total"),
        ("quota: 100000", "quota: 100000, price: 1", "give `price` or `quota`"),
    ],
)
def test_a_malformed_ledger_is_refused(right: str, wrong: str, message: str) -> None:
    """A mistake in the YAML form is exit 2 with file, line and key."""
    text = source("right.yaml").text
    assert right in text
    with pytest.raises(BadInput) as error:
        audit([Source("right.yaml", text.replace(right, wrong))])
    assert message in str(error.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """A missing file and one that is not text are exit 2 with the path."""
    (tmp_path / "x.md").write_bytes(b"\xff\xfe\x00")
    for name in ("x.md", "y.md"):
        with pytest.raises(BadInput, match=name):
            read(tmp_path / name)


def test_machine_readable() -> None:
    """The JSON names kind, file, line and text of each finding, JUnit has one failing case for each contradiction."""
    found = audited("shop.md")
    document = as_dict(found)
    assert {one["kind"] for one in document["findings"]} >= {"sum", "usage", "count"}
    assert junit.of_audit(found).count("<failure") == len(found.contradictions)
    assert junit.of_audit(audited("right.yaml")).count("<failure") == 0


AMOUNTS = [
    ("VPS → $80/month", ("80", "80", "", "1")),
    ("~$1,234.50", ("1234.50", "1234.50", "", "1")),
    ("$25-50", ("25", "50", "", "1")),
    ("$12/year", ("1", "1", "", "1")),
    ("$1.5K", ("1500", "1500", "", "1")),
    ("$0.20/100K commands", ("0.20", "0.20", "commands", "100000")),
    ("$0.10 per 1,000 emails", ("0.10", "0.10", "emails", "1000")),
    ("<$15 per user per month", ("15", "15", "user", "1")),
]


@pytest.mark.parametrize(("text", "expected"), AMOUNTS)
def test_amounts_are_read(text: str, expected: tuple[str, str, str, str]) -> None:
    """Ranges, scales, years and prices for many units are read as they are meant."""
    (found,) = words.amounts(text)
    low, high, per, count = expected
    assert (found.low, found.high, found.per, found.per_count) == (Decimal(low), Decimal(high), per, Decimal(count))


@pytest.mark.parametrize("text", ["rewrite-target: /$2", "$(date)", "${PORT}", "US$", "$PORT"])
def test_a_shells_dollars_are_no_money(text: str) -> None:
    """Variables and groups of regular expressions are not amounts."""
    assert words.amounts(text) == []


PIECES = st.sampled_from([
    "# ", "## Phase 1 (0-10k users)\n", "```\n", "```bash\n", "$80/month", "~$1,200", "$5-10", "Total: ", "Cost: ", "Cost per user: ", "| a | ", "|\n",
    "→", "├── ", "- ", "\n", "M30", "8GB RAM", "2x ", "3-5 nodes", "~6,600 emails/day", "($0.20/100K commands)", "1M+ concurrent users", "98.7%",
    "Max replicas: 10", "| PostgreSQL | 3 replicas | 60 connections/pod |\n", "4 workers", "Free tier: 100 emails/day", "SendGrid", "Neon", "AWS SES", "Upstash",
    "At 8K users - Begin Phase 1", "5K-10K users: Start Phase 1", "Reduce bandwidth by 60%", "Message Queue: Redis", "$0/GB", "$0.10 per 1,000 emails", "₹1,999/1 month", "pricing",
    "10x cheaper than S3", "500/pod | 10 pods", "Revenue: ", "margin", "Current: ", "Upgrade to: ", "×", "=", "99999999999999999999999", "٣", "²", "\x00", "\x85",
])  # fmt: skip
# Whole lines, each with a place for a figure, so that tables, plans, usage and goals come together.
LINES = [
    "# Phase 1 (0-{} users)", "## Phase 2: more ({} users)", "### Redis", "### Message Queue", "```", "```bash", "| What | Monthly cost | Notes |", "|---|---|---|",
    "| Redis | ${} | {} pods |", "| Message Queue | ${}-{} | |", "| SendGrid | ${}/month | |", "| Neon PostgreSQL | ${} | |", "| API Balancer | {}+ | |", "| **Total** | **${}** | |",
    "| Layer | Requests/sec | Capacity | Notes |", "| Pods | {}/pod | {} pods max | {} req/s total |", "| PostgreSQL | {} | {} replicas | {} connections/pod |", "├── VPS: {}GB RAM → ${}/month",
    "├── Atlas M30 + Replicas → ${}/month", "├── Redis → ${}/month", "├── Message Queue → ${}/month", "├── App Servers: {}x 8GB VPS → ${}/month", "└── Total: ~${}/month", "Cost per user: ${} (at {} users)",
    "**Cost**: ${}-{}/month", "Cost: ${}/month → ${}/month", "Current: M10 → M30", "Database: Atlas M40 with replicas", "Message Queue: Redis", "Server: 8GB RAM", "- Upstash Redis (${}/{}K commands)",
    "- ${}/GB ({}x cheaper than S3)", "Use SendGrid:", "- Essentials: ${}/month ({}K emails)", "- ${} per {} emails", "- Free tier: {} emails/day", "- Total: ~{} emails/day", "├─ Queries: ~{}/minute",
    "- Total: {} cache ops/minute", "Pricing:", "- Plan: ₹{}/1 month", "- Revenue: ${}/month", "- Margin: {}%", "- Conversion: {}%", "- Goal: <${} per user per month", "- {}+ concurrent users", "- Currently {}-{} concurrent users",
    "- Load test with {} concurrent users", "- At {} users - Begin Phase 1", "{}-{} users: Complete Phase 2", "CDN: Reduce bandwidth by {}%", "- Max replicas: {}", "- {} workers", "{} x {} = {}", "{}GB RAM", "- Memory: {}GB ({}% of available)",
    "| Item | Phase 1 | Annual | Total (€) |", "| DB | ${} | ₹{} lakh | €{},50 |", "| *Subtotal* | -${} | (${}) | {} USD |", "Server ..... ${}", "  - Web: ${} (was ${})", "- Web: {} × ${} = ${}",
    "${} to ${}", "{} cents", "Server ${} + DB ${} = ${}", "for free = ${}", "Users: {}", "Total: {} €", "===",
]  # fmt: skip
FIGURES = st.one_of(st.sampled_from(["0", "1", "0.00", "1,000", "5K", "1M", "100", "99999999999999999999"]), st.integers(0, 10**7).map(str))
FILLED = st.tuples(st.sampled_from(LINES), FIGURES, FIGURES, FIGURES).map(lambda parts: parts[0].format(*parts[1:]))
DOCUMENTS = st.lists(FILLED, min_size=3, max_size=40).map("\n".join)
ANY = st.one_of(DOCUMENTS, st.text(max_size=200), st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=40).map("".join))


@cases(100)
@given(ANY)
def test_no_text_breaks_the_audit(text: str) -> None:
    """Whatever the text, the audit answers. `make properties` asks a hundred thousand."""
    audit([Source("any.md", text)], LIST)
