"""Secrets come from where the environment says, whole or not at all, and no refusal shows one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from environments import passphrase as state
from environments import private_files
from environments import secrets as secret_store
from environments.load import ROOT
from environments.model import Environment
from errors import BadInput


def environment(**changes: object) -> Environment:
    facts = yaml.safe_load((ROOT / "local.yaml").read_text(encoding="utf-8"))
    facts["listen"].pop("source")
    return Environment.model_validate(facts | changes)


def from_file(path: Path, text: str, *names: str) -> dict[str, str]:
    private_files.write(path, text)
    return secret_store.resolve(
        environment(kind="cloud", state={"solo": True}, secrets={"from": "file", "path": str(path)}), "shop", names, path.parent
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("secrets.yaml", "A: one\nB: 'two: #3'\n"),
        ("secrets.yaml", '# ours\nB: "two: #3"\nA: one\nMORE: than asked\n'),
        (".env", "A=one\nB=two: #3\n"),
        (".env", "\ufeffA=one\r\nB=two: #3\r\n"),
        ("production.env", "# ours\n\n  export A='one'\nB = \"two: #3\"\n"),
    ],
)
def test_files_are_read(tmp_path: Path, file: str, text: str) -> None:
    """YAML and dotenv files give the same values; what nobody asked for is left out."""
    assert from_file(tmp_path / file, text, "A", "B") == {"A": "one", "B": "two: #3"}


def test_dotenv_is_literal(tmp_path: Path) -> None:
    """Nothing in a dotenv value is expanded or cut: dollar signs, hashes, equals signs and single quotes stay."""
    assert from_file(tmp_path / ".env", "A=$B`id`=#x 'y\nB='\nC=''\n", "A", "B") == {"A": "$B`id`=#x 'y", "B": "'"}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("secrets.yaml", "A: one\nA: two\n", "secrets.yaml:2: no `NAME: value` line"),
        ("secrets.yaml", "A: [one\n", "no `NAME: value` line"),
        ("secrets.yaml", "- A\n", "secrets.yaml:1: no `NAME: value` line"),
        ("secrets.yaml", "", "secrets.yaml:1: no `NAME: value` line"),
        ("secrets.yaml", "A: 0123\nB: yes\nC: {d: e}\n", "no text: A, B"),
        (".env", "A=one\nB two\n", ".env:2: no `NAME=value` line"),
        (".env", "A=one\nA=two\n", ".env:2: no `NAME=value` line"),
        (".env", "A=one\nB=\n", "missing secret: B"),
        ("secrets.yaml", "A: one\nB: ''\n", "missing secret: B"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, file: str, text: str, said: str) -> None:
    """A doubled name, a line that is none, a number without quotes, an empty value: refused with line or name."""
    with pytest.raises(BadInput) as caught:
        from_file(tmp_path / file, text, "A", "B")
    assert said in caught.value.what


HIDDEN = "hunter2"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.sampled_from("AB:=-'\"{}[]&*!|>%@`#, \n\t\\"), max_size=12),
    st.text(st.sampled_from("AB:=-'\"{}[]&*!|>%@`#, \n\t\\"), max_size=12),
)
@example("A: *", "")
@example("A: !", " x")
@example("A: 0b_", "")
@example('A: "\\', '"')
@example("{A: 2026-13-", "}")
@example("A: \ud800", "")
@example("", ": []")
def test_refusals_show_no_secret(tmp_path: Path, before: str, after: str) -> None:
    """However a secrets file is broken around a secret, the refusal does not repeat it, nor does its traceback."""
    for name in ("secrets.yaml", ".env"):
        path = tmp_path / name
        path.write_bytes((before + HIDDEN + after).encode("utf-8", "surrogatepass"))
        path.chmod(0o600)
        with pytest.raises(BadInput) as caught:
            secret_store.resolve(environment(secrets={"from": "file", "path": str(path)}), "shop", ["MISSING"], tmp_path)
        assert HIDDEN not in str(caught.value)
        assert caught.value.__cause__ is None or HIDDEN not in str(caught.value.__cause__)


def test_a_missing_or_open_file(tmp_path: Path) -> None:
    """A secrets file that is not there, is a folder, or may be read by the group is refused."""
    for path, said in ((tmp_path / "gone.yaml", "cannot be read"), (tmp_path, "cannot be read")):
        with pytest.raises(BadInput, match=said):
            secret_store.resolve(environment(secrets={"from": "file", "path": str(path)}), "shop", ["A"], tmp_path)
    path = tmp_path / "open.env"
    path.write_text("A=one\n", encoding="utf-8")
    path.chmod(0o640)
    with pytest.raises(BadInput, match="others may read it") as caught:
        secret_store.resolve(environment(secrets={"from": "file", "path": str(path)}), "shop", ["A"], tmp_path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_environment_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Variables give exactly what is asked for; an empty one is missing."""
    for name, value in (("A", "one"), ("B", ""), ("C", "three")):
        monkeypatch.setenv(name, value)
    given_here = environment(secrets={"from": "env"})
    assert secret_store.resolve(given_here, "shop", ["A", "C"], tmp_path) == {"A": "one", "C": "three"}
    with pytest.raises(BadInput, match="missing secret: B"):
        secret_store.resolve(given_here, "shop", ["A", "B"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_made_up_secrets_are_apart(tmp_path: Path) -> None:
    """Two platforms and two environments share no made-up secret."""
    stage = environment(name="stage")
    found = [secret_store.resolve(one, platform, ["A"], tmp_path)["A"] for one in (environment(), stage) for platform in ("shop", "blog")]
    assert len(set(found)) == 4


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    """Deploys of several phases at once make up different secrets in one file, and each value stays as it was given."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: secret_store.resolve(environment(), "shop", ["SHARED", f"S{number}"], tmp_path), range(16)))
    assert len({one["SHARED"] for one in found}) == 1
    for number, one in enumerate(found):
        assert secret_store.resolve(environment(), "shop", [f"S{number}"], tmp_path) == {f"S{number}": one[f"S{number}"]}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"A": 1}'])
def test_damaged_store(tmp_path: Path, text: str) -> None:
    """A damaged store is told and kept: new secrets would lock out a database that has the old ones."""
    path = tmp_path / "secrets" / "shop-local.json"
    private_files.write(path, text)
    with pytest.raises(BadInput, match="is damaged"):
        secret_store.resolve(environment(), "shop", ["A"], tmp_path)
    assert path.read_text(encoding="utf-8") == text


@pytest.fixture
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_passphrase")
def test_many_at_once_get_one_passphrase(tmp_path: Path) -> None:
    """First deploys at the same moment must not encrypt two states with two passphrases of which one is lost."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: state.passphrase(environment(), tmp_path), range(16)))) == 1


@pytest.mark.usefixtures("no_passphrase")
def test_passphrase_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that is named is read without its line end; an empty or open one is refused; the variable wins over it."""
    path = tmp_path / "team"
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(path))
    private_files.write(path, "of the team\n")
    assert state.passphrase(environment(kind="cloud", state={"solo": True}), tmp_path) == "of the team"
    path.chmod(0o644)
    with pytest.raises(BadInput, match="others may read it"):
        state.passphrase(environment(), tmp_path)
    private_files.write(path, "\n")
    with pytest.raises(BadInput, match="is empty"):
        state.passphrase(environment(), tmp_path)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "said")
    assert state.passphrase(environment(), tmp_path) == "said"


def test_secrets_found_elsewhere_are_kept_and_never_replace_known_ones(tmp_path: Path) -> None:
    """What the hosts give back fills the gaps of the file alone; where a person gives the secrets nothing is written."""
    local = environment(secrets={"from": "generated"})
    secret_store.resolve(local, "shop", ["JWT"], tmp_path)
    before = secret_store.resolve(local, "shop", ["JWT"], tmp_path)
    assert secret_store.restore(local, "shop", {"JWT": "other", "KEY": "found"}, tmp_path) == ["KEY"]
    assert secret_store.resolve(local, "shop", ["JWT", "KEY"], tmp_path) == before | {"KEY": "found"}
