"""The rendered load balancer does what it says: canary shares, the switch, a closed door, HTTP/2. On the real nginx."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.certificates import certificate
from layout import live
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from templates import names
from tests.live.balancer_rig import Rig, Traffic, certify, docker, rig

pytestmark = pytest.mark.live
REQUESTS = 3000
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def one() -> Iterator[Rig]:
    with rig("layout-balancer", 18643, "10.89.91.0/24") as found:
        yield found


def near(count: int, share: float, requests: int) -> bool:
    """Within five standard deviations: chance alone fails this once in a million runs."""
    return abs(count - share * requests) <= 5 * math.sqrt(requests * share * (1 - share))


@pytest.mark.parametrize(("slot", "to"), [("blue", "green"), ("green", "blue")])
@pytest.mark.parametrize("share", live.CANARY_SHARES)
def test_canary_share(one: Rig, slot: live.Slot, to: live.Slot, share: int, record_property: pytest.RecordProperty) -> None:
    """A canary step sends its share to the other slot, in both directions, and the log knows which slot answered."""
    one.set(*live.flags(slot, to, share))
    found = one.shares(REQUESTS)
    record_property("share", f"{share} % to {to}: {found[to]} of {REQUESTS}")
    print(f"{share} % {slot}->{to}: {found[to]} of {REQUESTS} = {found[to] / REQUESTS:.1%}")
    assert near(found[to], share / 100, REQUESTS), found
    assert found[slot] + found[to] == REQUESTS
    logged = [row["slot"] for row in one.log()[-REQUESTS:]]
    assert logged.count(to) == found[to]


def test_steps_lose_nothing(one: Rig) -> None:
    """5, 25, 50 per cent, then all, and back at once, ten times under traffic: no request fails."""
    one.set()
    with Traffic(one) as traffic:
        for _ in range(10):
            for share in (5, 25, 50):
                one.set(*live.flags("blue", "green", share))
                one.shares(100)
            one.set(*live.flags("green"))
            one.shares(100)
            one.set(*live.flags("blue"))
    print(f"{traffic.sent} requests over 50 moves, {sum(traffic.failed.values())} failed {dict(traffic.failed)}")
    assert traffic.sent > 100
    assert not traffic.failed


def test_after_the_switch_nobody_is_left(one: Rig) -> None:
    """After a switch, with a stale canary flag to the same slot too, every request reaches the new slot."""
    one.set("green", "to-green-50")
    assert one.shares(500) == {"green": 500}
    one.set("to-blue-50")
    assert one.shares(500) == {"blue": 500}


def test_a_closed_door(one: Rig) -> None:
    """Maintenance answers users with 503, Retry-After and a page, writes no slot into the log; health and probes go on."""
    one.set("maintenance")
    status, headers, page = one.ask("/api/companies")
    assert (status, headers["retry-after"], headers["cache-control"]) == (503, "60", "no-store")
    assert "Closed for maintenance" in page
    assert one.log()[-1]["slot"] == ""
    docker("exec", one.balancer, "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/livez")
    docker("exec", one.balancer, "wget", "-q", "-O", "/dev/null", "--header", "Host: localhost", "http://127.0.0.1:8082/")
    one.set()
    assert one.ask("/api/companies")[0] == 200


@pytest.mark.parametrize("slot", ["blue", "green"])
def test_probes_choose_their_slot(one: Rig, slot: str) -> None:
    """A probe inside the container reaches the slot it names, whatever is live; a user's header changes nothing."""
    one.set()
    ask = ["wget", "-q", "-O", "-", "--header", "Host: localhost", "--header", f"X-Cmctl-Slot: {slot}", "http://127.0.0.1:8082/"]
    assert docker("exec", one.balancer, *ask) == slot
    with contextlib.closing(one.connect()) as connection:
        connection.request("GET", "/", headers={"X-Cmctl-Slot": "green"})
        assert connection.getresponse().getheader("x-slot") == "blue"


def test_http2(one: Rig) -> None:
    """HTTP/2 is negotiated and carries requests; a client without it gets HTTP/1.1."""
    one.set()
    port = one.environment.listen.https
    ca = one.folder / "ca.pem"
    ca.write_text(one.certificate.authority, encoding="utf-8")
    for flag, wanted in (("--http2", "2 200"), ("--http1.1", "1.1 200")):
        done = subprocess.run(
            ["curl", "-sS", flag, "--cacert", str(ca), "-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"https://localhost:{port}/"],
            capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
        assert done.stdout == wanted, done.stderr
    context = one.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        assert tls.selected_alpn_protocol() == "h2"


def test_unknown_names_get_nothing(one: Rig) -> None:
    """A name that is not the platform's gets no handshake and no page."""
    port = one.environment.listen.https
    with socket.create_connection(("127.0.0.1", port), 5) as plain, pytest.raises(OSError, match=r"unrecognized|alert|EOF|reset"):
        one.context().wrap_socket(plain, server_hostname="elsewhere.example")
    with socket.create_connection(("127.0.0.1", one.environment.listen.http), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b""


def served(one: Rig) -> str:
    """The certificate that a new connection gets, in DER as hex."""
    context = one.context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = ("127.0.0.1", one.environment.listen.https)
    with socket.create_connection(address, 5) as plain, context.wrap_socket(plain, server_hostname=one.environment.domain) as tls:
        return (tls.getpeercert(binary_form=True) or b"").hex()


def test_a_new_certificate_cuts_nobody(one: Rig, record_property: pytest.RecordProperty) -> None:
    """Thirty renewals under traffic: the next connection has the new certificate, no request is lost; a reload loses what it loses."""
    all_names = names.all_domains(load_platform("codementee", PLATFORMS).platform, one.environment)
    made = [one.certificate, certificate(one.environment, all_names[::-1], one.folder / "home")]
    seen = set()
    with Traffic(one, threads=8, pause_s=0.005) as traffic:
        for number in range(30):
            certify(one, made[number % 2])
            seen.add(served(one))
            time.sleep(0.1)
    certify(one, one.certificate)
    with Traffic(one, threads=8, pause_s=0.005) as reloads:
        for _ in range(30):
            docker("exec", one.balancer, "sh", "-c", "kill -HUP $(cat /tmp/nginx.pid)")
            time.sleep(0.1)
    text = f"30 renewals: {sum(traffic.failed.values())} of {traffic.sent} failed; 30 reloads: {sum(reloads.failed.values())} of {reloads.sent}"
    record_property("renewals", text)
    print(text)
    assert len(seen) == 2
    assert traffic.sent > 300
    assert not traffic.failed


def test_a_handshake_stays_cheap(one: Rig) -> None:
    """Reading the certificate anew costs a handshake little: the median stays below 20 ms on a busy machine."""
    spent = []
    for _ in range(200):
        start = time.perf_counter()
        served(one)
        spent.append(time.perf_counter() - start)
    print(f"handshake: median {statistics.median(spent) * 1000:.2f} ms")
    assert statistics.median(spent) < 0.02


def test_golden_files_are_nginx_configurations(one: Rig) -> None:
    """The real nginx accepts every golden nginx.conf, of one host and of fleets, with nothing to remark."""
    files = sorted(GOLDEN.rglob("nginx.conf"))
    folder = one.folder / "golden"
    for number, path in enumerate(files):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "nginx.conf").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / str(number) / "authority.pem").write_text(one.certificate.authority, encoding="utf-8")
    script = 'for n in "$@"; do nginx -t -q -e /dev/stderr -c /golden/$n/nginx.conf || echo "$n refused"; done'
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--user", "10001:10001", "--read-only", "--tmpfs", "/tmp", "-v", f"{folder}:/golden:ro",
         "-v", f"{folder / '0'}:/etc/cmctl/nginx:ro", "--entrypoint", "sh", one.image, "-c", script, "test", *map(str, range(len(files)))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said = (done.stdout + done.stderr).strip()
    assert len(files) >= 8
    assert said == "", said
