"""Where things lie on a host, below one folder of the stack's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """`base/` is mounted into running containers, so its files are replaced one by one and the folder itself never moves."""

    root: str
    stack: str

    @property
    def folder(self) -> str:
        return f"{self.root}/{self.stack}"

    @property
    def base(self) -> str:
        return f"{self.folder}/base"

    @property
    def live(self) -> str:
        """The flag folder, mounted into the load balancer."""
        return f"{self.folder}/live"

    @property
    def acme(self) -> str:
        """Answers to a certificate authority, mounted into the load balancer."""
        return f"{self.folder}/acme"

    @property
    def lease(self) -> str:
        return f"{self.folder}/lease"

    @property
    def journal(self) -> str:
        return f"{self.folder}/journal.json"

    @property
    def state(self) -> str:
        return f"{self.folder}/state.json"

    @property
    def current(self) -> str:
        return f"{self.folder}/current"

    def release(self, release_id: str) -> str:
        return f"{self.folder}/releases/{release_id}"

    def run(self, name: str) -> str:
        return f"{self.folder}/runs/{name}"
