"""The real Pulumi engine with cmctl's own provider. Hosts are files in a folder (tests/stacks/folder_door.py), so no Docker is needed."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest

from environments import load as environments
from environments.model import Atlas, Cloudflare, Providers
from errors import BadInput, CmctlError, GateRefused, Interrupted, Locked, RolledBack
from phases import load as platforms
from stacks import compose_phase, data, edge, engine, workspace
from stacks.engine import Request
from stacks.events import Began, Event, Progress, Said
from stacks.resources import Password
from tests.live.engine_lab import LIMIT_S, PASSPHRASE, ROOT, Lab, process, until
from tests.stacks.specs import CANARY, STACK, spec
from tools import toolchain

# The SDK's language server leaves an event loop open when an update fails.
pytestmark = [
    pytest.mark.live,
    pytest.mark.usefixtures("sdks"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def loops_of_the_sdk() -> Iterator[None]:
    """What the SDK left open is collected here, where its warning belongs to nobody."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def cli() -> Path:
    return toolchain.pulumi(print)


@pytest.fixture
def lab(tmp_path: Path, cli: Path) -> Lab:
    return Lab(tmp_path, cli, environments.load("local"))


@pytest.fixture
def child(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """An `up` in a process of its own that waits in the middle of its transaction."""
    with process(lab, "up", "slow") as running:
        until((lab.door / "waiting").exists, "the transaction's beginning")
        yield running
        running.kill()
    (lab.door / "go").touch()


def test_create_then_nothing_then_one_line(lab: Lab) -> None:
    """A release is created; the same again is no change; one changed line is exactly one file on one host in the plan."""
    assert lab.preview().counts == {"create": 4}
    made = lab.up()
    assert made.counts == {"create": 4}
    same = lab.preview()
    assert same.empty
    (change,) = lab.preview(line="worker_processes 2;").changes
    (field,) = change.fields
    assert field.path == 'bundles["app-1"].files["base/nginx/nginx.conf"]'
    assert (field.old, field.new) == ("# app-1\nworker_processes auto;\n", "# app-1\nworker_processes 2;\n")
    steps = [event.step.step for event in lab.events if isinstance(event, Progress)]
    assert steps == ["check", "settle"]
    outputs = engine.outputs(lab.request())
    assert outputs["release"].value == spec().release_id()
    print(f"\nstacks: create {made.seconds:.2f} s, no-change preview {same.seconds:.2f} s")


def test_a_refused_release_leaves_the_old_state(lab: Lab) -> None:
    """A rolled back update arrives as RolledBack with all its words, and a preview of the former version says: nothing to do."""
    lab.up()
    with pytest.raises(RolledBack) as caught:
        lab.up(version="refused")
    assert caught.value.what == "app-2 never got ready\n100 %"
    assert caught.value.why == 'its last lines:\n  boom "quoted" %s'
    assert (caught.value.hint, caught.value.read) == ("cmctl status", "runbooks/deploy-failed.md")
    assert lab.preview().empty
    with pytest.raises(Locked):
        lab.up(version="held")
    assert lab.checkpoint().get("pending_operations") in (None, [])


def test_drift_is_found_and_healed(lab: Lab) -> None:
    """A refresh finds a file changed by hand and a dead container, each by its path; the next update puts both right."""
    lab.up()
    assert engine.refresh(lab.request()).counts == {"same": 4}
    (lab.door / f"{STACK}.json").write_text(spec(line="worker_processes 99;").model_dump_json())
    (lab.door / "problems").write_text(json.dumps({"app-2": {"backend-1": "exited"}}))
    (found,) = engine.refresh(lab.request()).changes
    paths = {field.path: (field.new, field.drift) for field in found.fields}
    assert set(paths) == {'bundles["app-1"].files["base/nginx/nginx.conf"]', 'problems["app-2"]["backend-1"]'}
    assert paths['problems["app-2"]["backend-1"]'] == ("exited", True)
    assert {field.path for change in lab.preview().changes for field in change.fields} == set(paths)
    (lab.door / "problems").unlink()
    lab.up()
    assert engine.preview(lab.request(), refresh=True).empty


def test_what_is_gone_is_made_again(lab: Lab) -> None:
    """Hosts that were emptied behind cmctl's back: a refresh drops the release from the state, the next update creates it."""
    lab.up()
    (lab.door / f"{STACK}.json").unlink()
    engine.refresh(lab.request())
    assert lab.up().counts == {"create": 1, "same": 3}


def test_ctrl_c_takes_back(lab: Lab, child: subprocess.Popen[str]) -> None:
    """Ctrl-C in the middle of a first release: the transaction takes itself back and answers, exit 130, nothing pending, no lock."""
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    told, _ = child.communicate(timeout=LIMIT_S)
    assert child.returncode == Interrupted.exit_code
    assert "was taken back" in told
    assert lab.log[-1] == f"taken back {STACK} slow"
    assert lab.checkpoint().get("pending_operations") in (None, [])
    assert lab.locks() == []
    print(f"\nstacks: Ctrl-C answered after {time.monotonic() - start:.2f} s")
    assert lab.up().counts["create"] >= 1


def test_a_second_update_is_told_who_runs_the_first(lab: Lab, child: subprocess.Popen[str]) -> None:
    """While one update runs, another is refused at once with exit 5 and the owner's name; previews go on; then it works."""
    with pytest.raises(Locked) as caught:
        lab.up()
    assert f"pid {lock_owner(lab)}" in caught.value.why
    assert lab.preview().counts["create"] >= 1
    (lab.door / "go").touch()
    child.communicate(timeout=LIMIT_S)
    assert child.returncode == 0
    assert lab.up().counts == {"same": 3, "update": 1}


def lock_owner(lab: Lab) -> int:
    (lock,) = lab.locks()
    return int(json.loads(lock.read_text())["pid"])


def test_a_killed_cmctl_is_taken_back_by_itself(lab: Lab, child: subprocess.Popen[str]) -> None:
    """SIGKILL of cmctl alone: the provider notices, takes back, the engine writes its state and drops its lock; no repair is needed."""
    child.kill()
    until(lambda: lab.log[-1].startswith("taken back"), "the transaction's end")
    until(lambda: not lab.locks(), "the lock's end")
    assert lab.up().counts["create"] >= 1


def test_a_killed_engine_is_healed(lab: Lab, child: subprocess.Popen[str]) -> None:
    """SIGKILL of cmctl and engine in the middle of a create: a lock and a pending create stay; the next update heals them by itself."""
    owner = lock_owner(lab)
    child.kill()
    os.kill(owner, signal.SIGKILL)
    until(lambda: lab.log[-1].startswith("taken back"), "the provider's end")
    assert [one["type"] for one in lab.checkpoint()["pending_operations"]] == ["creating"]
    assert lab.locks()
    lab.up()
    assert any("earlier command died" in event.text for event in lab.events if isinstance(event, Said))
    assert lab.checkpoint().get("pending_operations") in (None, [])
    assert lab.locks() == []
    assert lab.preview().empty


def test_what_was_left_pending_is_cleared(lab: Lab, child: subprocess.Popen[str]) -> None:
    """A crash whose lock somebody removed by hand leaves a pending create; the next update makes the release and clears it."""
    owner = lock_owner(lab)
    child.kill()
    os.kill(owner, signal.SIGKILL)
    until(lambda: lab.log[-1].startswith("taken back"), "the provider's end")
    lab.locks()[0].unlink()
    lab.up()
    assert lab.checkpoint().get("pending_operations") in (None, [])
    assert lab.preview().empty


def test_two_at_once_make_one_stack(lab: Lab) -> None:
    """Two processes that see a stack for the first time at once both get their plan: the one that comes second takes the other's."""
    both = [process(lab, "preview", "1.0") for _ in range(2)]
    told = [one.communicate(timeout=LIMIT_S)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], told


def test_a_listener_that_fails_stops_no_update(lab: Lab) -> None:
    """A fault in the progress display is raised after the update has ended, not in the middle of it."""

    def broken(event: Event) -> None:
        raise ZeroDivisionError(event)

    with pytest.raises(ZeroDivisionError):
        engine.up(lab.request(), broken)
    assert lab.log[-1] == f"applied {STACK} 1.0"
    assert lab.preview().empty


def test_no_secret_leaves_the_engine(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secret files, made-up passwords and the passphrase stand in no file of state, history, backups and logs, in no event and no plan."""

    def program() -> None:
        compose_phase.program(spec())()
        password = Password("db")
        pulumi.export("password", password.value)

    request = Request(STACK, program, lab.settings)
    plans = [engine.preview(request, lab.events.append)]
    engine.up(request, lab.events.append)
    engine.up(lab.request(version="2.0"), lab.events.append)
    engine.up(request, lab.events.append)
    made = engine.outputs(request)["password"]
    assert made.secret
    (lab.door / f"{STACK}.json").write_text(spec().model_copy(update={"version": "0.1"}).model_dump_json())
    plans += [engine.preview(request, lab.events.append, refresh=True)]
    engine.refresh(request, lab.events.append)
    secrets = [CANARY, str(made.value), PASSPHRASE]
    shown = repr((lab.events, plans, lab.settings, made))
    assert not [secret for secret in secrets if secret in shown]
    shutil.rmtree(lab.door)
    files = [path for path in lab.folder.rglob("*") if path.is_file() and path.name != "pulumi"]
    assert len(files) > 10
    assert [str(path) for path in files for secret in secrets if secret.encode() in path.read_bytes()] == []


def test_destroy_leaves_nothing(lab: Lab) -> None:
    """After destroy neither hosts nor state, history, backups and locks hold anything; a second destroy is no error; volumes stay when told."""
    lab.up()
    lab.up(version="2.0")
    assert engine.destroy(lab.request(), keep_volumes=True).counts == {"delete": 4}
    assert lab.log[-1] == f"removed, volumes kept {STACK} 2.0"
    left = [path for path in (lab.folder / "state").rglob("*") if path.is_file() and not path.name.startswith("meta.yaml")]
    assert left == []
    assert engine.destroy(lab.request()).counts == {}
    assert engine.outputs(lab.request()) == {}
    assert engine.refresh(lab.request()).counts == {}


def test_a_broken_program_says_what_is_wrong(lab: Lab) -> None:
    """An exception in a program is its words, without the way through the engine; the state is untouched."""

    def program() -> None:
        raise ValueError("no such machine")

    with pytest.raises(CmctlError) as caught:
        engine.up(Request(STACK, program, lab.settings))
    assert caught.value.why == "no such machine"


def test_the_checkouts_own_project_works(lab: Lab, tmp_path: Path) -> None:
    """With Pulumi.yaml as it stands in the checkout the engine finds the provider, and the salt lies in environments/stacks."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", checkout)
    for room in ("stacks", "tests"):
        (checkout / room).symlink_to(ROOT / room)
    there = workspace.Settings(**{**vars(lab.settings), "work_dir": checkout})
    before = (checkout / "Pulumi.yaml").read_bytes()
    engine.up(Request(STACK, compose_phase.program(spec()), there))
    assert (checkout / "environments/stacks" / f"Pulumi.{STACK}.yaml").read_text().startswith("encryptionsalt:")
    assert (checkout / "Pulumi.yaml").read_bytes() == before


def test_no_operation_waits_for_the_plugin(lab: Lab) -> None:
    """The provider leaves at the engine's SIGINT: an operation does not take the five seconds the engine would wait for it."""
    lab.up()
    start = time.monotonic()
    lab.up()
    assert time.monotonic() - start < 4


CLOUD = {
    "name": "staging", "kind": "lab", "domain": "example.com", "providers": Providers(database="atlas", edge="cloudflare"),
    "atlas": Atlas(project_id="5" * 24, region="EU_CENTRAL_1"), "cloudflare": Cloudflare(zone_id="a" * 32, account_id="b" * 32),
}  # fmt: skip


@pytest.fixture
def clouds(tmp_path: Path, cli: Path) -> Lab:
    return Lab(tmp_path, cli, environments.load("local").model_copy(update=CLOUD))


def cloud_file(lab: Lab, package: str) -> Path:
    path = lab.folder / "home/clouds/staging" / f"{package}.json"
    if not path.exists():
        pytest.skip(f"the official plugin of {package} is in use: there is no stand-in's cloud to look at")
    return path


def test_the_database_grows_in_place(clouds: Lab) -> None:
    """Data layer on Atlas' stand-in: phase 1 to 2 changes the tier in place, nothing is replaced, and destroy is refused: data is protected."""
    loaded, environment = platforms.load("codementee"), environments.load("local").model_copy(update=CLOUD)

    def request(number: int) -> Request:
        return Request("codementee-staging-data", data.program(environment, loaded.phase(number), loaded.platform, None), clouds.settings)

    assert engine.up(request(1), clouds.events.append).counts == {"create": 5}
    assert engine.preview(request(1)).empty
    (change,) = engine.up(request(2)).changes
    assert (change.operation, change.resource.name) == ("update", "cluster")
    assert ("M20", "M30") in {(field.old, field.new) for field in change.fields}
    url = engine.outputs(request(2))["mongo_url"]
    assert url.secret
    assert url.value.startswith("mongodb+srv://codementee:")
    password = url.value.split(":")[2].partition("@")[0]
    assert password not in cloud_file(clouds, "mongodbatlas").read_text()
    assert password not in repr(clouds.events)
    with pytest.raises(GateRefused, match="protected"):
        engine.destroy(request(2))


def test_the_edge_drifts_and_is_put_right(clouds: Lab) -> None:
    """Edge layer on Cloudflare's stand-in: records, settings and the cache rule; a record changed by another hand is found and set back."""
    loaded, environment = platforms.load("codementee"), environments.load("local").model_copy(update=CLOUD)
    request = Request("codementee-staging-edge", edge.program(environment, loaded.phase(2), loaded.platform, None), clouds.settings)
    assert engine.up(request).counts == {"create": 12}
    path = cloud_file(clouds, "cloudflare")
    things = json.loads(path.read_text())
    record = next(thing for thing in things.values() if thing["values"].get("name") == "api.example.com")
    record["values"]["content"] = "203.0.113.9"
    path.write_text(json.dumps(things))
    plan = engine.preview(request, refresh=True)
    (change,) = plan.changes
    assert [(field.path, field.old, field.new) for field in change.fields] == [("content", "203.0.113.9", "127.0.0.1")]
    engine.refresh(request)
    engine.up(request)
    assert engine.preview(request, refresh=True).empty
    assert engine.destroy(request).counts == {"delete": 12}
    assert json.loads(path.read_text()) == {}


def test_a_program_the_stand_in_refuses_fails_in_the_preview(clouds: Lab) -> None:
    """A field no provider knows is refused before anything is made, with its name."""

    def program() -> None:
        import pulumi_cloudflare as cloudflare

        cloudflare.DnsRecord("www", zone_id="a" * 32, name="www.example.com", type="A", content="192.0.2.1", ttl=300, proxied=True)

    with pytest.raises((BadInput, CmctlError)) as caught:
        engine.preview(Request("codementee-staging-edge", program, clouds.settings), clouds.events.append)
    assert "ttl" in str(caught.value)
    assert not [event for event in clouds.events if isinstance(event, Began)]
