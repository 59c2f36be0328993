"""The Kubernetes API as cmctl speaks it: JSON over kept connections, every call safe to repeat and repeated when it should be."""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from errors import CmctlError, Unreachable
from stacks.kubernetes.kubeconfig import Connection

Document = dict[str, Any]
JSON, APPLY, MERGE = "application/json", "application/apply-patch+yaml", "application/merge-patch+json"
ANSWER_S = 30
ATTEMPTS = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
# Answers that say "not now" or "I do not know": the same call again is the cure, because every call here may be repeated.
AGAIN = {408, 429, 500, 502, 503, 504}


class Refused(CmctlError):
    """The API server said no. `code` is the HTTP status, `reason` its one word, `message` its sentence."""

    def __init__(self, method: str, path: str, code: int, status: Mapping[str, Any]) -> None:
        self.code, self.reason = code, str(status.get("reason") or "")
        self.message = str(status.get("message") or f"HTTP {code}")
        self.details: Mapping[str, Any] = status.get("details") or {}
        super().__init__(f"{method} {path.partition('?')[0]}: {code} {self.message}", why=self.reason)


@dataclass(frozen=True)
class Kind:
    """How a kind is reached: its plural, and whether it lies in namespaces."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{quote(name)}" if name else "")


class Api:
    """One API server. Threads may share it; each has a connection of its own."""

    def __init__(self, connection: Connection, *, attempts: int = ATTEMPTS) -> None:
        self.connection = connection
        self._attempts = attempts
        self._address = urlsplit(connection.server)
        self._own = threading.local()
        self._links: list[http.client.HTTPConnection] = []
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._discovering = threading.Lock()

    def get(self, path: str, **query: str) -> Document:
        return self.call("GET", path, query=query)

    def find(self, path: str, **query: str) -> Document | None:
        """The object, or None where there is none."""
        try:
            return self.get(path, **query)
        except Refused as error:
            if error.code == 404:
                return None
            raise

    def call(self, method: str, path: str, body: Any = None, *, content: str = JSON, query: Mapping[str, str] | None = None) -> Document:
        """Raises Refused for the server's no, Unreachable when no attempt got an answer."""
        full = f"{self._address.path}{path}" + (f"?{urlencode(query)}" if query else "")
        text = json.dumps(body) if body is not None else None
        pause, last = FIRST_PAUSE_S, ""
        for attempt in range(1, self._attempts + 1):
            try:
                code, headers, data = self._once(method, full, text, content)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise Unreachable(f"{self.connection.server}: its certificate is not trusted", why=str(error.verify_message)) from error
                last = _words(error)
                if isinstance(error, (ConnectionRefusedError, socket.gaierror)) and attempt >= 3:
                    break
            else:
                document = _document(data)
                if code < 300:
                    return document
                refused = Refused(method, full, code, document)
                if not _again(code, refused, method) or attempt == self._attempts:
                    raise refused
                pause = max(pause, _asked(headers))
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - so that clients that were turned away do not come back as one
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise Unreachable(f"the API server at {self.connection.server} does not answer", why=last, hint="kubectl cluster-info")

    def _once(self, method: str, path: str, text: str | None, content: str) -> tuple[int, Mapping[str, str], bytes]:
        link = getattr(self._own, "link", None)
        if link is None:
            link = self._own.link = self._open()
            self._links.append(link)
        headers = {**self.connection.headers, "Accept": JSON, "Content-Type": content, "User-Agent": "cmctl"}
        try:
            link.request(method, path, text, headers)
            answer = link.getresponse()
            return answer.status, dict(answer.headers.items()), answer.read()
        except BaseException:
            # Half a conversation is no connection any more.
            link.close()
            self._own.link = None
            self._links.remove(link)
            raise

    def close(self) -> None:
        """Close the connections of all threads; the next call opens its own."""
        for link in self._links:
            link.close()
        self._links.clear()
        self._own = threading.local()

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self.connection.tls is None:
            return http.client.HTTPConnection(host, port or 80, timeout=ANSWER_S)
        return http.client.HTTPSConnection(host, port or 443, timeout=ANSWER_S, context=self.connection.tls)

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """How the server reaches a kind; None where it does not know it (yet: a definition may come later)."""
        with self._discovering:
            if kind not in self._kinds.get(api_version, {}):
                self._kinds[api_version] = self._discover(api_version)
            return self._kinds[api_version].get(kind)

    def _discover(self, api_version: str) -> dict[str, Kind]:
        found = self.find(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}")
        listed = (found or {}).get("resources") or []
        return {
            one["kind"]: Kind(api_version, one["kind"], one["name"], bool(one["namespaced"])) for one in listed if "/" not in one["name"]
        }


def _again(code: int, refused: Refused, method: str) -> bool:
    if code == 429 and refused.reason == "TooManyRequests" and method == "POST" and "eviction" in refused.what:
        # A disruption budget's no is an answer, not a wish to come back at once.
        return False
    return code in AGAIN


def _asked(headers: Mapping[str, str]) -> float:
    """The pause that the server asks for, at most a few seconds."""
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(given), LONGEST_PAUSE_S) if given.isdigit() else 0.0


def _document(data: bytes) -> Document:
    try:
        found = json.loads(data)
    except ValueError:
        return {"message": data.decode(errors="replace").strip()}
    return found if isinstance(found, dict) else {"items": found}


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
