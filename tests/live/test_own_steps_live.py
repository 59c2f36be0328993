"""A platform's own journeys and steps, played by the generator and by plain Locust."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import GateRefused
from loadtests import run
from tests.live.generator_rig import ODD, ROOT, SHOP, plan, quiet, service

pytestmark = pytest.mark.live


def own_platform(folder: Path, journeys: str) -> None:
    """A platform called shop, which is Codementee's but for its journeys (and steps)."""
    shutil.copytree(ROOT / "phases" / "codementee", folder / "shop")
    for path in (folder / "shop").glob("*.yaml"):
        path.write_text(re.sub("^(name|platform): codementee$", r"\1: shop", path.read_text(), flags=re.MULTILINE))
    path = folder / "shop" / "platform.yaml"
    path.write_text(re.sub(r"^journeys:\n(?:(?:[ #].*)?\n)+", lambda _: journeys, path.read_text(), flags=re.MULTILINE))


def test_plain_locust_plays_a_platform_of_ones_own(tmp_path: Path) -> None:
    """Without a plan the journeys are those of the platform that CMCTL_PLATFORM names."""
    own_platform(tmp_path, 'journeys:\n  hit: {weight: 1, steps: ["GET /of/mine"], think_s: [0.1, 0.2], source: "mine"}\n')
    locust = str(Path(sys.executable).with_name("locust"))
    with service(ODD, "good") as (port, _):
        command = [
            locust,
            "-f",
            "loadtests/locustfile.py",
            "--headless",
            "-u",
            "2",
            "-r",
            "2",
            "-t",
            "2s",
            "--host",
            f"http://127.0.0.1:{port}",
        ]
        own = {"CMCTL_PLATFORM": "shop", "CMCTL_PLATFORMS": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **own})
    assert done.returncode == 0, done.stderr
    assert "GET /of/mine" in done.stderr
    assert "landing" not in done.stderr


OF_MY_OWN = """
steps:
  sign_in:
    post: /api/login
    json: {email: "{email}", password: "{password}"}
    keep: {token: access_token, session: "cookie:connect.sid"}
  catalogue: {get: "/api/products?page={user}", contains: '"page": "{user}"', keep: {product: "items.*.id"}}
  add:
    post: /api/cart
    json: {product: "{product}", many: 2}
    headers: {Authorization: "Bearer {token}"}
    expect: 201
    keep: {cart: "header:Location"}
  order:
    post: /api/orders
    form: {cart: "{cart}", note: two words & more}
    headers: {authorization: "Bearer token-{session}"}
    expect: [201, 302]
    contains: taken
journeys:
  buy: {weight: 1, steps: [sign_in, catalogue, add, order], think_s: [0.0, 0.1], source: mine}

"""


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`cmctl loadtest --json` of an own platform at a port, at 50 requests/s for 3 s, with a text of its file replaced."""

    def play(port: int, *more: str, old: str = "", new: str = "") -> subprocess.CompletedProcess[str]:
        assert old in OF_MY_OWN
        own_platform(tmp_path, OF_MY_OWN.replace(old, new) if old else OF_MY_OWN)
        own = {"CMCTL_PLATFORMS": str(tmp_path), "CMCTL_HOME": str(tmp_path / "home")}
        words = [
            "loadtest",
            "--platform",
            "shop",
            "--phase",
            "1",
            "--rate",
            "50",
            "--seconds",
            "3",
            "--url",
            f"http://localhost:{port}",
            "--json",
        ]
        command = [str(Path(sys.executable).with_name("cmctl")), *words, *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False, env={**os.environ, **own})

    return play


def test_steps_of_ones_own_are_played(shop: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """An own platform signs in, looks, adds to its cart and orders, by token and cookie: no request fails, reports name the requests and no value."""
    with service(SHOP) as (port, seen):
        done = shop(port, "--set", "password=of & all", "--report", str(tmp_path / "out"))
        there = seen()
    found = json.loads(done.stdout)
    names = {one["name"]: one["failed"] for one in found["measured"]["endpoints"]}
    assert (there["many_refused"], names) == (0, dict.fromkeys(
        ["GET /api/products?page={user}", "POST /api/cart", "POST /api/login", "POST /api/orders"], 0)), done.stderr  # fmt: skip
    assert there["orders"] > 60
    assert there["users"] >= there["orders"], "no cookie goes from one user to the next"
    assert "of & all" not in done.stdout + done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "result.json" for path in kept)
    assert [path for path in kept if b"of & all" in path.read_bytes()] == []
    print(f"\n{found['measured']['requests']} requests, {there['orders']} orders of {there['users']} users, 0 failed")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("expect: 201", "expect: 200", "at its step add: POST /api/cart answered 201"),
        ("contains: taken", "contains: refused", "its answer does not contain 'refused'"),
        ("token: access_token", "token: accessToken", 'its answer has no accessToken in its JSON; the answer was: {"access_token": "…"}'),
        ("cookie:connect.sid", "cookie:sid", "its answer has no cookie sid"),
        ('"{password}"', '"wrong-{password}"', "sign_in: POST /api/login answered 401"),
    ],
)
def test_a_wrong_expectation_is_refused_before_load(
    shop: Callable[..., subprocess.CompletedProcess[str]], old: str, new: str, says: str
) -> None:
    """What a step expects and one user does not get ends with exit 3 before any load, and says no value that was given."""
    with service(SHOP) as (port, seen):
        done = shop(port, "--set", "password=of & all", old=old, new=new)
        assert seen()["users"] <= 1
    assert done.returncode == 3, done.stderr
    assert says in done.stderr + done.stdout
    assert "of & all" not in done.stdout + done.stderr


def test_plain_locust_keeps_cookies_within_a_visit(tmp_path: Path) -> None:
    """In Locust's own way, too, a visit has its cookies and the next one has none of them."""
    own_platform(tmp_path, OF_MY_OWN.replace('"{password}"', '"of & all"'))
    locust = str(Path(sys.executable).with_name("locust"))
    with service(SHOP) as (port, seen):
        words = ["--headless", "-u", "2", "-r", "2", "-t", "3s", "--host", f"http://127.0.0.1:{port}"]
        own = {"CMCTL_PLATFORM": "shop", "CMCTL_PLATFORMS": str(tmp_path)}
        done = subprocess.run(
            [locust, "-f", "loadtests/locustfile.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **own}
        )  # fmt: skip
        there = seen()
    assert done.returncode == 0, done.stderr
    assert (there["many_refused"], there["orders"] > 5) == (0, True)
    assert there["users"] >= there["orders"]


def test_a_site_that_has_moved_is_no_success() -> None:
    """Redirects to another host are refused before load, with that host's name: they would measure nothing."""
    with service(SHOP, "moved") as (port, _), pytest.raises(GateRefused, match="GET / answered 301 to another host") as caught:
        run.smoke(plan(port), quiet)
    assert "www.example.org" in caught.value.why


def test_an_answer_that_is_too_long_is_given_up() -> None:
    """No more than 32 MB of an answer are read, and that is what the refusal says."""
    with service(SHOP, "large") as (port, seen):
        with pytest.raises(GateRefused, match="GET / answered more than 32 MB"):
            run.smoke(plan(port), quiet)
        assert seen()["refused"] == ["hung up"]
