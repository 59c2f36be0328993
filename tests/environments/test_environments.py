"""Environments: files, secrets, certificates, passphrase and state are taken as given, and every mistake is told."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml

from documents import fit, parse
from environments import certificates, passphrase, private_files
from environments import home as homes
from environments import secrets as secret_store
from environments.backend import backend_url
from environments.load import ROOT, load, names
from environments.model import Environment
from errors import BadInput

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
NAMES = ["localhost", "api.localhost"]
EXAMPLE = ROOT / "production.example.yaml"


def local(**changes: object) -> Environment:
    facts = yaml.safe_load((ROOT / "local.yaml").read_text(encoding="utf-8"))
    facts["listen"].pop("source")
    return Environment.model_validate(facts | changes)


def test_example_is_no_environment() -> None:
    """The annotated example is not offered as an environment; `local` is."""
    assert "local" in names(ROOT)
    assert not any("example" in name for name in names(ROOT))


@pytest.mark.parametrize("switched_on", [False, True])
def test_every_line_of_the_example_loads(switched_on: bool) -> None:
    """The annotated example is valid as it stands, and with every optional line switched on."""
    text = EXAMPLE.read_text(encoding="utf-8")
    found = fit(parse(text.replace("#?", "") if switched_on else text, EXAMPLE), Environment)
    assert found.name == "production"


def test_unknown_environment() -> None:
    """A wrong name gets a guess and the command that makes a new one."""
    with pytest.raises(BadInput) as caught:
        load("locl", ROOT)
    assert "did you mean local" in caught.value.why
    assert "cp environments/production.example.yaml" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https: 8443", "htps: 8443", r"local\.yaml:\d+: unknown key listen\.htps \(did you mean https\?\)"),
        ("address: 127.0.0.1\n", "address: 127.0.0.300\n", "listen.address"),
        ("network: 10.89.4.0/24", "network: 10.89.4.1/24", "network"),
        ("https: 8443", "https: 99999", "listen.https"),
        ("connection: local", "connection: ssh", "host_key"),
        ("name: local", "name: locals", "does not fit the file's name"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A mistake in an environment's file is refused with file, line and key."""
    text = (ROOT / "local.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "local.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        load("local", tmp_path)


def test_generated_secrets_are_kept(tmp_path: Path) -> None:
    """A made-up secret stays the same, is private, and a new one joins it; a cloud environment gets none."""
    first = secret_store.resolve(local(), "shop", ["A"], tmp_path)
    assert secret_store.resolve(local(), "shop", ["A", "B"], tmp_path)["A"] == first["A"]
    assert (tmp_path / "secrets" / "shop-local.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="cannot be generated"):
        secret_store.resolve(local(kind="cloud", state={"solo": True}), "shop", ["A"], tmp_path)


def test_all_missing_secrets_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every missing secret is named in one refusal."""
    monkeypatch.setenv("ONE_THERE", "x")
    with pytest.raises(BadInput, match="missing secrets: THREE_GONE, TWO_GONE"):
        secret_store.resolve(local(secrets={"from": "env"}), "shop", ["ONE_THERE", "TWO_GONE", "THREE_GONE"], tmp_path)


def test_secret_files_are_private(tmp_path: Path) -> None:
    """A secrets file that others may read is refused with the command that mends it; a private one is read."""
    path = tmp_path / "secrets.yaml"
    path.write_text("A: hidden\n", encoding="utf-8")
    environment = local(secrets={"from": "file", "path": str(path)})
    path.chmod(0o644)
    with pytest.raises(BadInput) as caught:
        secret_store.resolve(environment, "shop", ["A"], tmp_path)
    assert caught.value.hint == f"chmod 600 {path}"
    path.chmod(0o600)
    assert secret_store.resolve(environment, "shop", ["A"], tmp_path) == {"A": "hidden"}


def test_generated_certificate_is_stable_and_renewed(tmp_path: Path) -> None:
    """A local certificate covers every name, stays the same, and is made anew 30 days before its end by the same authority."""
    first = certificates.certificate(local(), NAMES, tmp_path, NOW)
    assert certificates.problems(first.chain, first.key, NAMES, NOW) == []
    assert certificates.certificate(local(), NAMES, tmp_path, NOW + datetime.timedelta(days=59)) == first
    later = certificates.certificate(local(), NAMES, tmp_path, NOW + datetime.timedelta(days=61))
    assert later.chain != first.chain
    assert later.authority == first.authority


def given_files(folder: Path, chain: str, key: str) -> Environment:
    private_files.write(folder / "key.pem", key)
    (folder / "chain.pem").write_text(chain, encoding="utf-8")
    return local(tls={"from": "files", "certificate": str(folder / "chain.pem"), "key": str(folder / "key.pem")})


def test_operators_certificate_is_checked(tmp_path: Path) -> None:
    """An expired certificate, a wrong key and an uncovered name are refused, all at once."""
    good = certificates.certificate(local(), NAMES, tmp_path / "a", NOW)
    other = certificates.certificate(local(), NAMES, tmp_path / "b", NOW)
    assert certificates.certificate(given_files(tmp_path, good.chain, good.key), NAMES, tmp_path, NOW).chain == good.chain
    bad = given_files(tmp_path, good.chain, other.key)
    with pytest.raises(BadInput) as caught:
        certificates.certificate(bad, [*NAMES, "shop.example"], tmp_path, NOW + datetime.timedelta(days=100))
    for part in ("valid from", "another certificate", "does not cover shop.example"):
        assert part in caught.value.what
    with pytest.raises(BadInput, match="not readable PEM"):
        certificates.certificate(given_files(tmp_path, "nothing", good.key), NAMES, tmp_path, NOW)


def test_cloud_needs_real_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud environment gets no made-up certificate or passphrase."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    cloud = local(kind="cloud", state={"solo": True})
    with pytest.raises(BadInput, match="trusted by no browser"):
        certificates.certificate(cloud, NAMES, tmp_path, NOW)
    with pytest.raises(BadInput, match="no passphrase"):
        passphrase.passphrase(cloud, tmp_path)


@pytest.mark.parametrize("state", ["", "state: {backend: 'file:///srv/state'}", "state: {backend: 's3://x'}"])
@pytest.mark.parametrize("solo", [False, True])
@pytest.mark.parametrize("kind", ["lab", "cloud"])
def test_a_teams_state_is_shared(tmp_path: Path, state: str, solo: bool, kind: str) -> None:
    """A cloud environment whose state is a folder of one machine is refused at its line, unless one person says that he deploys alone."""
    state = (state.replace("}", ", solo: true}") or "state: {solo: true}") if solo else state
    text = (ROOT / "local.yaml").read_text(encoding="utf-8").replace("kind: local", f"kind: {kind}") + state + "\n"
    (tmp_path / "local.yaml").write_text(text, encoding="utf-8")
    if kind == "lab" or solo or "s3" in state:
        url = backend_url(load("local", tmp_path), tmp_path)
        assert url == ("s3://x" if "s3" in state else "file:///srv/state" if "srv" in state else f"file://{tmp_path / 'state' / 'local'}")
        return
    with pytest.raises(BadInput) as caught:
        load("local", tmp_path)
    line = len(text.splitlines()) if state else text[: text.index("name:")].count("\n") + 1
    key = "state.backend: file:///srv/state" if state else "state: a folder of cmctl's own"
    assert caught.value.exit_code == 2
    assert f"local.yaml:{line}: {key} is on one machine only" in caught.value.what
    assert "solo: true" in caught.value.what


def test_local_passphrase_is_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine a passphrase is made once and kept 0600; one that is given wins."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    assert passphrase.passphrase(local(), tmp_path) == passphrase.passphrase(local(), tmp_path)
    assert (tmp_path / "passphrase" / "local").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "given")
    assert passphrase.passphrase(local(), tmp_path) == "given"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the machine does not know is told which variable to set; with it, or with XDG's, nobody's home is asked for."""
    for name in ("HOME", "CMCTL_HOME", "CMCTL_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody() -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    for find, name in ((homes.home, "CMCTL_HOME"), (homes.cache, "CMCTL_CACHE")):
        with pytest.raises(BadInput, match="no home folder") as caught:
            find()
        assert f"export {name}=" in caught.value.hint
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("CMCTL_CACHE", "/cache")
    assert (homes.home(), homes.cache()) == (Path("/state/cmctl"), Path("/cache"))


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in CMCTL_HOME, which no shell has expanded in a CI's file, is the home and no folder of that name."""
    monkeypatch.setenv("HOME", "/srv/ops")
    monkeypatch.setenv("CMCTL_HOME", "~/state")
    assert homes.home() == Path("/srv/ops/state")
