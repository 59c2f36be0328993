"""Environment files: what comes with cmctl loads, in every way it offers; every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from documents import fit, parse, read
from environments.load import ROOT, load, names, others
from environments.model import Environment, Host
from errors import BadInput

REFUSED = yaml.safe_load((Path(__file__).parent / "cases" / "refused.yaml").read_text(encoding="utf-8"))
LOCAL = (ROOT / "local.yaml").read_text(encoding="utf-8")
EXAMPLE = ROOT / "production.example.yaml"
LINES = EXAMPLE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", names(ROOT))
def test_environments_that_come_with_cmctl(name: str) -> None:
    """Each loads, and each of its numbers names a source."""
    assert load(name, ROOT).name == name
    assert read(ROOT / f"{name}.yaml").unsourced() == []


def test_two_environments_share_nothing() -> None:
    """Local and lab can run beside each other on one machine: no container network is the other's, no address, no domain."""
    found = [load(name, ROOT) for name in names(ROOT)]
    for field in ("network", "domain"):
        assert len({getattr(one, field) for one in found}) == len(found)
    assert len({one.listen.address for one in found}) == len(found)
    for one in found:
        for other in found:
            assert one is other or not one.network.overlaps(other.network)


@pytest.mark.parametrize("case", REFUSED, ids=[case["new"] for case in REFUSED])
def test_mistakes_are_told(tmp_path: Path, case: dict[str, str]) -> None:
    """Each mistake is refused with file, line, key and reason."""
    assert case["old"] in LOCAL
    at = LOCAL.index(case["old"]) + (len("hosts:\n") if case["old"].startswith("hosts:") else 0)
    (tmp_path / "local.yaml").write_text(LOCAL.replace(case["old"], case["new"], 1), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load("local", tmp_path)
    assert case["said"].format(line=LOCAL[:at].count("\n") + 1) in caught.value.what


ALTERNATIVES = [index for index, line in enumerate(LINES) if line.startswith("#|")]


@pytest.mark.parametrize("index", ALTERNATIVES, ids=[LINES[index] for index in ALTERNATIVES])
def test_every_alternative_of_the_example_loads(index: int) -> None:
    """Each `#|` line of the example, in place of the line above it, is valid too, and changes something."""
    above = next(before for before in range(index, -1, -1) if not LINES[before].startswith("#|"))
    text = "\n".join([*LINES[:above], LINES[index].removeprefix("#|"), *LINES[above + 1 :]])
    assert fit(parse(text, EXAMPLE), Environment) != fit(parse("\n".join(LINES), EXAMPLE), Environment)


def test_every_optional_line_of_the_example_says_something() -> None:
    """Each `#?` line, switched on alone, changes what is loaded: none repeats a default."""
    plain = fit(parse("\n".join(LINES), EXAMPLE), Environment)
    for index in (index for index, line in enumerate(LINES) if line.startswith("#?")):
        switched = "\n".join([*LINES[:index], LINES[index].removeprefix("#?"), *LINES[index + 1 :]])
        assert fit(parse(switched, EXAMPLE), Environment) != plain, LINES[index]


def test_the_example_shows_every_key() -> None:
    """No key of the types is missing in the example: it is the reference."""
    text = "\n".join(line.removeprefix("#?").removeprefix("#|") for line in LINES)
    models = [Environment, *(type(value) for value in vars(fit(parse("\n".join(LINES), EXAMPLE), Environment)).values()), Host]
    keys = {info.alias or name for model in models for name, info in getattr(model, "model_fields", {}).items()}
    assert {"kube_context", "known_hosts", "solo", "zone_id"} <= keys
    assert [key for key in sorted(keys) if f"{key}:" not in text] == []


def test_doubled_machines(tmp_path: Path) -> None:
    """Two names for one machine are refused; the same address with another port is another machine."""
    text = "\n".join(LINES).replace("203.0.113.12", "203.0.113.11").replace("name: production", "name: p")
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"hosts\.app1\.address: 203\.0\.113\.11 port 22 is given to more than one host"):
        load("p", tmp_path)
    path.write_text(text.replace("    roles: [app, data]", "    port: 2222\n    roles: [app, data]"), encoding="utf-8")
    assert load("p", tmp_path).hosts["app2"].port == 2222


def test_own_folders_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of $CMCTL_ENVIRONMENTS are looked at in order and hide ours; an example there is no environment either."""
    for folder, title in (("one", "One"), ("two", "Two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "local.yaml").write_text(LOCAL.replace("This machine", title), encoding="utf-8")
    (tmp_path / "two" / "stage.example.yaml").write_text(LOCAL, encoding="utf-8")
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", f"{tmp_path / 'one'}:{tmp_path / 'two'}:{tmp_path / 'gone'}")
    assert load("local").title == "One"
    assert set(names()) == set(names(ROOT))
    with pytest.raises(BadInput) as caught:
        load("stage")
    assert str(tmp_path / "gone") in caught.value.why


@given(
    st.text(max_size=80)
    | st.tuples(st.text("a. \t", max_size=4), st.sampled_from(["ssh-ed25519", "ssh-rsa"]), st.text(max_size=30)).map(" ".join)
)
def test_only_keys_are_host_keys(line: str) -> None:
    """No text that hypothesis finds passes for a host key or crashes the check."""
    with pytest.raises(ValueError, match="host_key"):
        Host.model_validate({"connection": "ssh", "address": "192.0.2.1", "roles": ["app"], "host_key": line})


def test_all_doubled_addresses_at_once(tmp_path: Path) -> None:
    """Doubled public and private addresses of several hosts stand in one refusal."""
    text = "\n".join(line.replace("#?    private", "    private") for line in LINES).replace("name: production", "name: p")
    text = text.replace("203.0.113.12", "203.0.113.11").replace("    roles: [app]", "    private: 10.20.0.10\n    roles: [app]")
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load("p", tmp_path)
    assert "10.20.0.10 is given to more than one host" in caught.value.what
    assert "203.0.113.11 port 22 is given to more than one host" in caught.value.what
    path.write_text(text.replace("network: 10.89.0.0/24", "network: 10.20.0.0/24"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"10\.20\.0\.0/24 holds hosts\.lb1\.private 10\.20\.0\.10"):
        load("p", tmp_path)


def test_others_are_all_but_one(tmp_path: Path) -> None:
    """The environments beside one's own are those that can be read; a broken file is no environment that anybody could deploy."""
    (tmp_path / "local.yaml").write_text(LOCAL, encoding="utf-8")
    (tmp_path / "stage.yaml").write_text(LOCAL.replace("name: local", "name: stage"), encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("name: broken\n", encoding="utf-8")
    assert [one.name for one in others("local", tmp_path)] == ["stage"]
