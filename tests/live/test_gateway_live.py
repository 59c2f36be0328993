"""The gateway against a real Prometheus: each of the five answers as it comes about in life."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from costs import live
from monitoring.gateway import Answer, BadQuery, Gateway, NoData, Stale, Unreachable, Value
from tests.live import own_prometheus

pytestmark = pytest.mark.live
LIMIT_S = 30.0
METRICS = b"""# TYPE http_requests_total counter
http_requests_total{route="/api/companies"} %d
# TYPE platform_users gauge
platform_users{basis="paying"} 12
"""


class Exporter(http.server.ThreadingHTTPServer):
    """A target that counts one request a second."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = METRICS % int(time.time() % 1_000_000)
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def until(question: Callable[[], Answer], kind: type[Answer]) -> Answer:
    """The first answer of a kind, within the limit."""
    end = time.monotonic() + LIMIT_S
    while not isinstance(found := question(), kind) and time.monotonic() < end:
        time.sleep(0.1)
    assert isinstance(found, kind), found
    return found


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    server = Exporter()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.server_close()


@pytest.fixture(scope="module")
def prometheus(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus from the catalogue's image that scrapes the exporter every second."""
    configuration = (
        f"global: {{scrape_interval: 1s}}\nscrape_configs:\n"
        f"  - {{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{exporter.server_address[1]}']}}]}}\n"
    )
    with own_prometheus.serving(tmp_path_factory.mktemp("prometheus"), own_prometheus.free_port(), configuration) as url:
        yield url


def test_the_five_answers(prometheus: str, exporter: Exporter) -> None:
    """A value, nothing, a wrong question; then the target stops and the rate is stale; and a closed port is told in milliseconds."""
    rate = "sum(rate(http_requests_total[1m]))"
    with Gateway(prometheus) as gateway:
        found = until(lambda: gateway.ask(rate, fresh="http_requests_total", within_s=5), Value)
        assert isinstance(found, Value)
        assert isinstance(gateway.ask("sum(nothing_of_the_kind)"), NoData)
        assert isinstance(gateway.ask("0 / 0"), NoData)
        wrong = gateway.ask("sum(rate(http_requests_total")
        assert isinstance(wrong, BadQuery)
        assert "parse error" in wrong.why
        assert isinstance(gateway.ask("http_requests_total[1m]"), BadQuery)
        users = until_counted(gateway)
        print(f"  rate {found.number:.2f}/s, concurrent {users.concurrent:.1f}, paying {users.paying}")
        assert (users.registered, users.paying) == (None, 12)
        # An age is found in steps of 5 s: the target has to have lived that long.
        until(lambda: gateway.ask("sum(count_over_time(http_requests_total[1m])) > 6"), Value)
        exporter.shutdown()
        exporter.server_close()
        old = until(lambda: gateway.ask(rate, fresh="http_requests_total", within_s=3), Stale)
        assert isinstance(old, Stale)
        assert old.age_s is not None
        assert 3 < old.age_s < LIMIT_S + 15
        print(f"  stale: {old.why}")
    start = time.monotonic()
    assert isinstance(Gateway(f"http://127.0.0.1:{own_prometheus.free_port()}").ask("up"), Unreachable)
    assert time.monotonic() - start < 1


def until_counted(gateway: Gateway) -> live.Denominators:
    """The denominators of `cost --per-user`, once the windows hold two samples."""

    def number(question: live.Question) -> float | None:
        found = gateway.ask(question.expression, fresh=question.fresh)
        return found.number if isinstance(found, Value) else None

    end = time.monotonic() + LIMIT_S
    while (users := live.denominators(number)).concurrent is None and time.monotonic() < end:
        time.sleep(0.1)
    assert users.concurrent is not None
    return users
