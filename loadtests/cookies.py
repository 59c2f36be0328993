"""The cookies of one user on one site, kept and sent as a browser does (RFC 6265)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

MOST, LONGEST = 180, 4096
# Browsers trust this machine without TLS.
HERE = re.compile(r"^(localhost|.*\.localhost|127(\.\d+){3})$")


@dataclass(frozen=True)
class Cookie:
    value: str
    path: str
    secure: bool
    ends: float


class Jar:
    """`site` is scheme and host. Cookies for other domains are not taken, expired ones not sent, secure ones only where it is."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._kept: dict[tuple[str, str, str], Cookie] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def take(self, lines: Iterable[str], asked: str) -> None:
        """What an answer's Set-Cookie lines say; `asked` is the path of the request."""
        for line in lines:
            self._take(line, asked.partition("?")[0])

    def _take(self, line: str, asked: str) -> None:
        first, *rest = line[: LONGEST * 2].split(";")
        name, equals, value = (part.strip() for part in first.partition("="))
        said = {key.strip().lower(): setting.strip() for key, _, setting in (one.partition("=") for one in rest)}
        domain = said.get("domain", "").lstrip(".").lower()
        secure = "secure" in said
        if not name or not equals or len(name) + len(value) > LONGEST or not self._ours(domain) or (secure and not self._safe()):
            return
        path = said.get("path", "")
        path = path if path.startswith("/") else asked[: asked.rfind("/")] or "/"
        key, ends = (name, domain, path), _ends(said)
        self._kept.pop(key, None) if ends <= time.time() else self._keep(key, Cookie(value, path, secure, ends))

    def _keep(self, key: tuple[str, str, str], cookie: Cookie) -> None:
        self._kept[key] = cookie
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def header(self, asked: str) -> str:
        """The Cookie line for a path: `a=1; b=2`, the longest paths first; empty for none."""
        path, now = asked.partition("?")[0], time.time()
        fit = [(key[0], one) for key, one in self._kept.items() if one.ends > now and _below(path, one.path)]
        return "; ".join(f"{name}={one.value}" for name, one in sorted(fit, key=lambda pair: -len(pair[1].path)))

    def value(self, name: str) -> str | None:
        """The cookie of that name that was set last."""
        return next((one.value for key, one in reversed(self._kept.items()) if key[0] == name), None)

    @property
    def _host(self) -> str:
        return urlsplit(self._site).hostname or ""

    def _safe(self) -> bool:
        return self._site.startswith("https:") or bool(HERE.match(self._host))

    def _ours(self, domain: str) -> bool:
        """The site itself or a domain above it; a name without a dot is nobody's."""
        return not domain or domain == self._host or ("." in domain and self._host.endswith(f".{domain}"))


def _below(path: str, top: str) -> bool:
    return path == top or (path.startswith(top) and (top.endswith("/") or path[len(top)] == "/"))


def _ends(said: Mapping[str, str]) -> float:
    """When a cookie is over, in seconds of the clock; Max-Age goes before Expires, and what cannot be read is not there."""
    age = said.get("max-age", "")
    if re.fullmatch(r"-?\d{1,15}", age):
        return time.time() + int(age) if int(age) > 0 else -math.inf
    try:
        return parsedate_to_datetime(said["expires"]).timestamp()
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return math.inf
