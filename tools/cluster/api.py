"""The lab cluster's API server, asked with the standard library: the few requests that bring up and watch a lab."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from errors import CmctlError, Unreachable
from tools.cluster.place import Place

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
MANAGER = "cmctl-lab"
Document = dict[str, Any]


class Refused(CmctlError):
    """The API server said no. `status` is HTTP's, `reason` is Kubernetes' word for it."""

    def __init__(self, request: str, status: int, body: str) -> None:
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        self.status = status
        self.reason = str(said.get("reason") or "")
        super().__init__(f"{request}: {status} {self.reason}".rstrip(), why=str(said.get("message") or body)[:600])


@dataclass(frozen=True)
class Tls:
    """`client` speaks to the API server as the lab's administrator; `serving` shows the API server's own certificate."""

    client: ssl.SSLContext
    serving: ssl.SSLContext


def tls_of(place: Place) -> Tls:
    client = ssl.create_default_context(cafile=place.keys / "authority.crt")
    client.load_cert_chain(place.keys / "admin.crt", place.keys / "admin.key")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(place.keys / "serving.crt", place.keys / "serving.key")
    return Tls(client, serving)


@dataclass
class Api:
    """One client. Each call is a request of its own connection, so that it can be used by several threads."""

    server: str
    context: ssl.SSLContext
    timeout_s: float = 30
    _paths: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Place) -> Api:
        return cls(place.server, tls_of(place).client)

    def text(self, method: str, path: str, body: object = None, content: str = "application/json") -> str:
        """The answer's body. Raises Refused on a status that is no success, Unreachable when nobody answers."""
        target = urlsplit(self.server)
        link = http.client.HTTPSConnection(str(target.hostname), target.port, timeout=self.timeout_s, context=self.context)
        try:
            link.request(method, path, None if body is None else json.dumps(body), {"Content-Type": content})
            answer = link.getresponse()
            said = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the API server at {self.server} does not answer", why=str(error), hint="cmctl cluster status") from error
        finally:
            link.close()
        if answer.status >= 300:
            raise Refused(f"{method} {path}", answer.status, said)
        return said

    def call(self, method: str, path: str, body: object = None, content: str = "application/json") -> Document:
        found: Document = json.loads(self.text(method, path, body, content))
        return found

    def get(self, path: str) -> Document:
        return self.call("GET", path)

    def find(self, path: str) -> Document | None:
        """What is at `path`; None when nothing is."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def items(self, path: str) -> list[Document]:
        found: list[Document] = self.get(path)["items"]
        return found

    def merge(self, path: str, change: Mapping[str, Any]) -> Document:
        return self.call("PATCH", path, change, MERGE)

    def apply(self, document: Mapping[str, Any], namespace: str = "default") -> Document:
        """Server-side apply of one document, as the field manager `cmctl-lab`."""
        path = self.path(document["apiVersion"], document["kind"], document["metadata"].get("namespace", namespace))
        return self.call("PATCH", f"{path}/{document['metadata']['name']}?fieldManager={MANAGER}&force=true", document, APPLY)

    def delete(self, path: str) -> None:
        """Ask for removal; what is not there is fine."""
        try:
            self.text("DELETE", path)
        except Refused as refused:
            if refused.status != 404:
                raise

    def path(self, version: str, kind: str, namespace: str = "default") -> str:
        """Where objects of a kind live, as the server's own discovery says."""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._paths:
            for one in self.get(base)["resources"]:
                if "/" not in one["name"]:
                    self._paths[version, one["kind"]] = (one["name"], one["namespaced"])
        if (version, kind) not in self._paths:
            raise CmctlError(f"the cluster knows no {kind} in {version}")
        plural, namespaced = self._paths[version, kind]
        return f"{base}/namespaces/{namespace}/{plural}" if namespaced else f"{base}/{plural}"


def wait(question: Callable[[], bool], limit_s: float, what: str, step_s: float = 0.05) -> None:
    """Until `question` says yes; refusals and silence while waiting are a no. Raises CmctlError with the last of them."""
    end = time.monotonic() + limit_s
    last = ""
    while True:
        try:
            if question():
                return
        except (Refused, Unreachable) as error:
            last = str(error)
        if time.monotonic() > end:
            raise CmctlError(f"not within {limit_s:.0f} s: {what}", why=last, hint="cmctl cluster status", read="docs/cluster-lab.md")
        time.sleep(step_s)


def condition(document: Mapping[str, Any], kind: str) -> str:
    """The status of a condition: "True", "False", "Unknown", or "" when it is not there."""
    found = [one["status"] for one in document.get("status", {}).get("conditions", []) if one["type"] == kind]
    return found[0] if found else ""
