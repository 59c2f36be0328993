"""`python -m stacks.provider`: the program behind stacks/provider/bin/pulumi-resource-cmctl."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from stacks.provider.door import door
from stacks.provider.engine_log import EngineLog
from stacks.provider.host import Host
from stacks.provider.password import Password
from stacks.provider.release import Release
from stacks.provider.resource import Resource
from stacks.provider.server import serve
from stacks.provider.service import Provider
from stacks.provider.tasks import Tasks


def main() -> int:
    # The state's passphrase is the engine's; programs that are started on this machine from here on shall not inherit it.
    os.environ.pop("PULUMI_CONFIG_PASSPHRASE", None)
    tasks, log = Tasks(), EngineLog()
    log.connect(sys.argv[1] if len(sys.argv) > 1 else "")
    resources: dict[str, Resource] = {
        "cmctl:index:Host": Host(door, tasks),
        "cmctl:index:Release": Release(door, tasks),
        "cmctl:index:Password": Password(),
    }
    return serve(Provider(resources, version("cmctl"), tasks, log), tasks)


if __name__ == "__main__":
    # Threads of gRPC may still wait for an engine that is gone; nothing of ours is left to do.
    os._exit(main())
