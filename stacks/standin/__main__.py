"""`python -m stacks.standin PACKAGE VERSION [engine address]`: a resource plugin that plays PACKAGE.

Kubernetes is played against a real API server, every other package with a cloud in a file, $CMCTL_CLOUDS/PACKAGE.json.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stacks.provider.engine_log import EngineLog
from stacks.provider.server import serve
from stacks.provider.service import Provider
from stacks.provider.tasks import Tasks
from stacks.standin.cloud import Cloud
from stacks.standin.resource import StandIn
from stacks.standin.table import load


def main() -> int:
    package, version = sys.argv[1:3]
    tasks = Tasks()
    if package == "kubernetes":
        from stacks.standin.kubernetes.provider import Kubernetes

        return serve(Kubernetes(version, tasks, EngineLog()), tasks)
    cloud = Cloud(Path(os.environ["CMCTL_CLOUDS"]) / f"{package}.json")
    resources = {token: StandIn(token, kind, cloud) for token, kind in load(package).resources.items()}
    return serve(Provider(resources, version, tasks, EngineLog()), tasks)


if __name__ == "__main__":
    os._exit(main())
