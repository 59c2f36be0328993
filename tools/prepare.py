"""`make live`: what the live suites need is brought here first, so that no suite's time contains it."""

from __future__ import annotations

import sys

from errors import CmctlError
from tools import toolchain
from tools.container_engine import install_and_start


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    """The exit code: 0, or that of the error that is told."""
    try:
        install_and_start(say)
        for program in (toolchain.pulumi(say), toolchain.ferretdb(say)):
            say(f"{program.name}: {program}")
    except CmctlError as error:
        say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
