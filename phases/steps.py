"""A named request of a platform, as its journeys play it. Text may hold values of the user in braces: `{token}`."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from documents import broken

Method = Literal["get", "post", "put", "patch", "delete", "head"]
METHODS: tuple[Method, ...] = get_args(Method)
TOKEN = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
WAY = re.compile(r"^(/(?!/)[^\s\x00-\x1f\x7f#]*|\{[A-Za-z_][A-Za-z0-9_]*\})\Z")
# The client's own, or ones that would aim the request at somebody else or speak for another client.
OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect", "x-forwarded-for"})


def _one_or_more(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


def _plain(given: Any) -> Any:
    """A whole number or a truth as the text it stands for; `1.10` would lose its zero, so it needs its quotes."""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given) if isinstance(given, int) else given


def _json(given: Any, *at: str | int) -> Any:
    """What YAML can say and JSON cannot is told at its key."""
    if isinstance(given, float) and not math.isfinite(given):
        raise broken("is no number that JSON has", *at)
    if given is not None and not isinstance(given, str | int | float | dict | list):
        raise broken(f"is no JSON, got {given!r}: put it in quotes if it is text", *at)
    for key, one in given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ():
        _json(one, *at, key)
    return given


def _on_the_site(path: str) -> str:
    """`//host` and `https://host` would be somebody else's. One value alone may be a whole path."""
    if not WAY.match(path):
        raise ValueError(f"a path on the site itself is wanted, like /api/cart?page={{page}}, got {path!r}")
    return path


def _findable(place: str) -> str:
    kind, colon, name = place.partition(":")
    if colon and kind in ("header", "cookie"):
        if not TOKEN.match(name):
            raise ValueError(f"{name!r} is no {kind}'s name")
    elif not all(place.split(".")):
        raise ValueError(f"a dotted path into the answer's JSON is wanted, like items.0.id, or header:NAME or cookie:NAME, got {place!r}")
    return place


def _header_of_theirs(name: str) -> str:
    if not TOKEN.match(name):
        raise ValueError(f"{name!r} is no header's name")
    if name.lower() in OURS:
        raise ValueError(f"{name} is the load generator's own header")
    return name


StepName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
ValueName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,40}$")]
Way = Annotated[str, AfterValidator(_on_the_site)]
Status = Annotated[int, Field(ge=200, le=599, strict=True)]
Statuses = Annotated[tuple[Status, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
HeaderName = Annotated[str, AfterValidator(_header_of_theirs)]
Line = Annotated[str, BeforeValidator(_plain), Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
Entry = Annotated[str, BeforeValidator(_plain)]
Place = Annotated[str, AfterValidator(_findable)]
Wanted = Annotated[str, Field(min_length=1)]


class Request(BaseModel):
    """One request: a method with its path, at most one of `json`, `form` and `body`, and what makes its answer a good one.

    `expect` are statuses (without it any 2xx), `contains` a text that the answer holds. `keep` takes values for later steps:
    a dotted path into the answer's JSON (`items.0.id`, `items.*.id` for any one), `header:NAME`, or `cookie:NAME`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, serialize_by_alias=True)

    get: Way | None = None
    post: Way | None = None
    put: Way | None = None
    patch: Way | None = None
    delete: Way | None = None
    head: Way | None = None
    data: Annotated[Any, AfterValidator(_json)] = Field(None, alias="json")
    form: dict[str, Entry] | None = None
    body: str | None = None
    headers: dict[HeaderName, Line] = {}
    expect: Statuses | None = None
    contains: Wanted | None = None
    keep: dict[ValueName, Place] = {}

    @property
    def method(self) -> str:
        return next(name for name in METHODS if getattr(self, name) is not None).upper()

    @property
    def path(self) -> str:
        """The path as it is written, with names in braces."""
        return str(getattr(self, self.method.lower()))

    @model_validator(mode="after")
    def one_request(self) -> Request:
        given = [name for name in METHODS if getattr(self, name) is not None]
        if len(given) != 1:
            many = f"{' and '.join(given)} are several requests" if given else f"no request: one of {', '.join(METHODS)} with its path"
            raise broken(many, *given[1:2])
        bodies = [name for name, value in (("json", self.data), ("form", self.form), ("body", self.body)) if value is not None]
        if len(bodies) > 1:
            raise broken(f"{' and '.join(bodies)} are several contents: give one", bodies[1])
        return self

    @model_validator(mode="after")
    def head_has_no_content(self) -> Request:
        if self.head is None:
            return self
        for name, value in (("json", self.data), ("form", self.form), ("body", self.body), ("contains", self.contains)):
            if value is not None:
                raise broken("no content goes with HEAD", name)
        for name, place in self.keep.items():
            if not place.startswith(("header:", "cookie:")):
                raise broken("the answer to HEAD has no content: keep a header or a cookie of it", "keep", name)
        return self

    @model_validator(mode="after")
    def headers_once(self) -> Request:
        seen: set[str] = set()
        for name in self.headers:
            if name.lower() in seen:
                raise broken("is there twice: headers do not know case", "headers", name)
            seen.add(name.lower())
        return self
