"""HTTP as the generator speaks it: Locust's fast client underneath, no hidden retries, TLS checked, one address for one name.

Runs in the generator's own process only: Locust patches sockets there.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import gevent
import gevent.resolver.thread
import gevent.socket
import gevent.ssl
from geventhttpclient.client import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError

from loadtests import recorder
from loadtests.plan import Target
from loadtests.visits import Call

CONNECT_S = 5.0
GZIP = b"\x1f\x8b"
# As much of an answer as is read, and as much as it may be once it is unpacked: some hundred are on the way at a time.
MOST_BYTES, PIECE = 32_000_000, 65_536


class Answer(NamedTuple):
    """`outcome` is an HTTP status or one of the recorder's words for none. `body` unpacks the content; what cannot be unpacked, or not
    within MOST_BYTES, is none. `header` gives the values of a header.
    """

    outcome: int
    raw: bytes = b""
    heads: Mapping[str, Any] = {}

    def body(self) -> bytes:
        if not self.raw.startswith(GZIP):
            return self.raw
        with suppress(zlib.error):
            unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS)
            content = unpacked.decompress(self.raw, MOST_BYTES)
            return content if unpacked.eof else b""
        return b""

    def header(self, name: str) -> Sequence[str]:
        return header(self.heads, name)


def header(heads: Mapping[str, Any] | None, name: str) -> Sequence[str]:
    """The values of a header, none for one that is not there: the client gives text for one, a list for several."""
    found = heads.get(name) if heads else None
    return found if isinstance(found, list) else () if found is None else (found,)


class Wire:
    """Sends calls over kept-alive connections, as many as there are requests in flight."""

    def __init__(self, client: HTTPClient, limit_s: float) -> None:
        # The client sends GET again, unasked, as often as its pool is large when a connection breaks: a load test has to see that.
        client._connection_pool.size = -1  # noqa: SLF001
        self._client, self._limit_s = client, limit_s

    def send_alone(self, call: Call) -> Answer:
        """As `send`, but the whole answer has to come in time: a body that drips outlives every limit on a single read."""
        with gevent.Timeout(self._limit_s, False):
            return self.send(call)
        return Answer(recorder.TIMEOUT)

    def send(self, call: Call) -> Answer:
        try:
            response = self._client.request(call.method, call.path, body=call.body, headers=call.headers)
            content = _content(response)
            return Answer(recorder.LARGE) if content is None else Answer(response.get_code(), content, response.info())
        except OSError as error:
            return Answer(_outcome(error))
        except (HTTPConnectionClosed, HTTPParseError):
            return Answer(recorder.CLOSED)


def _content(response: Any) -> bytes | None:
    """What was answered; None, and the connection is closed, where it is more than MOST_BYTES."""
    if response.message_complete:
        return bytes(response.read())
    pieces, read = [], 0
    while piece := response.read(PIECE):
        read += len(piece)
        if read > MOST_BYTES:
            response.release()
            return None
        pieces.append(bytes(piece))
    return b"".join(pieces)


def _outcome(error: OSError) -> int:
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return recorder.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return recorder.REFUSED
    if isinstance(error, ConnectionResetError | BrokenPipeError | HTTPConnectionClosed):
        return recorder.CLOSED
    return recorder.TLS if isinstance(error, ssl.SSLError) else recorder.NETWORK


def context_factory(target: Target) -> Callable[..., gevent.ssl.SSLContext]:
    """Contexts that trust the target's own authority, or this machine's when it names none."""

    def make(cafile: str | None = None) -> gevent.ssl.SSLContext:
        if target.authority:
            return gevent.ssl.create_default_context(cadata=target.authority)
        return gevent.ssl.create_default_context(cafile=cafile)

    return make


def pin(target: Target) -> None:
    """Let the target's name lead to its address, as `curl --resolve` does. Other names stay as they are."""
    if target.address is None:
        return
    address = (target.address, target.port or target.named_port)

    class Pinned(gevent.resolver.thread.Resolver):  # type: ignore[misc]
        def getaddrinfo(self, host: Any, *rest: Any, **more: Any) -> Any:
            if host in (target.host, target.host.encode()):
                return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]
            return super().getaddrinfo(host, *rest, **more)

    gevent.get_hub().resolver = Pinned(gevent.get_hub())


def reach(target: Target) -> tuple[str, str]:
    """("", "") when the target answers and, with TLS, its certificate names it; else the kind of refusal and the reason."""
    try:
        with gevent.socket.create_connection((target.host, target.named_port), timeout=CONNECT_S) as plain:
            if target.tls:
                context = context_factory(target)()
                context.wrap_socket(plain, server_hostname=target.host).close()
    except ssl.SSLCertVerificationError as error:
        return "certificate", error.verify_message or str(error)
    except OSError as error:
        return "unreachable", str(error)
    return "", ""
