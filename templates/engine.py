"""Jinja: text only, no logic but a plain `if` and loops, and a missing name is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    # No autoescape: the output is configuration, not HTML; every value comes from a model with a strict pattern.
    return jinja2.Environment(  # noqa: S701 - see above
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )


def text(template: str, **view: Any) -> str:
    return _environment().get_template(template).render(**view)
