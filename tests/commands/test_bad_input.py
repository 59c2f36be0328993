"""Bad input at the door: the right exit code, the reason, what to try; nothing is contacted or changed."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import cli
from commands import fleet_view
from environments.load import ROOT
from hosts import door
from hosts.inspect import Line
from phases.load import ROOT as PLATFORMS
from stacks import fleet as fleet_of_stacks

CASES = [
    (["deploy", "--phase", "9", "--yes"], 2, "has no phase 9"),
    (["deploy", "--phase", "two", "--yes"], 2, "phase"),
    (["deploy", "--phase", "2", "--env", "lokal", "--yes"], 2, "did you mean local"),
    (["deploy", "--phase", "2", "--platform", "codementy", "--yes"], 2, "did you mean codementee"),
    (["deploy", "--phase", "3", "--yes"], 2, "kube_context"),
    (["deploy", "--phase", "3", "--env", "lab", "--yes"], 7, "cmctl cluster up"),
    (["deploy", "--phase", "3", "--env", "lab", "--keep-warm", "1h", "--yes"], 2, "goes with a phase on hosts"),
    (["drain", "x", "--phase", "3", "--env", "lab"], 2, "cmctl status --phase 3 --env lab"),
    (["status", "--phase", "3", "--env", "lab"], 7, "cmctl cluster up"),
    (["deploy", "--phase", "2", "--version", "1 0; rm", "--yes"], 2, "is no version"),
    (["deploy", "--phase", "2", "--version", "", "--yes"], 2, "is no version"),
    (["deploy", "--phase", "2", "--canary", "7", "--yes"], 2, "no canary step of 7 %"),
    (["deploy", "--phase", "2", "--canary", "0,5", "--yes"], 2, "more than nobody"),
    (["deploy", "--phase", "2", "--image", "backend=example.com/backend", "--yes"], 2, "goes with a phase on Kubernetes"),
    (["deploy"], 2, "--phase"),
    (["destroy", "--yes"], 2, "destroy what?"),
    (["destroy", "--phase", "2", "--all", "--yes"], 2, "give one of the two"),
    (["rollback", "--phase", "8", "--yes"], 2, "has no phase 8"),
    (["drain", "app1", "--wait", "soon"], 2, "--wait soon: takes a time"),
    (["cost", "--phase", "9"], 2, "phase 9"),
    (["render", "--phase", "2"], 2, "--out"),
    (["render", "--phase", "2", "--out", __file__], 2, "is a file"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), CASES)
def test_wrong_words(arguments: list[str], code: int, said: str, private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong phase, environment, platform, version or missing option is exit 2 with the reason, on stderr, and as a document."""
    assert cli.main(arguments) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""
    assert cli.main([*arguments, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


@pytest.fixture
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    facts = yaml.safe_load((ROOT / "local.yaml").read_text(encoding="utf-8")) | {"name": "own"}
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")
    return path


def change(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_missing_secrets_are_listed(
    own_environment: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deploy without its secrets is exit 2 and names them all."""
    change(own_environment, secrets={"from": "env"})
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert cli.main(["deploy", "--phase", "2", "--env", "own", "--yes"]) == 2
    err = capsys.readouterr().err
    assert "JWT_SECRET" in err
    assert "RAZORPAY_KEY_SECRET" in err


def test_no_host_for_a_role(own_environment: Path, private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A phase whose role nobody plays is exit 2 and says what to add."""
    change(own_environment, hosts={"local": {"connection": "local", "address": "127.0.0.1", "roles": ["app", "data", "monitor"]}})
    assert cli.main(["preview", "--phase", "2", "--env", "own"]) == 2
    assert "add lb to a host's roles" in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody can answer, a question is exit 2 and names --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(["rollback", "--phase", "2"]) == 2
    assert "--yes" in capsys.readouterr().err


def test_sources_are_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """`phases --sources --json` has every number's source too, as the table has."""
    assert cli.main(["phases", "--sources", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sources"]
    assert {
        "file": "phase2.yaml",
        "number": "balancer.keepalive",
        "value": 32,
        "source": "scaling guide, nginx: keepalive 32",
    }.items() <= next(one for one in told if one["number"] == "balancer.keepalive" and one["file"] == "phase2.yaml").items()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform of one's own, of Codementee's figures."""
    own = tmp_path / "platforms" / "shop"
    shutil.copytree(PLATFORMS / "codementee", own)
    text = (own / "platform.yaml").read_text(encoding="utf-8")
    (own / "platform.yaml").write_text(text.replace("name: codementee", "name: shop", 1), encoding="utf-8")
    monkeypatch.setenv("CMCTL_PLATFORMS", str(own.parent))
    return own


def test_an_image_that_is_not_there(shop: Path, private_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A service whose image no catalogue holds is told with its line and a guess, before anything is asked or written."""
    text = (shop / "platform.yaml").read_text(encoding="utf-8")
    (shop / "platform.yaml").write_text(text.replace("image: backend", "image: back-end", 1), encoding="utf-8")
    assert cli.main(["render", "--platform", "shop", "--phase", "1", "--out", str(tmp_path / "out")]) == 2
    assert "platform.yaml:18: services.backend.image: there is no image back-end (did you mean backend?)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


LOGS = [([], 100, ""), (["-n", "5"], 5, ""), (["--since", "10m"], None, "10m"), (["--since", "2d", "-n", "0"], 0, "48h")]


@pytest.mark.parametrize(("words", "tail", "since"), LOGS)
def test_how_many_lines(words: list[str], tail: int | None, since: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`logs` shows 100 lines of each container, or all since a time, or as many as are asked for, also since a time."""
    asked: list[tuple[int | None, str]] = []
    monkeypatch.setattr(fleet_of_stacks, "fleet", lambda *_: None)
    monkeypatch.setattr(fleet_view, "show_logs", lambda _, __, tail, since, **___: asked.append((tail, since)))
    assert cli.main(["logs", *words]) == 0
    assert asked == [(tail, since)]
    assert cli.main(["logs", "--since", "yesterday"]) == 2


def test_log_lines_as_a_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`logs --json` is one document with every line's host, container and time; what has no end is none."""
    line = Line("2026-11-21T08:00:00.123456789Z", "app1", "shop-stage-phase1-blue-backend-1", "[1] started")
    monkeypatch.setattr(fleet_of_stacks, "fleet", lambda *_: SimpleNamespace(stack="shop-stage-phase1", targets={}))
    monkeypatch.setattr(door, "logs_now", lambda *_, **__: [line])
    assert cli.main(["logs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": "cmctl/logs/1", "stack": "shop-stage-phase1", "lines": [vars(line)]}
    assert cli.main(["logs", "--json", "--follow"]) == 2


@pytest.mark.parametrize("title", ["Shop [beta]", "Shop [/x]", r"Shop \\[x] [red]"])
def test_brackets_are_shown(title: str, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a title or a source are shown as they are written, and are no commands to the terminal."""
    text = (shop / "platform.yaml").read_text(encoding="utf-8")
    (shop / "platform.yaml").write_text(text.replace("title: Codementee", f"title: '{title}'", 1), encoding="utf-8")
    facts = (shop / "phase1.yaml").read_text(encoding="utf-8")
    (shop / "phase1.yaml").write_text(facts.replace('source: "scaling guide"', f"source: '{title}'", 1), encoding="utf-8")
    assert cli.main(["phases", "--platform", "shop", "--sources"]) == 0
    assert capsys.readouterr().out.count(title) == 2


def test_the_next_phase_is_one_that_there_is(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A platform without a phase 2 is not told to preview it."""
    for number in (2, 3):
        (shop / f"phase{number}.yaml").unlink()
    assert cli.main(["phases", "--platform", "shop"]) == 0
    assert "cmctl preview --platform shop --phase 1 --env local" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wrong"), [(["app1", "--env", "nowhere"], "no environment 'nowhere'"), (["app9", "--env", "lab"], "app9")]
)
def test_nobody_clicks_for_nothing(words: list[str], wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot of a host or environment that is not there is refused before the panel's steps are shown."""
    assert cli.main(["host", "snapshot", *words]) == 2
    shown = capsys.readouterr()
    assert wrong in shown.err
    assert "panel" not in shown.out + shown.err


def test_small_figures_are_not_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine of 512 MB has no 0 GB, and one error in 100,000 is more than 0.00 %."""
    text = (shop / "phase0.yaml").read_text(encoding="utf-8")
    text = re.sub(r"(hosts:.*?memory_mb: (?:\{value: )?)2048", r"\g<1>512", text, count=1, flags=re.DOTALL)
    (shop / "phase0.yaml").write_text(re.sub(r"(error_ratio: (?:\{value: )?)0\.001", r"\g<1>0.00001", text, count=1), encoding="utf-8")
    assert cli.main(["phases", "--platform", "shop"]) == 0
    shown = capsys.readouterr().out
    assert "1 app 0.5 GB" in shown
    assert "0.0010%" in shown


def test_render_writes_the_same_bytes(private_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`render` writes every layer's files without an engine, and a second run writes the same bytes."""
    for name in ("one", "two"):
        assert cli.main(["render", "--phase", "2", "--out", str(tmp_path / name), "--json"]) == 0
    files = {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "two"): path.read_bytes() for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert Path("phase2/local/base/balancer/nginx.conf") in files
    assert (tmp_path / "one/phase2/local/secrets").stat().st_mode & 0o777 == 0o700
