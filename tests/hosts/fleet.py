"""A fleet for fast tests: real shell, files and locks in one folder per host, and an engine that keeps containers as files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from errors import Unreachable
from hosts import rollback, transaction
from hosts.connection import Completed
from hosts.fleet import Host
from hosts.local import LocalConnection
from hosts.paths import Paths
from hosts.state import State
from layout.release import Bundle, Check, GateLimits, Probe, Ready, ReleaseSpec, Target

ENGINE = Path(__file__).with_name("docker.sh")
GATE = GateLimits(window_s=0, min_requests=20, error_ratio=0.01, p95_ms=200, ready_s=1, keep_warm_s=60, canary=(5,), canary_s=0)
BALANCERS = ("lb1", "lb2")


class FolderConnection(LocalConnection):
    """A host in a folder. `cut` makes it unreachable from the first call on that names that word."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.folder = folder
        self.cut: str | None = None

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        if self.cut is not None and self.cut in " ".join(argv):
            self.cut = ""
        if self.cut == "":
            raise Unreachable(f"{self.name} does not answer")
        engine = self.folder / "engines" / self.name
        given = f"export ENGINE='{engine}' ENGINES='{engine.parent}' PATH='{self.folder / 'bin'}:/usr/bin:/bin'\n"
        # A shell that is started anyway sets its environment itself: thousands of programs fewer.
        script, *rest = argv[2:] if tuple(argv[:2]) == ("sh", "-c") else ('exec "$@"', "given", *argv)
        return await super().run(["/bin/sh", "-c", given + script, *rest], stdin=stdin, timeout_s=timeout_s)

    async def read(self, path: str) -> str | None:
        if self.cut == "":
            raise Unreachable(f"{self.name} does not answer")
        return await super().read(path)


@dataclass
class Fleet:
    folder: Path
    names: tuple[str, ...] = ("app1", "app2", "lb1", "lb2")
    connections: dict[str, FolderConnection] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def made(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
        fleet = cls(folder)
        (folder / "bin").mkdir()
        for name in ("docker", "docker-compose"):
            (folder / "bin" / name).symlink_to(ENGINE)
        for name in fleet.names:
            (folder / "engines" / name).mkdir(parents=True)
            fleet.connections[name] = FolderConnection(name, folder)
        for module in (transaction, rollback):
            monkeypatch.setattr(module, "connect", fleet.connect)
        yield fleet
        # A slot that stays warm has a sleeper, which goes when the books have gone.
        for books in folder.glob("*/s/state.json"):
            books.unlink()

    def connect(self, stack: str, targets: dict[str, Target]) -> dict[str, Host]:
        return {
            name: Host(name, self.connections[name], Paths(str(self.folder / name), stack), ("docker-compose",)) for name in sorted(targets)
        }

    def hosts(self) -> dict[str, Host]:
        return self.connect("s", self.spec("x").hosts)

    def spec(self, version: str, base: str = "a", gate: GateLimits = GATE) -> ReleaseSpec:
        files = {name: self._files(name, version, base) for name in self.names}
        return ReleaseSpec(
            stack="s", version=version, hosts={name: Target(connection="local", address="127.0.0.1", root="/x") for name in self.names},
            bundles={name: Bundle(files=one, secret_files={"secrets/key": version}) for name, one in files.items()}, images={},
            network={"name": "n", "subnet": "10.0.0.0/24"}, balancers=BALANCERS,
            ready=tuple(Ready(host=name, container=f"{name}-base", command=("true",)) for name in self.names),
            checks={slot: tuple(Check(host=app, container=f"{app}-{slot}", asker_host="lb1", asker="lb1-base", url=f"http://{app}-{slot}/")
                                for app in ("app1", "app2")) for slot in ("blue", "green")},
            probes=tuple(Probe(host=name, balancer=f"{name}-base", url="http://127.0.0.1/", name="x.test") for name in BALANCERS), gate=gate,
        )  # fmt: skip

    @staticmethod
    def _files(name: str, version: str, base: str) -> dict[str, str]:
        files = {"base/compose.yaml": f"# {base}\nservices: {{a: {{image: {base}}}}}\n#container_name: {name}-base\n"}
        if name.startswith("app"):
            files |= {f"{slot}/compose.yaml": f"# {version}\ncontainer_name: {name}-{slot}\n" for slot in ("blue", "green")}
        return files

    def live(self) -> set[str]:
        """The releases that the balancers send traffic to, by what really runs: one in a whole fleet."""
        found = set()
        for name in BALANCERS:
            slot = "green" if (self.folder / name / "s" / "live" / "green").exists() else "blue"
            for app in ("app1", "app2"):
                state = self.state(app)
                running = self.engine(app).get(f"{app}-{slot}") == "running"
                found.add(state.slots.get(slot, "?") if state and running else "nothing")
        return found

    def engine(self, name: str) -> dict[str, str]:
        return {one.name: one.read_text().split()[3] for one in (self.folder / "engines" / name).iterdir()}

    def state(self, name: str) -> State | None:
        path = self.folder / name / "s" / "state.json"
        return State.model_validate(json.loads(path.read_text())) if path.exists() else None

    def lease_ends(self, name: str) -> None:
        """Thirty seconds pass on a host that could not be told that its lease is given back."""
        path = self.folder / name / "s" / "lease"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], "0", *lines[2:]]) + "\n")

    def journals(self) -> list[str]:
        return [name for name in self.names if (self.folder / name / "s" / "journal.json").exists()]
