"""pyinfra and Ansible as one would use them for the same job: upload the same files to the same places, then compose up.

They come into a virtual environment of their own in cmctl's cache, with the versions that peers/requirements.txt pins.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments.home import cache
from hosts.paths import Paths
from hosts.state import State
from layout.release import ReleaseSpec
from tools.lab import Lab

FOLDER = Path(__file__).with_name("peers")
LOCK = FOLDER / "requirements.txt"
INSTALL_S, RUN_S = 900, 300


def programs(report: Callable[[str], None]) -> Path:
    """The folder of the peers' programs, installed on first use."""
    folder = cache() / "peers" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not (folder / "ready").exists():
        report(f"installing pyinfra and Ansible into {folder} (once)")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S)
        install = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(install, check=True, timeout=INSTALL_S)
        (folder / "ready").touch()
    return folder / "bin"


@dataclass(frozen=True)
class Peers:
    """Where the peers' programs are, and a folder for what they upload. They log in as cmctl does, by the lab's key and pins."""

    bin: Path
    folder: Path
    lab: Lab

    def stage(self, spec: ReleaseSpec) -> None:
        """Lay out what is to lie on each host: the files of the base part and of the slot that has the traffic."""
        shutil.rmtree(self.folder, ignore_errors=True)
        found = {name: self._host(spec, name) for name in spec.hosts}
        self._write(self.folder / "hosts.json", json.dumps({spec.hosts[name].address: self._pyinfra(one) for name, one in found.items()}))
        self._write(
            self.folder / "inventory.json",
            json.dumps({"all": {"hosts": {name: self._ansible(spec, name, one) for name, one in found.items()}}}),
        )

    def _host(self, spec: ReleaseSpec, name: str) -> dict[str, Any]:
        paths = Paths(spec.hosts[name].root, spec.stack)
        state = State.model_validate_json(self.lab.run(name, ["cat", paths.state]).out)
        release = paths.release(state.slots[state.live])
        places = {
            "base/secrets/": (f"{paths.base}/secrets", "0700"), "base/": (paths.base, "0755"),
            f"{state.live}/": (f"{release}/{state.live}", "0755"), "secrets/": (f"{release}/secrets", "0700"),
        }  # fmt: skip
        bundle, folders = spec.bundles[name], {}
        for path, text in sorted({**bundle.files, **bundle.secret_files}.items()):
            prefix = next((one for one in places if path.startswith(one)), None)
            if prefix is None:
                continue  # the other slot's
            source = self.folder / name / prefix.strip("/").replace("/", "-")
            folders[prefix] = {"source": str(source), "target": places[prefix][0], "mode": places[prefix][1]}
            self._write(source / path.removeprefix(prefix), text)
        projects = [
            {"name": f"{spec.stack}-{part}", "file": f"{places[f'{part}/'][0]}/compose.yaml"}
            for part in ("base", state.live) if f"{part}/compose.yaml" in bundle.files
        ]  # fmt: skip
        reloads = [["docker", "exec", one.container, *one.reload] for one in spec.ready if one.host == name and one.reload]
        return {"folders": list(folders.values()), "projects": projects, "reloads": reloads}

    def _pyinfra(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        login = {"ssh_user": self.lab.user, "ssh_key": str(self.lab.key), "ssh_known_hosts_file": str(self.lab.known_hosts)}
        return {**facts, **login, "ssh_strict_host_key_checking": "yes", "ssh_look_for_keys": False, "ssh_allow_agent": False}

    def _ansible(self, spec: ReleaseSpec, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        login = {"ansible_host": spec.hosts[name].address, "ansible_user": self.lab.user, "ansible_ssh_private_key_file": str(self.lab.key)}
        pins = f"-o UserKnownHostsFile={self.lab.known_hosts} -o StrictHostKeyChecking=yes"
        return {**facts, **login, "ansible_ssh_common_args": pins, "ansible_python_interpreter": "/usr/bin/python3"}

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def pyinfra(self) -> None:
        deploy = [str(self.bin / "pyinfra"), "-y", str(FOLDER / "pyinfra_hosts.py"), str(FOLDER / "pyinfra_deploy.py")]
        _run(deploy, self.folder, {"BENCH_FLEET": str(self.folder / "hosts.json")})

    def ansible(self) -> None:
        """All hosts at once, pipelining on, no facts gathered, the connection kept as by default."""
        own = {
            "ANSIBLE_HOME": str(self.folder.parent / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_NOCOLOR": "1",
        }
        _run([str(self.bin / "ansible-playbook"), "-i", str(self.folder / "inventory.json"), str(FOLDER / "site.yml")], self.folder, own)


def _run(argv: list[str], folder: Path, variables: Mapping[str, str]) -> None:
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
