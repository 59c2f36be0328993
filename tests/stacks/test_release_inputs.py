from __future__ import annotations

import json

from stacks.release_inputs import SECRET, join, split
from tests.stacks.specs import CANARY, spec


def test_a_release_comes_back_whole() -> None:
    """Taken apart for Pulumi and put together again, a release is the same one with the same id."""
    plain, secret = split(spec())
    back = join({**plain, SECRET: secret})
    assert back == spec()
    assert back.release_id() == spec().release_id()


def test_the_plain_part_holds_no_secret() -> None:
    """Previews may show the plain part: no secret file stands in it, and all of them stand in the other."""
    plain, secret = split(spec())
    assert CANARY not in json.dumps(plain)
    assert secret == {"app-1": {"secrets/JWT_SECRET": CANARY}, "app-2": {"secrets/JWT_SECRET": CANARY}}


def test_the_engines_own_keys_are_passed_over() -> None:
    """Pulumi may add keys that start with two underscores to inputs."""
    plain, secret = split(spec())
    assert join({**plain, SECRET: secret, "__defaults": []}) == spec()
