"""Questions to a running Prometheus, answered in one of five ways: a value, nothing, something too old, nobody there, a wrong question."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.packages.urllib3.util.retry import Retry  # type: ignore[import-not-found]

TIMEOUT_S = 5.0
# What Prometheus says of a question it cannot answer; anything else is about itself.
WRONG = {"bad_data", "execution"}


@dataclass(frozen=True)
class Sample:
    """One series at the moment of asking: its labels, its finite value, when it was evaluated."""

    labels: Mapping[str, str]
    value: float
    at: dt.datetime


@dataclass(frozen=True)
class Value:
    """At least one sample. `warnings`: Prometheus' own, and how many series gave no number; a part of the answer may be missing."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()

    @property
    def number(self) -> float | None:
        """The value of the only sample; None where there are several."""
        return self.samples[0].value if len(self.samples) == 1 else None


@dataclass(frozen=True)
class NoData:
    """Prometheus answers, and has nothing, or nothing that is a number."""

    why: str


@dataclass(frozen=True)
class Stale:
    """There is a value, made of samples older than asked for. `age_s` None: older than an hour, or none was ever taken."""

    value: Value
    age_s: float | None
    why: str


@dataclass(frozen=True)
class Unreachable:
    """Nobody answered in time, or who answered is no Prometheus that may be asked."""

    why: str


@dataclass(frozen=True)
class BadQuery:
    """Prometheus does not understand the expression, or it gives no values of one moment."""

    why: str


Answer = Value | NoData | Stale | Unreachable | BadQuery


class Gateway:
    """One Prometheus at `url` (with its path prefix, if it has one). Nothing is sent before the first question; nothing is tried twice.

    Proxies, netrc and certificates named by the process's environment stay out: a question goes to `url` and nowhere else.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.hooks["response"].append(self._keep)
        self._body: Any = None
        self._limit = timeout_s
        retry = Retry(total=0, read=False)
        self._client = PrometheusConnect(url.rstrip("/"), retry=retry, session=self._session, timeout=timeout_s)
        self.place = shown(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, expression: str, *, fresh: str = "", within_s: float = 60.0, at: float | None = None) -> Answer:
        """The values of `expression` now; or `at` a moment by Prometheus' clock, in seconds since the epoch.

        `fresh` names a selector (no expression) whose newest sample must be at most `within_s` old, else the answer is Stale:
        rates and sums over a window go on giving values long after the last scrape.
        """
        found = self._ask(expression, at)
        if not fresh or not isinstance(found, Value):
            return found
        age = self._age(fresh)
        if isinstance(age, float | NoData):
            return self._fresh(found, age, fresh, within_s)
        return age

    def _fresh(self, found: Value, age: float | NoData, selector: str, within_s: float) -> Answer:
        if isinstance(age, NoData):
            return Stale(found, None, f"no sample of {selector} is known from the last hour")
        if age > within_s:
            return Stale(found, age, f"the newest sample of {selector} is {age:.3g} s old, {within_s:g} s are allowed")
        return found

    def _age(self, selector: str) -> float | NoData | Stale | Unreachable | BadQuery:
        """Seconds since the newest sample of a selector, back to one hour."""
        found = self._ask(f"time() - (max(timestamp({selector})) or max(max_over_time(timestamp({selector})[1h:5s])))")
        return found.samples[0].value if isinstance(found, Value) else found

    def _ask(self, expression: str, at: float | None = None) -> Answer:
        self._body = None
        moment = {} if at is None else {"time": f"{at:.3f}"}
        try:
            result = self._client.custom_query(expression, params={"timeout": f"{self._limit:g}s", **moment})
        except PrometheusApiClientException as error:
            return self._refused(str(error))
        except requests.RequestException as error:
            return Unreachable(f"{self.place}: {_reason(error)}")
        except (KeyError, TypeError, ValueError):
            return Unreachable(f"{self.place} answers, but not as Prometheus does")
        return self._value(result, expression)

    def _value(self, result: Any, expression: str) -> Answer:
        kind = self._body["data"].get("resultType")
        if kind not in {"vector", "scalar"}:
            return BadQuery(f"{expression} gives a {kind}, not values of one moment")
        try:
            samples = [_sample({}, result)] if kind == "scalar" else [_sample(one["metric"], one["value"]) for one in result]
        except (KeyError, TypeError, ValueError, OverflowError):
            return Unreachable(f"{self.place} answers, but not as Prometheus does")
        finite = tuple(one for one in samples if math.isfinite(one.value))
        if not finite:
            return NoData(f"{expression} gives no number" if samples else f"{expression} matches nothing")
        lost = [f"{len(samples) - len(finite)} of {len(samples)} series give no number"] if len(finite) < len(samples) else []
        return Value(finite, (*map(str, self._body.get("warnings") or ()), *lost))

    def _refused(self, text: str) -> Answer:
        body = self._body if isinstance(self._body, dict) else {}
        told = str(body.get("error") or text)[:300]
        if body.get("errorType") in WRONG:
            return BadQuery(told)
        return Unreachable(f"{self.place}: {told}")

    def _keep(self, response: requests.Response, **_: Any) -> None:
        """The whole answer: the client hands on its result only, without type, warnings and error."""
        try:
            self._body = response.json()
        except ValueError:
            self._body = None


def _sample(labels: Mapping[str, str], pair: Any) -> Sample:
    at, value = pair
    return Sample(dict(labels), float(value), dt.datetime.fromtimestamp(float(at), dt.UTC))


def shown(url: str) -> str:
    """`url` without a user's name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.ConnectionError):
        return "nothing answers there"
    return type(error).__name__
