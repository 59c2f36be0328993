from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

import errors
from hosts.events import StepEvent
from stacks import wire
from stacks.provider.engine_log import EngineLog, _sentence
from stacks.provider.host import Host
from stacks.provider.password import Password
from stacks.provider.release import Release
from stacks.provider.service import Provider
from stacks.provider.tasks import Tasks
from stacks.provider.values import UNKNOWN, plain, struct
from stacks.release_inputs import SECRET, split
from tests.stacks.folder_door import FolderDoor
from tests.stacks.specs import CANARY, STACK, spec, target

URN = "urn:pulumi:stack::cmctl::cmctl:index:{}::thing"
SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE


class Aborted(Exception):
    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        self.code, self.details = code, details


class Context:
    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code, details)


@pytest.fixture
def folder(tmp_path: Path) -> FolderDoor:
    return FolderDoor(tmp_path)


@pytest.fixture
def provider(folder: FolderDoor) -> Provider:
    tasks = Tasks()
    resources = {
        "cmctl:index:Host": Host(lambda: folder, tasks),
        "cmctl:index:Release": Release(lambda: folder, tasks),
        "cmctl:index:Password": Password(),
    }
    return Provider(resources, "1.2.3", tasks, EngineLog())


def inputs(**changes: Any) -> Any:
    plain_part, secret = split(spec(**changes))
    return {**plain_part, SECRET: secret}


def diff(
    provider: Provider, old: dict[str, Any], new: dict[str, Any], outputs: dict[str, Any] | None = None, ignore: tuple[str, ...] = ()
) -> Any:
    request = provider_pb2.DiffRequest(
        urn=URN.format("Release"), old_inputs=struct(old), olds=struct(outputs or {}), news=struct(new), ignoreChanges=ignore
    )
    return provider.Diff(request, Context())


def create(provider: Provider, values: dict[str, Any], kind: str = "Release", *, preview: bool = False) -> Any:
    return provider.Create(provider_pb2.CreateRequest(urn=URN.format(kind), properties=struct(values), preview=preview), Context())


def refused(call: Any) -> errors.CmctlError:
    with pytest.raises(Aborted) as caught:
        call()
    error = wire.decode_error(caught.value.details)
    assert error is not None
    return error


def test_no_change_is_no_difference(provider: Provider) -> None:
    """The same inputs are the same release."""
    assert diff(provider, inputs(), inputs()).changes == NONE


def test_one_line_is_one_path(provider: Provider) -> None:
    """A changed line shows as exactly its file on its host, updated in place."""
    answer = diff(provider, inputs(), inputs(line="worker_processes 2;"))
    assert answer.changes == SOME
    assert list(answer.detailedDiff) == ['bundles["app-1"].files["base/nginx/nginx.conf"]']
    assert answer.detailedDiff['bundles["app-1"].files["base/nginx/nginx.conf"]'].inputDiff
    assert list(answer.diffs) == ["bundles"]
    assert not answer.replaces


def test_a_secret_shows_only_as_its_key(provider: Provider) -> None:
    """A changed secret file appears by host and name; the answer to the engine holds no secret."""
    new = inputs()
    new[SECRET]["app-2"]["secrets/JWT_SECRET"] = "another"
    answer = diff(provider, inputs(), new)
    assert list(answer.detailedDiff) == ['secretFiles["app-2"]["secrets/JWT_SECRET"]']
    assert CANARY not in str(answer)


def test_how_hosts_are_reached_is_no_change(provider: Provider) -> None:
    """Another address or port of a host, or another gate window, asks for no new release."""
    new = inputs()
    new["hosts"]["app-1"]["port"] = 2222
    new["gate"]["window_s"] = 60
    assert diff(provider, inputs(), new).changes == NONE


def test_what_does_not_run_is_healed(provider: Provider) -> None:
    """A container that a refresh found dead asks for an update, although the inputs are the same."""
    answer = diff(provider, inputs(), inputs(), {"problems": {"app-1": {"backend-1": "exited"}}})
    assert answer.changes == SOME
    assert list(answer.detailedDiff) == ['problems["app-1"]["backend-1"]']
    assert not answer.detailedDiff['problems["app-1"]["backend-1"]'].inputDiff


def test_another_stack_is_another_release(provider: Provider) -> None:
    """A release cannot become that of another stack: it is replaced."""
    answer = diff(provider, inputs(), inputs(stack="shop-test-phase1"))
    assert list(answer.replaces) == ["stack"]


def test_ignored_changes_are_ignored(provider: Provider) -> None:
    """Pulumi's ignoreChanges works for a top-level property."""
    assert diff(provider, inputs(), inputs(version="2.0"), ignore=("version",)).changes == NONE


def test_create_and_read_agree(provider: Provider, folder: FolderDoor) -> None:
    """What was created is what is read: a refresh right after an update finds nothing."""
    made = create(provider, inputs())
    assert made.id == STACK
    assert plain(made.properties) == {"release": spec().release_id(), "slot": "blue", "problems": {}}
    request = provider_pb2.ReadRequest(id=STACK, urn=URN.format("Release"), inputs=struct(inputs()), properties=made.properties)
    seen = provider.Read(request, Context())
    assert plain(seen.inputs) == inputs()
    assert plain(seen.properties) == plain(made.properties)


def test_a_create_may_be_repeated(provider: Provider, folder: FolderDoor) -> None:
    """A create that a crash left pending is done again by the engine; it ends the same."""
    first, second = create(provider, inputs()), create(provider, inputs())
    assert (first.id, plain(first.properties)) == (second.id, plain(second.properties))


def test_reading_shows_what_really_runs(provider: Provider, folder: FolderDoor) -> None:
    """A file that somebody changed on a host, an older version that runs: the refreshed inputs say so."""
    create(provider, inputs(version="0.9", line="changed by hand;"))
    seen = provider.Read(
        provider_pb2.ReadRequest(id=STACK, urn=URN.format("Release"), inputs=struct(inputs()), properties=struct({})), Context()
    )
    answer = diff(provider, plain(seen.inputs), inputs())
    assert set(answer.detailedDiff) == {"version", 'bundles["app-1"].files["base/nginx/nginx.conf"]'}


def test_what_is_gone_is_told_as_gone(provider: Provider) -> None:
    """Where nothing of the stack is there, the engine gets an empty answer and drops the resource."""
    seen = provider.Read(
        provider_pb2.ReadRequest(id=STACK, urn=URN.format("Release"), inputs=struct(inputs()), properties=struct({})), Context()
    )
    assert seen.id == ""


def test_a_refused_update_keeps_its_exit_code(provider: Provider) -> None:
    """A release that was rolled back leaves the provider as that very error."""
    request = provider_pb2.UpdateRequest(id=STACK, urn=URN.format("Release"), olds=struct({}), news=struct(inputs(version="refused")))
    error = refused(lambda: provider.Update(request, Context()))
    assert type(error) is errors.RolledBack
    assert "boom" in error.why


def test_a_fault_of_the_provider_is_told_as_one(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that is none of ours reaches the engine as a failure with its name, not as a broken connection."""
    broken = inputs()
    broken["gate"] = {"window_s": "soon"}
    error = refused(lambda: create(provider, broken))
    assert "ValidationError" in error.what
    assert type(error) is errors.CmctlError
    assert "Traceback" in capsys.readouterr().err


def test_previews_touch_nothing(provider: Provider, folder: FolderDoor) -> None:
    """A preview answers what is not known yet as unknown and asks no host."""
    answer = create(provider, inputs(), preview=True)
    assert plain(answer.properties) == {"release": UNKNOWN, "slot": UNKNOWN, "problems": {}}
    assert not list(folder.folder.iterdir())


@pytest.mark.parametrize(
    ("kind", "values", "missing"),
    [("Release", {"stack": "x"}, "bundles"), ("Host", {"name": "h"}, "target"), ("Password", {"generation": "1"}, "generation")],
)
def test_missing_inputs_are_named(provider: Provider, kind: str, values: dict[str, Any], missing: str) -> None:
    """Inputs that are missing or of a wrong kind are refused before anything runs, each by its name."""
    answer = provider.Check(provider_pb2.CheckRequest(urn=URN.format(kind), news=struct(values)), Context())
    assert missing in [failure.property for failure in answer.failures]


def test_an_unknown_type_is_refused(provider: Provider) -> None:
    """A resource this provider does not have is an error that lists those it has."""
    error = refused(lambda: create(provider, {}, "Ship"))
    assert "cmctl:index:Ship" in error.what
    assert "cmctl:index:Release" in error.why


def test_a_host_tells_its_facts(provider: Provider) -> None:
    """A Host is checked when it is made, and its facts are whole numbers and names."""
    made = create(provider, {"name": "app-1", "target": target("app-1").model_dump(mode="json")}, "Host")
    assert made.id == "app-1"
    assert plain(made.properties) == {"facts": {"engine": "20.10.24", "os": "app-1 at 127.0.0.1", "memory_mb": 8192, "cpus": 2}}


def test_a_password_is_made_once() -> None:
    """Passwords differ, survive a refresh, and cannot be imported from nothing."""
    password = Password()
    made, values = password.create({"generation": 1}, lambda _: None)
    assert values != password.create({"generation": 1}, lambda _: None)[1]
    assert len(values["value"]) >= 40
    found = password.read(made, {"generation": 1}, values)
    assert found is not None
    assert found.outputs == values
    with pytest.raises(errors.BadInput):
        password.read(made, {"generation": 1}, {})


def test_volumes_are_kept_only_when_told(provider: Provider, folder: FolderDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Destroy removes volumes, and keeps them when the caller said so."""
    request = provider_pb2.DeleteRequest(id=STACK, urn=URN.format("Release"), old_inputs=struct(inputs()))
    provider.Delete(request, Context())
    monkeypatch.setenv("CMCTL_KEEP_VOLUMES", "1")
    provider.Delete(request, Context())
    assert (folder.folder / "log").read_text().splitlines() == [f"removed {STACK} 1.0", f"removed, volumes kept {STACK} 1.0"]


def test_the_engine_is_told_the_plugins_version(provider: Provider) -> None:
    """GetPluginInfo says the plugin's own version; without it the engine warns."""
    assert provider.GetPluginInfo(None, None).version == "1.2.3"


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (StepEvent("start", 3, 9, "begin"), "3/9 start …"),
        (StepEvent("watch", 8, 9, "end", "0 of 412 failed", 5.0), "8/9 watch: 0 of 412 failed"),
        (StepEvent("take back", 0, 0, "note", "because app-2 never got ready"), "take back: because app-2 never got ready"),
    ],
)
def test_steps_read_as_sentences(event: StepEvent, sentence: str) -> None:
    """A person who runs pulumi by hand reads the transaction's steps as sentences."""
    assert _sentence(event) == sentence


def test_an_engine_that_is_gone_stops_no_work() -> None:
    """Reporting to an engine that does not listen any more is passed over."""
    log = EngineLog()
    log.connect("127.0.0.1:1")
    log.report("urn")(StepEvent("start", 1, 2, "begin"))
