from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from environments import load as environments
from environments.model import Providers
from errors import Unreachable
from stacks import plugins

ROOT = Path(__file__).parent.parent.parent
ASKED = "asked"


@dataclass(frozen=True)
class Run:
    """A CLI that is a script, so that it is seen what is asked of it."""

    cli: Path
    pulumi_home: Path
    packages: tuple[str, ...] = ("cloudflare",)
    stand_ins: bool = True


def run(folder: Path, script: str, *, stand_ins: bool = True) -> Run:
    cli = folder / "pulumi"
    cli.write_text(f'#!/bin/sh\necho "$@" >> {folder / ASKED}\n{script}\n')
    cli.chmod(0o755)
    return Run(cli, folder / "home", stand_ins=stand_ins)


def official(folder: Path) -> str:
    place = f'"$PULUMI_HOME/plugins/resource-cloudflare-v{plugins.sdk_version("cloudflare")}"'
    return f"mkdir -p {place} && touch {place}/pulumi-resource-cloudflare"


REFUSES = "echo 'warning: Error downloading plugin: no such host' >&2; exit 1"


def test_the_official_plugin_comes_first(tmp_path: Path) -> None:
    """Where the CLI can get the official plugin of exactly the SDK's version, that is what runs; it is asked for once."""
    here = run(tmp_path, official(tmp_path))
    said: list[str] = []
    for _ in range(2):
        (found,) = plugins.acquire(here, said.append)
        assert str(found) == f"official {plugins.sdk_version('cloudflare')}"
    (asked,) = (tmp_path / ASKED).read_text().splitlines()
    assert asked.startswith(f"plugin install resource cloudflare {plugins.sdk_version('cloudflare')}")
    assert plugins.which(here)["cloudflare"].startswith("official")


def test_a_stand_in_plays_where_nothing_can_be_had(tmp_path: Path) -> None:
    """Without the official plugin a stand-in is installed, and it is said why; the next command does not ask again for a day."""
    here = run(tmp_path, REFUSES)
    said: list[str] = []
    plugins.acquire(here, said.append)
    assert "stand-in" in said[-1]
    assert "no such host" in said[-1]
    plugins.acquire(here, said.append)
    assert len((tmp_path / ASKED).read_text().splitlines()) == 1
    assert plugins.which(here) == {"cmctl": "own 0.1.0", "cloudflare": f"stand-in {plugins.sdk_version('cloudflare')}"}


def test_the_stand_in_is_this_checkouts(tmp_path: Path) -> None:
    """A launcher that another checkout left is replaced at once, and the engine's caller says whose code runs."""
    here = run(tmp_path, REFUSES)
    plugins.acquire(here, lambda _: None)
    (launcher,) = (tmp_path / "home").rglob("pulumi-resource-cloudflare")
    wanted = launcher.read_text()
    assert f"${{CMCTL_ROOT:-{ROOT}}}" in wanted
    launcher.write_text(wanted.replace(str(ROOT), "/gone"))
    plugins.acquire(here, lambda _: None)
    assert launcher.read_text() == wanted
    assert os.access(launcher, os.X_OK)


def test_an_old_stand_in_gives_way(tmp_path: Path) -> None:
    """After a day the official plugin is asked for again, and takes the stand-in's place."""
    plugins.acquire(run(tmp_path, REFUSES), lambda _: None)
    (mark,) = (tmp_path / "home").rglob(plugins.MARK)
    os.utime(mark, (0, 0))
    (found,) = plugins.acquire(run(tmp_path, official(tmp_path)), lambda _: None)
    assert found.origin == "official"


def test_a_real_cloud_is_never_played(tmp_path: Path) -> None:
    """Where stand-ins are not allowed, a cloud that cannot be reached is an error (7), even if a stand-in lies there."""
    plugins.acquire(run(tmp_path, REFUSES), lambda _: None)
    with pytest.raises(Unreachable) as caught:
        plugins.acquire(run(tmp_path, REFUSES, stand_ins=False), lambda _: None)
    assert "no such host" in caught.value.why


def test_only_environments_that_are_no_cloud_may_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of kind cloud refuses stand-ins unless the operator rehearses on purpose."""
    monkeypatch.delenv(plugins.ALLOW, raising=False)
    local = environments.load("local")
    cloud = local.model_copy(update={"kind": "cloud"})
    assert plugins.stand_ins_allowed(local)
    assert not plugins.stand_ins_allowed(cloud)
    monkeypatch.setenv(plugins.ALLOW, "1")
    assert plugins.stand_ins_allowed(cloud)


def test_an_environment_needs_what_it_buys() -> None:
    """Containers and a local edge need no plugin but cmctl's own."""
    local = environments.load("local")
    assert plugins.packages(local) == ()
    assert plugins.packages(local.model_copy(update={"providers": Providers(database="atlas", edge="cloudflare")})) == (
        "mongodbatlas",
        "cloudflare",
    )


def test_a_missing_cli_says_how_to_get_it(tmp_path: Path) -> None:
    """Without the CLI the error names the command that brings it."""
    with pytest.raises(Unreachable, match="not at"):
        plugins.acquire(Run(tmp_path / "none", tmp_path), lambda _: None)


def test_the_docs_list_what_stand_ins_do_not_imitate() -> None:
    """docs/stand-ins.md speaks of every type that a stand-in plays."""
    text = (ROOT / "docs" / "stand-ins.md").read_text()
    from stacks.standin import table

    names = {token.rpartition(":")[2] for package in table.packages() for token in table.load(package).resources}
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()
