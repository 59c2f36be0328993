"""Long polls beside an operation: what counts as answered and as failed, and what our own ending is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from loadtests import polling
from loadtests.plan import Target
from loadtests.result import Polls
from phases.model import LongPoll

POLL = LongPoll(url="/changes?wait=20", wait_s=20)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def serving(answer: bytes | None) -> Iterator[tuple[Target, list[bytes]]]:
    """A service on loopback that gives every request one answer and hangs up; None: it keeps every request waiting."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client = server.accept()[0]
                except OSError:
                    return
                asked.append(client.recv(4096))
                if answer is None:
                    kept.append(client)
                    continue
                client.sendall(answer)
                client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield Target(url=f"http://localhost:{port}", address="127.0.0.1", port=port), asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for client in kept:
        client.close()


def until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not question():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PAUSE_S", 0.0)


def test_each_answer_counts_and_the_next_poll_follows() -> None:
    """Answered polls are counted one by one; each asks the platform's own question, for the site's name."""
    with serving(OK) as (target, asked), polling.held(target, POLL) as poller:
        until(lambda: poller.polls.answered >= 3)
        seen = poller.end()
    assert seen.failed == 0
    assert asked[0].startswith(b"GET /changes?wait=20 HTTP/1.1\r\n")
    assert f"Host: localhost:{target.port}".encode() in asked[0]


def test_the_poll_that_we_end_is_neither_answered_nor_failed() -> None:
    """At the end the held poll is cut at once, and it is said that one was held; ending twice changes nothing."""
    with serving(None) as (target, asked), polling.held(target, POLL) as poller:
        until(lambda: len(asked) == 1)
        begun = time.monotonic()
        seen = poller.end()
        assert time.monotonic() - begun < 2
        assert seen == poller.end() == Polls(answered=0, failed=0, held=True, reasons={})
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\n\r\n", "308"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "an answer cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "connection closed"),
        (b"", "connection closed"),
        (b"what?\r\n\r\n", "BadStatusLine"),
    ],
)
def test_whatever_is_no_good_answer_failed(answer: bytes, reason: str) -> None:
    """Errors, redirects, answers that break off and no answer at all are failures, each under its reason."""
    with serving(answer) as (target, _), polling.held(target, POLL) as poller:
        until(lambda: poller.polls.failed >= 2)
        seen = poller.end()
    assert seen.answered == 0
    assert set(seen.reasons) == {reason}
    assert seen.failed == seen.reasons[reason]


def test_news_that_were_none_are_an_answer() -> None:
    """204 and 304 say that nothing is new: that is what a quiet poll is answered."""
    for status in (b"204 No Content", b"304 Not Modified"):
        with serving(b"HTTP/1.1 %s\r\n\r\n" % status) as (target, _), polling.held(target, POLL) as poller:
            until(lambda poller=poller: poller.polls.answered >= 1)  # type: ignore[misc]
            assert poller.end().failed == 0


def test_a_service_that_is_gone() -> None:
    """A refused connection is a failed poll, and it does not hurry: what is gone is not asked in a busy loop."""
    with serving(OK) as (target, _):
        pass
    with polling.held(target, POLL) as poller:
        until(lambda: poller.polls.failed >= 1)
        assert set(poller.end().reasons) == {"connection refused"}


def test_a_wait_without_end_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that is not answered long after its time is over failed; one within its time is held."""
    monkeypatch.setattr(polling, "MARGIN_S", -19.9)
    with serving(None) as (target, _), polling.held(target, POLL) as poller:
        until(lambda: poller.polls.failed >= 1)
        assert set(poller.end().reasons) == {"no answer in time"}


def test_a_site_that_is_not_who_it_says() -> None:
    """Where TLS is asked for, a service that has none is no good answer."""
    with serving(OK) as (target, _):
        other = target.model_copy(update={"url": target.url.replace("http:", "https:")})
        with polling.held(other, POLL) as poller:
            until(lambda: poller.polls.failed >= 1)
            assert poller.end().answered == 0
