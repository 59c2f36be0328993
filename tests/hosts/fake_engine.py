"""Containers of a host in memory: what `docker` and `docker-compose` do to them, as far as hosts/ asks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hosts.connection import Completed

OK = Completed(0, "", "")


@dataclass
class Box:
    """One container. `text` is its service as compose read it; `labels` as the engine lists them."""

    project: str
    text: str
    version: str
    labels: dict[str, str]
    state: str = "running"


@dataclass
class Traits:
    """How a version behaves."""

    starts: bool = True
    ready: bool = True
    job: bool = True
    answers: bool = True
    errors: int = 0


class Surroundings(Protocol):
    """What an engine sees of its host: files, flags, the time; and how versions behave."""

    files: dict[str, str]

    def flags(self) -> list[str]: ...

    def now(self) -> float: ...

    def trait(self, version: str) -> Traits: ...


@dataclass
class Engine:
    """One host's containers."""

    host: Surroundings
    boxes: dict[str, Box] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=lambda: {"sha256:app"})
    down: bool = False

    def docker(self, argv: Sequence[str]) -> Completed:
        if self.down:
            return Completed(1, "", "Cannot connect to the Docker daemon")
        return {
            "version": lambda: Completed(0, "20.10\n", ""), "ps": self._ps, "image": lambda: self._images(argv[4:]),
            "volume": lambda: Completed(0, "\n".join(sorted(self.volumes)), ""), "exec": lambda: self._exec(argv[1], argv[2:]),
            "inspect": lambda: Completed(0, "exited, exit 1, restarts 0\n", ""), "logs": lambda: self._logs(argv[-1]),
            "run": lambda: Completed(1, "", "nginx: [emerg] broken") if any("broken" in one for one in self._texts(argv)) else OK,
        }[argv[0]]()  # fmt: skip

    def _texts(self, argv: Sequence[str]) -> list[str]:
        mounts = [argv[i + 1].split(":")[0] for i, word in enumerate(argv) if word == "-v"]
        return [self.host.files.get(f"{mount}/nginx.conf", "") for mount in mounts]

    def _ps(self) -> Completed:
        rows = [
            {"Names": name, "Image": "sha256:app", "State": box.state, "Status": box.state, "Ports": "",
             "Labels": ",".join(f"{key}={value}" for key, value in box.labels.items())}
            for name, box in self.boxes.items()
        ]  # fmt: skip
        return Completed(0, "\n".join(json.dumps(row) for row in rows), "")

    def _images(self, wanted: Sequence[str]) -> Completed:
        missing = [f"Error: No such image: {one}" for one in wanted if one not in self.images]
        return Completed(1, "", "\n".join(missing)) if missing else OK

    def _exec(self, container: str, command: Sequence[str]) -> Completed:
        box = self.boxes.get(container)
        if box is None or box.state != "running":
            return Completed(1, "", f"No such container: {container}")
        if "migrate" in command:
            return OK if self.host.trait(box.version).job else Completed(1, "the migration broke", "")
        if "--header" in command:
            serving = [one for one in self.boxes.values() if one.labels["io.cmctl.part"] == self.slot()]
            good = serving and all(one.state == "running" and self.host.trait(one.version).answers for one in serving)
            return OK if good else Completed(8, "", "502 Bad Gateway")
        return OK

    def slot(self) -> str:
        return "green" if "green" in self.host.flags() else "blue"

    def ready(self, container: str) -> bool:
        box = self.boxes.get(container)
        return box is not None and box.state == "running" and self.host.trait(box.version).ready

    def _logs(self, container: str) -> Completed:
        if "balancer" not in container:
            return Completed(0, "last words of the app\n", "")
        versions = {box.version for box in self.boxes.values() if box.labels["io.cmctl.part"] == self.slot()}
        bad = max((self.host.trait(version).errors for version in versions), default=0)
        line = {"msec": self.host.now() + 1, "status": 500, "request_time": 0.1, "slot": self.slot(), "client": "10.0.0.9"}
        return Completed(0, "\n".join([json.dumps(line)] * bad), "")

    def compose(self, argv: Sequence[str]) -> Completed:
        file = argv[argv.index("-f") + 1]
        text = self.host.files.get(file)
        if text is None:
            return Completed(1, "", f"no such file: {file}")
        if "up" not in argv:
            return OK
        project = argv[argv.index("-p") + 1]
        services = json.loads(text)["services"]
        wanted = {one["container_name"]: one for one in services.values()}
        for name in [name for name, box in self.boxes.items() if box.project == project and name not in wanted]:
            del self.boxes[name]
        for name, one in wanted.items():
            if not self.host.trait(one["version"]).starts:
                return Completed(1, f"Container {name} Error", "")
            if name not in self.boxes or self.boxes[name].text != str(one) or self.boxes[name].state != "running":
                labels = {"io.cmctl.stack": project.rpartition("-")[0], "io.cmctl.part": project.rpartition("-")[2]}
                self.boxes[name] = Box(project, str(one), one["version"], labels)
            self.volumes |= set(one.get("volumes", ()))
        return OK

    def remove(self, project: str, *, volumes: bool) -> None:
        self.boxes = {name: box for name, box in self.boxes.items() if box.project != project}
        if volumes:
            self.volumes.clear()
