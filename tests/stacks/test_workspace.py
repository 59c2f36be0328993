from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pulumi import automation

from errors import Interrupted, Unreachable
from stacks import housekeeping, signals, workspace
from stacks.workspace import Cli, Settings

LIMIT_S = 5


def program(folder: Path, text: str) -> Path:
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "the condition did not come true"
        time.sleep(0.005)


def test_the_output_comes_back(tmp_path: Path) -> None:
    """What the CLI prints is the result, and it is never asked to ask."""
    cli = Cli(program(tmp_path, 'echo "$@"; echo "$PULUMI_BACKEND_URL" >&2'))
    done = cli.run(["stack", "ls"], str(tmp_path), {"PULUMI_BACKEND_URL": "file:///s"})
    assert done.stdout.split() == ["--non-interactive", "stack", "ls"]
    assert done.stderr.strip() == "file:///s"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no stack named 'x' found", automation.StackNotFoundError),
        ("error: the stack is currently locked by 1 lock(s)", automation.ConcurrentUpdateError),
        ("stack 'x' already exists", automation.StackAlreadyExistsError),
        ("anything else", automation.CommandError),
    ],
)
def test_failures_have_the_sdks_kinds(tmp_path: Path, text: str, kind: type[Exception]) -> None:
    """The CLI's words become the SDK's error classes, as with the SDK's own runner."""
    with pytest.raises(kind):
        Cli(program(tmp_path, f'echo "{text}" >&2; exit 255')).run(["up"], str(tmp_path), {})


def test_a_missing_cli_says_how_to_get_it(tmp_path: Path) -> None:
    """Without the program the error says so, with the command that brings it; the SDK's is a bare FileNotFoundError."""
    with pytest.raises(Unreachable) as caught:
        Cli(tmp_path / "nothing").run(["up"], str(tmp_path), {})
    assert caught.value.hint == "cmctl toolchain"


def test_signals_reach_the_cli_once_each(tmp_path: Path) -> None:
    """A SIGTERM becomes one SIGINT to the CLI, which stands in a process group of its own; handlers are as before afterwards."""
    text = f'trap "echo interrupted; exit 3" INT; ps -o pgid= $$ > {tmp_path}/group; while :; do sleep 0.01; done'
    cli, heard = Cli(program(tmp_path, text)), []

    def interrupt() -> None:
        until((tmp_path / "group").exists)
        until(lambda: bool((tmp_path / "group").read_text().strip()))
        os.kill(os.getpid(), signal.SIGTERM)

    # A suite that runs in a shell's background has SIGINT ignored, and so would the stand-in for the CLI.
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=interrupt)
    with signals.passed_on(cli, heard.append):
        thread.start()
        with pytest.raises(automation.CommandError, match="interrupted"):
            cli.run(["up"], str(tmp_path), {})
    thread.join()
    signal.signal(signal.SIGINT, own)
    assert int((tmp_path / "group").read_text()) != os.getpgrp()
    assert cli.interrupted == 1
    assert heard[0].startswith("SIGTERM: stopping in order")
    assert signal.getsignal(signal.SIGTERM) is before


def test_nothing_starts_after_an_interruption(tmp_path: Path) -> None:
    """Between two commands of one operation an interruption counts too."""
    cli = Cli(program(tmp_path, f"touch {tmp_path}/ran"))
    cli.interrupt()
    with pytest.raises(Interrupted):
        cli.run(["up"], str(tmp_path), {})
    assert not (tmp_path / "ran").exists()


def test_a_home_has_a_project_of_its_own(tmp_path: Path) -> None:
    """The project below a home is the checkout's, with the provider's folder where it really is; it is written only once."""
    folder = workspace.project_folder(tmp_path)
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    (provider,) = project["plugins"]["providers"]
    assert project["name"] == "cmctl"
    assert (Path(provider["path"]) / "pulumi-resource-cmctl").exists()
    written = (folder / "Pulumi.yaml").stat().st_mtime_ns
    assert workspace.project_folder(tmp_path) == folder
    assert (folder / "Pulumi.yaml").stat().st_mtime_ns == written


def test_the_checkouts_project_names_the_provider() -> None:
    """Pulumi.yaml of the checkout leads to a provider that can be started."""
    project = yaml.safe_load((workspace.ROOT / "Pulumi.yaml").read_text())
    launcher = workspace.ROOT / project["plugins"]["providers"][0]["path"] / "pulumi-resource-cmctl"
    assert os.access(launcher, os.X_OK)
    assert project["main"] == "stacks"
    assert project["stackConfigDir"] == "environments/stacks"


def test_the_passphrase_is_not_shown(tmp_path: Path) -> None:
    """Settings may be printed: the passphrase is not in it."""
    assert "hunter2" not in repr(Settings(tmp_path, tmp_path, tmp_path, "file:///s", "hunter2"))


def test_only_the_newest_copies_are_kept(tmp_path: Path) -> None:
    """Logs, backups and history do not grow for ever, and a removed stack leaves no encrypted secrets behind."""
    state = tmp_path / "state/.pulumi"
    for folder in ("logs", "state/.pulumi/backups/cmctl/s", "state/.pulumi/history/cmctl/s"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(3 * housekeeping.KEPT):
            path = tmp_path / folder / f"{number}.log"
            path.touch()
            os.utime(path, (number, number))
    housekeeping.prune(tmp_path / "logs", f"file://{tmp_path}/state", "s")
    assert sorted(int(path.stem) for path in (tmp_path / "logs").iterdir()) == list(range(housekeeping.KEPT, 3 * housekeeping.KEPT))
    (state / "stacks/cmctl").mkdir(parents=True)
    (state / "stacks/cmctl/s.json.bak").touch()
    (state / "stacks/cmctl/other.json.bak").touch()
    housekeeping.forget(f"file://{tmp_path}/state", "s")
    assert [path.name for path in state.rglob("*") if path.is_file()] == ["other.json.bak"]


def test_state_elsewhere_is_left_alone() -> None:
    """History in a bucket belongs to the team: nothing of it is touched."""
    housekeeping.forget("s3://bucket", "s")
    housekeeping.prune(Path("/nowhere"), "s3://bucket", "s")


def test_two_prune_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process has removed meanwhile is no error: it was to go anyway."""
    for number in range(3):
        (tmp_path / f"{number}.log").touch()
    looked: list[str] = []
    stat = Path.stat

    def gone_at_the_second_look(path: Path, **how: bool) -> os.stat_result:
        looked.append(path.name)
        if looked.count("0.log") == 2:
            raise FileNotFoundError(path)
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", gone_at_the_second_look)
    housekeeping.newest(tmp_path, "*.log", 1)
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 1
