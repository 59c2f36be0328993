"""A host in memory: it understands the commands that hosts/ sends, with files, a clock and an engine of its own.

The scripts themselves are proven by the tests that run them in a real shell; here they stand for what they promise.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Sequence
from typing import Protocol

from hosts import detached, lease
from hosts.connection import Completed
from tests.hosts.fake_engine import OK, Engine, Traits

FAILED = Completed(1, "", "Input/output error")


class Fleet(Protocol):
    """What machines share: a clock, how versions behave, and whether a URL is answered below 400."""

    clock: float
    traits: dict[str, Traits]

    def answers(self, url: str) -> bool: ...


class Machine:
    def __init__(self, name: str, fleet: Fleet) -> None:
        self.name, self.fleet = name, fleet
        self.files: dict[str, str] = {}
        self.engine = Engine(self)

    def now(self) -> float:
        return self.fleet.clock

    def trait(self, version: str) -> Traits:
        return self.fleet.traits.get(version, Traits())

    def flags(self) -> list[str]:
        return self.listed("/root/st/live")

    def run(self, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        if argv[:2] == ["sh", "-c"]:
            return self.script(argv[3], list(argv[4:]), stdin)
        known: dict[str, Callable[[list[str]], Completed]] = {
            "docker": self.docker, "docker-compose": self.engine.compose, "rm": self.rm, "ls": self.ls, "mkdir": lambda _: OK,
            "date": lambda _: Completed(0, f"{self.now():.0f}\n", ""), "df": lambda _: Completed(0, "Filesystem\n/dev/x 1 1 9999 1% /\n", ""),
            "sha256sum": lambda _: self.sums(stdin.decode()),
        }  # fmt: skip
        return known[argv[0]](list(argv[1:]))

    def script(self, name: str, args: list[str], stdin: bytes) -> Completed:
        if name == "fenced":
            mine = args[0] in self.files and self.owner(args[0])[2] == args[1]
            return self.run(args[2:], stdin) if mine else Completed(lease.LOST, "", "")
        if name == "unpack":
            return self.unpack(args[0], stdin)
        known: Callable[[list[str], str], Completed] = getattr(self, f"sh_{name.replace('-', '_')}")
        return known(args, stdin.decode())

    def docker(self, argv: list[str]) -> Completed:
        if argv[0] == "exec" and "ask" in argv and not self.engine.down:
            return Completed(0, "\n".join(url for url in argv[argv.index("ask") + 1 :] if not self.fleet.answers(url)), "")
        return self.engine.docker(argv)

    # files
    def listed(self, folder: str) -> list[str]:
        return sorted({path.removeprefix(f"{folder}/").split("/")[0] for path in self.files if path.startswith(f"{folder}/")})

    def ls(self, argv: list[str]) -> Completed:
        return Completed(0, "\n".join(self.listed(argv[-1])), "")

    def rm(self, argv: list[str]) -> Completed:
        for target in argv[1:]:
            for path in [path for path in self.files if path == target or path.startswith(f"{target}/")]:
                del self.files[path]
        return OK

    def move(self, source: str, target: str) -> None:
        self.rm(["-rf", target])
        for path in [path for path in self.files if path.startswith(f"{source}/")]:
            self.files[target + path.removeprefix(source)] = self.files.pop(path)

    def sums(self, text: str) -> Completed:
        wanted = [line.split("  ", 1) for line in text.splitlines()]
        bad = [path for want, path in wanted if hashlib.sha256(self.files.get(path, "\0").encode()).hexdigest() != want]
        return Completed(int(bool(bad)), "".join(f"{path}: FAILED\n" for path in bad), "")

    # lease
    def owner(self, path: str) -> list[str]:
        """token, end, fence, owner, since, operation"""
        return self.files.get(path, "\n0\n0\n\n\n").split("\n")

    def sh_acquire(self, args: list[str], _: str) -> Completed:
        path, token, owner, operation, ttl, dead = args
        held = self.owner(path)
        if held[0] and held[0] not in {token, dead} and int(held[1]) > self.now():
            return Completed(lease.HELD, "\n".join((held[0], held[3], held[4], held[5])), "")
        fence = max(int(held[2]) + 1, int(self.now()))
        self.files[path] = "\n".join((token, str(int(self.now()) + int(ttl)), str(fence), owner, "since", operation))
        return Completed(0, f"{fence}\n", "")

    def sh_renew(self, args: list[str], _: str) -> Completed:
        path, token, ttl = args
        held = self.owner(path)
        if path not in self.files or held[0] != token:
            return Completed(lease.LOST, "", "")
        new = ["", "0"] if ttl == "0" else [token, str(int(self.now()) + int(ttl))]
        self.files[path] = "\n".join((*new, *held[2:]))
        return OK

    # small scripts
    def sh_write(self, args: list[str], text: str) -> Completed:
        self.files[args[0]] = text
        return OK

    def sh_settle(self, args: list[str], text: str) -> Completed:
        state, release, current, journal = args
        self.files |= {state: text, current: release}
        return self.rm(["-f", journal])

    def sh_flags(self, args: list[str], _: str) -> Completed:
        folder, wanted, kept = args
        self.files |= {f"{folder}/{flag}": "" for flag in wanted.split()}
        return self.rm(["-f", *(f"{folder}/{one}" for one in self.listed(folder) if one not in f"{wanted} {kept}".split())])

    def unpack(self, folder: str, data: bytes) -> Completed:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for entry in tar.getmembers():
                content = tar.extractfile(entry)
                self.files[f"{folder}/{entry.name}"] = content.read().decode() if content else ""
        return OK

    def sh_place(self, args: list[str], _: str) -> Completed:
        self.move(*args)
        return OK

    def sh_place_base(self, args: list[str], _: str) -> Completed:
        release, base = args
        wanted = {path.removeprefix(f"{release}/base/"): text for path, text in self.files.items() if path.startswith(f"{release}/base/")}
        changed = [path for path, text in wanted.items() if self.files.get(f"{base}/{path}") != text]
        self.rm(["-rf", base])
        self.files |= {f"{base}/{path}": text for path, text in wanted.items()}
        return Completed(0, "".join(f"./{path}\n" for path in changed), "")

    def sh_prune(self, args: list[str], _: str) -> Completed:
        return self.rm(["-rf", *(f"{args[0]}/{one}" for one in self.listed(args[0]) if one not in args[1].split())])

    def sh_ballast(self, args: list[str], _: str) -> Completed:
        self.files[args[0]] = "ballast"
        return OK

    def sh_port(self, args: list[str], _: str) -> Completed:
        return FAILED

    def sh_network(self, args: list[str], _: str) -> Completed:
        return OK

    sh_drop_network = sh_network

    def sh_down(self, args: list[str], _: str) -> Completed:
        self.engine.remove(args[0], volumes=args[1] == "volumes")
        return OK

    # detached runs: what is started runs to its end, whatever becomes of who started it
    def sh_start(self, args: list[str], _: str) -> Completed:
        done = self.run(args[1:])
        self.files[f"{args[0]}/rc"] = f"{done.code}\n{done.stdout}{done.stderr}"
        return OK

    def sh_poll(self, args: list[str], _: str) -> Completed:
        return Completed(0, self.files[f"{args[0]}/rc"], "") if f"{args[0]}/rc" in self.files else Completed(detached.UNDER_WAY, "", "")

    def sh_settled(self, args: list[str], _: str) -> Completed:
        return self.rm(["-rf", args[0]])
