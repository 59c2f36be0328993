"""Containers beside a release: who was placed, who was not, and who runs something else."""

from __future__ import annotations

import json

import yaml

from hosts.drift import FOREIGN, _row, judge, placed
from hosts.local import LocalConnection
from tests.hosts.machines import spec

PLACED = {"s-base-redis": "sha256:aa", "s-blue-app": "sha256:bb", "s-green-app": "sha256:bb"}


def compose(**services: str) -> str:
    return yaml.safe_dump({"services": {name: {"container_name": name, "image": image} for name, image in services.items()}})


def test_all_parts_of_a_release_are_placed() -> None:
    """Names and images come from the compose files that the hosts have, base and both slots."""
    files = {"base/compose.yaml": compose(redis="r@1"), "blue/compose.yaml": compose(app="a@1"), "base/nginx.conf": "services: [}"}
    assert placed(spec(files), "one") == {"redis": "r@1", "app": "a@1"}
    assert placed(spec({"base/compose.yaml": "services: {}\n"}), "one") == {}


def test_nobody_placed_it() -> None:
    """A container with our label and a name that no file has is foreign, in whatever part it says it is."""
    assert judge([("s-blue-evil", "x", "sha256:cc", "blue")], PLACED, {"base", "blue"}, {}) == {"s-blue-evil": FOREIGN}


def test_another_image_is_told_with_both() -> None:
    """A placed name that runs another image is told; the same image by its id, its reference or another name is right."""
    wrong = judge([("s-blue-app", "evil:1", "sha256:cc", "blue")], PLACED, {"base", "blue"}, {})
    assert wrong == {"s-blue-app": "runs evil:1, not sha256:bb"}
    for given, own in (("sha256:bb", "sha256:bb"), ("app:1.0", "sha256:bb")):
        assert judge([("s-blue-app", given, own, "blue")], PLACED, {"blue"}, {}) == {}
    by_name = {"s-blue-app": "app@sha256:99"}
    assert judge([("s-blue-app", "app:1", "sha256:bb", "blue")], by_name, {"blue"}, {"app@sha256:99": "sha256:bb"}) == {}


def test_the_slot_that_waits_may_be_older() -> None:
    """The idle slot keeps the release before, so its images are not judged; its names are."""
    rows = [("s-green-app", "old", "sha256:00", "green"), ("s-green-evil", "old", "sha256:00", "green")]
    assert judge(rows, PLACED, {"base", "blue"}, {}) == {"s-green-evil": FOREIGN}


def test_the_engine_s_lines_are_read() -> None:
    """A line of the engine holds four JSON values, whatever blanks and quotes stand in them."""
    labels = {"io.cmctl.part": "blue", "note": 'a "b" c'}
    line = " ".join(json.dumps(value) for value in ("/s-blue-app", "app: 1", "sha256:bb", labels))
    assert _row(line) == ("s-blue-app", "app: 1", "sha256:bb", "blue")


async def test_neighbours_are_left_alone(monkeypatch) -> None:
    """What ran before cmctl came, and what carries our label, is no stranger; anything else that runs is."""

    class Told(LocalConnection):
        async def run(self, argv, *, stdin=None, timeout_s=60):
            return await super().run(["printf", "%s", "neighbour legacy\nruns legacy nginx:1\nruns miner evil:2\n"])

    from hosts import drift

    assert await drift.strangers(Told("one")) == {"miner": "foreign: runs evil:2"}
