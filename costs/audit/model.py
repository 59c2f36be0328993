"""What an audit reads out of documents, and what it answers. Amounts are for a month; `low` and `high` are equal where no range is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Kind = Literal[
    "sum", "per user", "two totals", "range", "usage", "sku price", "size", "two choices", "no price", "limit", "pods", "count", "product",
    "percent", "basis", "capacity", "revenue", "margin", "unexplained", "list price", "claim", "twice", "moment", "implies", "no line",
]  # fmt: skip

KINDS: dict[Kind, str] = {
    "sum": "the lines do not add up to the total",
    "per user": "the cost of a user is not the total over the users",
    "two totals": "one thing has two totals",
    "range": "the components do not fit into the range",
    "usage": "the usage named costs more, or needs more, than the line pays for",
    "sku price": "one thing is sold at two prices",
    "size": "two sizes have one price",
    "two choices": "one phase is given two sizes",
    "no price": "something named has no price",
    "limit": "a goal is missed, or so far away that it says nothing",
    "count": "parts do not add up to their total",
    "product": "a rate times a number is not what stands beside it",
    "pods": "one number of pieces is given in several ways",
    "percent": "a share is not what its two figures give",
    "basis": "one figure is used for two kinds of users",
    "capacity": "a larger setup is said to hold no more",
    "revenue": "a revenue does not follow from users, conversion and price",
    "margin": "a margin does not follow from revenue and cost",
    "unexplained": "a large part of the total has no name",
    "list price": "a price is far from the list",
    "claim": "a comparison or a saving does not hold",
    "twice": "one thing is paid for in two lines",
    "moment": "one step is to be taken at two moments",
    "implies": "what a line means for one user or one request",
    "no line": "nothing is planned for this",
}
UNTOLD = "cannot tell"
NOTES: frozenset[Kind] = frozenset({"implies", "no line"})


@dataclass(frozen=True)
class Where:
    """A line of a document."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Amount:
    """Money for a month, or for `per` (a user, a GB, 1000 mails) where that is named. `near` is a "~" in front, `below` a "<"."""

    low: Decimal
    high: Decimal
    currency: str = "USD"
    near: bool = False
    below: bool = False
    per: str = ""
    per_count: Decimal = Decimal(1)

    @property
    def exact(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True)
class Usage:
    """`quantity` a month, in `unit`."""

    quantity: Decimal
    unit: str
    where: Where
    section: int = 0
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Item:
    """One line of a table. `amount` None: it is named without a price. `count` pieces; `skus` are names of what is bought."""

    name: str
    amount: Amount | None
    where: Where
    skus: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    count: tuple[Decimal, Decimal] = (Decimal(1), Decimal(1))
    taken_from: Where | None = None


@dataclass(frozen=True)
class Table:
    """Lines that belong to one total. `thing` is what it is about (`phase 2`): tables and totals of one thing must agree.

    `whole` is false for a list of steps that names only what changes. `users` are the users it is for, largest first.
    `unclear` are lines with several amounts, of which none is surely the line's; `converted` names the rates where lines are in other currencies than the total.
    """

    thing: str
    title: str
    where: Where
    items: tuple[Item, ...]
    total: Amount | None = None
    total_where: Where | None = None
    users: tuple[Decimal, ...] = ()
    per_user: Amount | None = None
    per_user_where: Where | None = None
    whole: bool = True
    unclear: tuple[Where, ...] = ()
    converted: str = ""

    @property
    def currency(self) -> str:
        """That of its total, else of its first line with an amount."""
        amounts = (self.total, *(item.amount for item in self.items), self.per_user)
        return next((amount.currency for amount in amounts if amount is not None), "USD")


@dataclass(frozen=True)
class Total:
    """A total stated apart from any table."""

    thing: str
    amount: Amount
    where: Where
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shift:
    """`before` → `after` of one thing, as an upgrade is written; skus name the two sides."""

    thing: str
    before: Amount
    after: Amount
    before_skus: tuple[str, ...]
    after_skus: tuple[str, ...]
    name: str
    where: Where


@dataclass(frozen=True)
class Quota:
    """A plan: `amount` a month holds `quantity` of `unit` a month. Or, with `each`, `amount` is for each `quantity`."""

    amount: Decimal
    quantity: Decimal
    unit: str
    words: frozenset[str]
    where: Where
    section: int
    each: bool


@dataclass(frozen=True)
class Choice:
    """A size that a phase is given: M30 in phase 2. `upgrade`: it moves to it from another."""

    thing: str
    sku: str
    where: Where
    upgrade: bool = False


@dataclass(frozen=True)
class Role:
    """What something is made of, as words: a message queue of redis."""

    name: frozenset[str]
    made_of: frozenset[str]
    text: str
    where: Where


@dataclass(frozen=True)
class Moment:
    """The users at which a phase `starts` or `is complete`."""

    thing: str
    act: str
    low: Decimal
    high: Decimal
    where: Where


@dataclass(frozen=True)
class Saving:
    """`share` percent less of `what`, thanks to what the words of `subject` name."""

    subject: frozenset[str]
    what: str
    share: str
    where: Where


@dataclass(frozen=True)
class Tally:
    """Counts of one unit that stand together, with the total given for them (or the one that the others are parts of)."""

    name: str
    total: Decimal
    near: bool
    parts: tuple[Decimal, ...]
    unit: str
    where: Where


@dataclass(frozen=True)
class Goal:
    """A figure stated outside tables: `kind` says which."""

    kind: Literal[
        "per user below",
        "revenue",
        "margin",
        "conversion",
        "users",
        "concurrent",
        "load test",
        "plan price",
        "cheaper",
        "phase",
        "cost",
        "serves",
        "pods",
        "most pieces",
        "workers",
        "replicas",
        "connections",
        "free tier",
    ]
    low: Decimal
    high: Decimal
    text: str
    where: Where
    thing: str = ""
    currency: str = "USD"


@dataclass
class Facts:
    """Everything that was read out of one platform's documents."""

    tables: list[Table] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    quotas: list[Quota] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    savings: list[Saving] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Facts) -> None:
        for name in self.__dataclass_fields__:
            getattr(self, name).extend(getattr(other, name))


@dataclass(frozen=True)
class Finding:
    """One contradiction: where, and the arithmetic that shows it."""

    kind: Kind
    where: Where
    text: str

    @property
    def note(self) -> bool:
        """Says what follows, and is no contradiction."""
        return self.kind in NOTES


@dataclass(frozen=True)
class Row:
    """One table recomputed, as texts: what it is, its components, their sum, what is stated, users, cost of one, what is stated, verdict."""

    where: Where
    title: str
    components: str
    sum: str
    stated: str
    users: str
    per_user: str
    stated_per_user: str
    verdict: str


@dataclass(frozen=True)
class Audit:
    """The answer: every table recomputed, and every contradiction in the documents' order."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]

    @property
    def contradictions(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if not one.note)

    @property
    def exit_code(self) -> int:
        """3 when a contradiction was found, 6 when a table cannot be told, else 0."""
        return 3 if self.contradictions else 6 if any(row.verdict.startswith(UNTOLD) for row in self.rows) else 0
