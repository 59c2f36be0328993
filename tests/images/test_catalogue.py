"""The catalogue is complete: every image has a way here without a registry, and every reference is a digest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from images.build import RECIPES, recipe
from images.catalogue import BASE_PACKAGES, BUSYBOX, CATALOGUE

NAMES = {"nginx", "redis", "prometheus", "node-exporter", "redis-exporter", "mongo", "backend", "frontend", "load-worker"}
DIGEST = re.compile(r"[a-z0-9.]+/[a-z0-9_/-]+:[\w.-]+@sha256:[0-9a-f]{64}")
README = (Path(__file__).parents[2] / "images" / "README.md").read_text(encoding="utf-8")


def test_the_catalogue_holds_every_image_a_phase_names() -> None:
    """Nine images, each under its own name."""
    assert set(CATALOGUE) == NAMES
    assert all(image.name == name for name, image in CATALOGUE.items())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_image_can_be_built_here(name: str) -> None:
    """Each has a recipe, which starts from a base, runs as a number that is not root, and needs no network."""
    text = recipe(CATALOGUE[name]).read_text(encoding="utf-8")
    assert "FROM ${BASE}" in text
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert not re.search(r"apt-get|pip |curl|https?:", text)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_reference_is_a_digest_or_a_reason(name: str) -> None:
    """A public image comes by digest; one without an upstream says why, and names the published base it is built on."""
    image = CATALOGUE[name]
    if image.upstream:
        assert DIGEST.fullmatch(image.upstream)
        assert not image.base
    else:
        assert image.why_local
        assert DIGEST.fullmatch(image.base)


def test_the_tools_are_a_digest_too() -> None:
    """What checks the health of images without a shell of their own comes by digest."""
    assert DIGEST.fullmatch(BUSYBOX)


def test_no_recipe_is_left_over() -> None:
    """Every recipe belongs to an image."""
    assert {path.name for path in RECIPES.iterdir()} == {f"{image.recipe}.Dockerfile" for image in CATALOGUE.values()}


def test_the_base_holds_what_the_recipes_start() -> None:
    """The base's packages are named once and sorted by nobody's taste but need: each program and the health check's client."""
    assert len(set(BASE_PACKAGES)) == len(BASE_PACKAGES)
    assert {"nginx-light", "redis-server", "prometheus", "prometheus-node-exporter", "prometheus-redis-exporter", "busybox", "wget"} <= set(
        BASE_PACKAGES
    )


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_readme_tells_how_each_image_is_started(name: str) -> None:
    """The page that compose files are written from has a row for every image."""
    assert re.search(rf"^\| {name} \| \d+:\d+", README, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_readme_and_the_recipe_name_one_user(name: str) -> None:
    """The user of the table is the user of the image."""
    said = re.search(rf"^\| {name} \| (\d+:\d+)", README, re.MULTILINE)
    assert said
    assert f"USER {said[1]}" in recipe(CATALOGUE[name]).read_text(encoding="utf-8")
