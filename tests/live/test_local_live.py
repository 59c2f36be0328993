"""The main job on real parts: the Pulumi engine, containers, nginx, the stand-in app, and traffic that notices everything.

The tests stand in the order of a life: deployed, grown, released, rolled back, interrupted, removed.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from runbooks.pages import pages
from tests.live.driver import Driver, docker, wait_for
from tests.live.local_rig import STACK, authority, life, live_release

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with life(tmp_path_factory.mktemp("live")) as driver:
        yield driver


def faulty(**fault: str) -> Any:
    def change(facts: dict[str, Any]) -> None:
        facts["services"]["backend"]["environment"] |= {"CMCTL_FAULTS": "1", **fault}

    return change


def test_phase_1_from_nothing(cmctl: Driver) -> None:
    """`deploy --phase 1` on an empty environment serves the platform, and only the declared ports are open."""
    done = cmctl.must("deploy", "--phase", "1", "--yes", "--json")
    print(f"\nphase 1 from nothing: {done.seconds:.1f} s")
    assert done.document["changed"]
    with cmctl.traffic(rate=50) as load:
        time.sleep(2)
    assert load.tally.failed == 0, load.tally.line()
    assert open_ports() == {f"127.0.0.1:{port}" for port in (cmctl.https - 363, cmctl.https)}


def open_ports() -> set[str]:
    """Ports that containers of the environment publish on this machine."""
    lines = docker("ps", "--filter", "name=codementee-livetest", "--format", "{{.Ports}}")
    return {part.split("->")[0] for line in lines for part in line.split(", ") if "->" in part}


def test_phase_2_over_it(cmctl: Driver) -> None:
    """Growing from phase 1 to phase 2 loses no request; afterwards Prometheus is open on loopback too, and nothing else."""
    with cmctl.traffic() as load:
        done = cmctl.must("deploy", "--phase", "2", "--yes", "--json")
    print(f"\nphase 1 to 2: {done.seconds:.1f} s; {load.tally.line()}")
    assert load.tally.failed == 0, load.tally.line()
    assert cmctl.must("status", "--json").document["live_phase"] == 2
    assert open_ports() == {f"127.0.0.1:{port}" for port in (cmctl.https - 363, cmctl.https, cmctl.https + 647)}


def test_no_change_is_quick(cmctl: Driver) -> None:
    """A second deploy changes nothing, and `preview --check` ends with 0; for another version it ends with 3 and names the resource."""
    done = cmctl.must("deploy", "--phase", "2", "--yes", "--json")
    print(f"\nno change: {done.seconds:.1f} s")
    assert done.document["changed"] is False
    assert cmctl.run("preview", "--phase", "2", "--check").code == 0
    other = cmctl.run("preview", "--phase", "2", "--version", "9.9.9", "--check", "--json")
    assert other.code == 3
    assert '"layer": "phase2"' in other.out


def test_runbooks_read_blocks_run(cmctl: Driver) -> None:
    """Every command of a runbook's `read` blocks runs on a healthy platform and ends with 0."""
    lines = list(
        dict.fromkeys(line for page in pages().values() for block in page.blocks if block.tag == "read" for line in block.commands)
    )
    ours = str(Path(sys.executable).parent)
    for line in lines:
        done = subprocess.run(
            shlex.split(line), env=cmctl.variables | {"PATH": f"{ours}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stderr}"
    print(f"\n{len(lines)} commands of runbooks")


def test_limits_are_per_client(cmctl: Driver) -> None:
    """One client address is held to 10 requests a second (burst 20) and 1 login a second (burst 5); another one is not disturbed."""
    with requests.Session() as session:
        # Variables of the machine would win over the session's own authority.
        session.trust_env = False
        session.verify = str(authority(cmctl))
        url = f"https://localhost:{cmctl.https}/api"

        def get(client: str) -> int:
            return session.get(f"{url}/companies", headers={"X-Forwarded-For": client}, timeout=5).status_code

        def log_in(_: int) -> int:
            body = {"email": "nobody@example.com", "password": "wrong-password"}
            return session.post(f"{url}/auth/login", json=body, headers={"X-Forwarded-For": "10.9.9.11"}, timeout=5).status_code

        with ThreadPoolExecutor(20) as together:
            codes = list(together.map(get, ["10.9.9.9"] * 200))
            tries = list(together.map(log_in, range(20)))
        print(f"\none client: {codes.count(429)} of 200 requests and {tries.count(429)} of 20 logins were limited")
        assert codes.count(200) >= 21
        assert codes.count(429) >= 50
        assert get("10.9.9.10") == 200
        assert tries.count(401) >= 6
        assert tries.count(429) >= 5
        # What a client claims before the last trusted hop is not believed.
        assert session.get(f"{url}/companies", headers={"X-Forwarded-For": "203.0.113.5, 10.9.9.9"}, timeout=5).status_code in {200, 429}
        assert session.get(f"https://localhost:{cmctl.https}/metrics", timeout=5).status_code == 404


def test_unknown_names_get_nothing(cmctl: Driver) -> None:
    """Another server name is refused in the TLS handshake; plain HTTP redirects known names, keeping the method, and drops unknown ones."""
    context = ssl.create_default_context(cafile=str(authority(cmctl)))
    with (
        socket.create_connection(("127.0.0.1", cmctl.https), timeout=5) as raw,
        pytest.raises(ssl.SSLError),
        context.wrap_socket(raw, server_hostname="evil.example"),
    ):
        pass
    plain = f"http://127.0.0.1:{cmctl.https - 363}/x"
    answer = requests.post(plain, headers={"Host": "localhost"}, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["location"]) == (308, f"https://localhost:{cmctl.https}/x")
    with pytest.raises(requests.ConnectionError):
        requests.get(plain, headers={"Host": "evil.example"}, timeout=5)


def test_targets_are_scraped(cmctl: Driver) -> None:
    """Prometheus has every target of the live slot, of Redis and of the host up."""

    def up() -> set[str]:
        answer = requests.get(
            f"http://127.0.0.1:{cmctl.https + 647}/api/v1/query", params={"query": "up == 1 or redis_up == 1"}, timeout=5
        ).json()
        return {row["metric"]["job"] for row in answer["data"]["result"]}

    wait_for(lambda: {"backend", "node", "redis", "prometheus"} <= up(), 40, "all jobs are up")


def test_new_version_under_load(cmctl: Driver) -> None:
    """A new version reaches the users without a failed request, and the idle slot's instances had none before."""
    with cmctl.traffic() as load:
        done = cmctl.must("deploy", "--phase", "2", "--version", "1.1.0", "--yes", "--json")
    print(
        f"\nnew version: {done.seconds:.1f} s; {load.tally.line()}; versions {dict(load.tally.versions)}; gate {done.document['evidence']}"
    )
    assert load.tally.failed == 0, load.tally.line()
    assert set(load.tally.versions) >= {"1.0.0", "1.1.0"}
    assert "judged by its own probes" not in done.document["evidence"]


def test_rollback_under_load(cmctl: Driver) -> None:
    """The way back moves the traffic in under a second and loses no request; the engine's state follows."""
    with cmctl.traffic() as load:
        begun = time.time()
        done = cmctl.must("rollback", "--yes", "--json")
        wait_for(lambda: load.tally.versions["1.0.0"] > 100, 10, "the former version answers")
    print(f"\nrollback: moved after {done.document['moved_s'] * 1000:.0f} ms, command {done.seconds:.1f} s; {load.tally.line()}")
    assert load.tally.failed == 0, load.tally.line()
    assert done.document["version"] == "1.0.0"
    assert done.document["moved_s"] < 1
    assert cmctl.run("preview", "--phase", "2", "--check").code == 0
    assert begun


def test_second_deploy_is_told_who_holds_the_lock(cmctl: Driver) -> None:
    """While one deploy runs, another ends with 5 and names the owner; the first one is not disturbed."""
    first = cmctl.start("deploy", "--phase", "2", "--version", "1.2.0", "--yes", "--json")
    wait_for(
        lambda: (
            any("-green-" in line or "-blue-" in line for line in docker("ps", "--filter", "status=created", "--format", "{{.Names}}"))
            or operation(cmctl)
        ),
        60,
        "the first deploy runs",
    )
    second = cmctl.run("deploy", "--phase", "2", "--version", "1.3.0", "--yes", "--json")
    out, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert second.code == 5, second.err
    assert second.document["exit_code"] == 5
    assert "since" in second.err
    assert out


def operation(cmctl: Driver) -> bool:
    host = cmctl.must("status", "--json").document["layers"].get("phase2", {}).get("local", {})
    return host.get("operation") is not None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"FAULT_EXIT": "at-start"}, "FAULT_EXIT asks"),
        ({"FAULT_READY": "never"}, "never got ready"),
        ({"FAULT_STATUS": "500"}, "not answered well"),
    ],
)
def test_a_bad_version_goes_back_by_itself(cmctl: Driver, fault: dict[str, str], said: str) -> None:
    """A version that ends at its start, never gets ready or answers 500 is taken back: exit 4, the reason shown, no user hurt beyond the gate."""
    before = live_release(cmctl)
    cmctl.platform(faulty(**fault))
    shorten(cmctl)
    with cmctl.traffic() as load:
        done = cmctl.run("deploy", "--phase", "2", "--version", "2.0.0", "--yes", "--json")
    cmctl.plain()
    print(f"\n{fault}: exit {done.code} after {done.seconds:.1f} s; {load.tally.line()}")
    assert done.code == 4, done.err
    assert said in done.err
    assert live_release(cmctl) == before
    if "FAULT_STATUS" not in fault:
        assert load.tally.failed == 0, load.tally.line()


def shorten(cmctl: Driver) -> None:
    """Ten seconds to get ready instead of sixty, in the shadowed platform."""
    path = cmctl.folder / "platforms" / "codementee" / "phase2.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("ready_s: 60", "ready_s: 10"), encoding="utf-8")


def test_a_failing_job_stops_the_release(cmctl: Driver) -> None:
    """A job that fails ends the release with 4 and its last line; the former version never noticed."""

    def change(facts: dict[str, Any]) -> None:
        facts["jobs"][0]["command"] = ["python", "-c", "import sys; sys.exit('the migration broke')"]

    before = live_release(cmctl)
    cmctl.platform(change)
    with cmctl.traffic() as load:
        done = cmctl.run("deploy", "--phase", "2", "--version", "2.1.0", "--yes", "--json")
    cmctl.plain()
    assert done.code == 4, done.err
    assert "the migration broke" in done.err
    assert load.tally.failed == 0, load.tally.line()
    assert live_release(cmctl) == before


@pytest.mark.parametrize("step", ["upload", "start", "ready", "canary-5", "switch", "watch"])
def test_ctrl_c_at_any_moment(cmctl: Driver, step: str) -> None:
    """Ctrl-C during a step ends with 130, the former version serves without a failed request, and nothing is left to repair."""
    before = live_release(cmctl)
    with cmctl.traffic() as load:
        process = cmctl.start("deploy", "--phase", "2", "--version", f"3.0.{step}", "--yes")
        assert process.stderr is not None
        for line in process.stderr:
            if f"] {PREVIOUS[step]}:" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    print(f"\nCtrl-C before {step}: exit {process.returncode}; {load.tally.line()}")
    assert process.returncode == 130
    assert load.tally.failed == 0, load.tally.line()
    assert live_release(cmctl) == before


PREVIOUS = {"upload": "images", "start": "upload", "ready": "start", "canary-5": "probe", "switch": "canary-5", "watch": "switch"}


@pytest.mark.parametrize("moment", ["before:start", "after:start", "before:switch", "after:switch", "before:settle"])
def test_sigkill_leaves_one_whole_version(cmctl: Driver, moment: str) -> None:
    """A controller killed at a step leaves the traffic on one whole version; the next deploy converges without a hand."""
    with cmctl.traffic() as load:
        killed = cmctl.run("deploy", "--phase", "2", "--version", f"4.0.{moment.replace(':', '-')}", "--yes", CMCTL_KILL_AT=moment)
        again = cmctl.must("deploy", "--phase", "2", "--version", f"4.1.{moment.replace(':', '-')}", "--yes", "--json")
    print(f"\nSIGKILL {moment}: exit {killed.code}, next deploy {again.seconds:.1f} s; {load.tally.line()}")
    assert killed.code != 0
    assert load.tally.failed == 0, load.tally.line()
    assert again.document["version"].startswith("4.1.")
    host = cmctl.must("status", "--json").document["layers"]["phase2"]["local"]
    assert host["interrupted"] is None
    assert host["operation"] is None


def test_drift_is_seen_and_mended(cmctl: Driver) -> None:
    """An edited file and a stopped container show in a preview, and a deploy brings both back; the balancer is not even reloaded."""
    base = cmctl.home / "hosts" / "local" / STACK / "base"
    (base / "redis-cache" / "redis.conf").write_text("maxmemory 1mb\n", encoding="utf-8")
    subprocess.run(["docker", "stop", f"{STACK}-base-redis-exporter"], check=True, capture_output=True)
    seen = cmctl.run("preview", "--phase", "2", "--version", current_version(cmctl), "--refresh", "--check", "--json")
    assert seen.code == 3, seen.err
    assert "redis.conf" in seen.out
    workers = balancer_workers()
    with cmctl.traffic() as load:
        cmctl.must("deploy", "--phase", "2", "--version", current_version(cmctl), "--yes")
    assert load.tally.failed == 0, load.tally.line()
    assert balancer_workers() == workers
    assert "maxmemory 1mb" not in (base / "redis-cache" / "redis.conf").read_text(encoding="utf-8")
    assert f"{STACK}-base-redis-exporter" in docker("ps", "--format", "{{.Names}}")


def balancer_workers() -> list[str]:
    """Process numbers of the balancer's workers: a reload makes new ones."""
    lines = docker("top", f"{STACK}-base-balancer", "-o", "pid,cmd")
    return sorted(line.split()[0] for line in lines if "worker process" in line)


def current_version(cmctl: Driver) -> str:
    return str(cmctl.must("status", "--json").document["layers"]["phase2"]["local"]["version"])


def test_redis_down_hurts_nobody(cmctl: Driver) -> None:
    """With both Redis gone the platform serves from MongoDB: no failed request, nobody logged out; a deploy brings them back."""
    names = [f"{STACK}-base-redis-cache", f"{STACK}-base-redis-sessions"]
    with cmctl.traffic(rate=100) as load:
        time.sleep(1)
        subprocess.run(["docker", "stop", "-t", "1", *names], check=True, capture_output=True)
        time.sleep(4)
        cmctl.must("deploy", "--phase", "2", "--version", current_version(cmctl), "--yes")
        time.sleep(1)
    print(f"\nRedis gone for some seconds: {load.tally.line()}")
    assert load.tally.failed == 0, load.tally.line()


def test_missing_image_changes_nothing(cmctl: Driver) -> None:
    """A release whose image is nowhere is refused before anything changes, and the text names the image."""
    from errors import CmctlError
    from hosts import door
    from hosts.bundles import stored
    from hosts.fleet import connect
    from layout.release import Target

    before = live_release(cmctl)
    targets = {"local": Target(connection="local", address="127.0.0.1", root=str(cmctl.home / "hosts" / "local"))}
    import asyncio

    spec = asyncio.run(stored(connect(STACK, targets)["local"], before[0]))
    bundle, lost = spec.bundles["local"], "sha256:" + "0" * 64
    files = {path: text.replace(spec.images["backend"], lost) for path, text in bundle.files.items()}
    broken = spec.model_copy(update={"bundles": {"local": bundle.model_copy(update={"files": files})}})
    with pytest.raises(CmctlError, match=f"image {lost} is not there"):
        door.apply_now(broken)
    assert live_release(cmctl) == before


def test_secrets_stay_secret(cmctl: Driver) -> None:
    """No generated secret stands in the state, in history, in events or in any file that others may read."""
    import json

    values = json.loads(next((cmctl.home / "secrets").glob("*.json")).read_text(encoding="utf-8")).values()
    seen = cmctl.run("preview", "--phase", "2", "--version", "5.0.0", "--json")
    for value in values:
        assert value not in seen.out + seen.err
    for path in [*(cmctl.home / "state").rglob("*"), *(cmctl.home / "history").rglob("*"), *(cmctl.home / "pulumi").rglob("*")]:
        if path.is_file():
            text = path.read_bytes()
            assert not any(value.encode() in text for value in values), path


def test_destroy_leaves_nothing(cmctl: Driver) -> None:
    """Destroying the live phase alone is refused; destroying everything leaves no container, network, volume, folder or lock."""
    assert cmctl.run("destroy", "--phase", "2", "--yes").code == 2
    done = cmctl.must("destroy", "--all", "--yes", "--json")
    print(f"\ndestroy: {done.seconds:.1f} s")
    assert docker("ps", "-aq", "--filter", "name=codementee-livetest") == []
    assert docker("network", "ls", "-q", "--filter", "name=cmctl-codementee-livetest") == []
    assert docker("volume", "ls", "-q", "--filter", "name=codementee-livetest") == []
    assert not list((cmctl.home / "hosts" / "local").glob("*"))
    assert not list((cmctl.home / "state").rglob("*.lock"))
    assert not [path for path in (cmctl.home / "state").rglob("locks/**/*.json") if path.is_file()]
