"""What the items read from a machine, and what they would do about it."""

from __future__ import annotations

import base64
import json

import pytest

from errors import CmctlError
from hosts.bootstrap import engine, services
from hosts.bootstrap.accounts import Directories, Users
from hosts.bootstrap.engine import Compose, Engine
from hosts.bootstrap.packages import Packages
from hosts.bootstrap.services import Services
from hosts.bootstrap.settings import Files, Swap, Sysctl
from hosts.bootstrap.sshd import Sshd
from layout.machine import Directory, Machine, User
from tests.hosts.bootstrap.machines import system, wanted

ONE, EDITED = b"one\n", b"edited"


def test_an_engine_that_somebody_chose_is_kept() -> None:
    """docker-ce serves as well as docker.io, chrony as well as timesyncd; a removed package is missing."""
    machine = Machine(packages=dict.fromkeys(("docker.io", "systemd-timesyncd", "curl"), "installed"))
    text = "docker-ce installed\nchrony installed\ncurl config-files\n"
    found = Packages().found(text, machine)
    assert found == {"docker.io": "installed", "systemd-timesyncd": "installed"}
    (step,) = Packages().steps(Machine(packages=found), machine, system())
    assert step.argv[4:] == ("curl",)
    assert step.long


def test_a_user_without_sudo_is_different() -> None:
    """Sudo with a password is not what a deploy without a person needs."""
    machine = Machine(users={"deploy": User(groups=("docker",), sudo=True)})
    assert Users().found("deploy no deploy docker\n", machine) == {"deploy": User(groups=("docker",), sudo=False)}
    right = Users().found("deploy yes deploy docker audio\n", machine)
    assert right == machine.users
    assert Users().steps(Machine(users=right), machine, system()) == []


def test_a_folder_with_another_mode_is_different() -> None:
    """Owner and mode of a folder are looked after; its content is not."""
    machine = Machine(directories={"/var/lib/cmctl": Directory(owner="root:root", mode="755")})
    found = Machine(directories=Directories().found("root:root 777 /var/lib/cmctl\n", machine))
    assert [step.argv[4:] for step in Directories().steps(found, machine, system())] == [("/var/lib/cmctl", "root:root", "755")]


def test_files_are_compared_whole() -> None:
    """A file reads back as it was written, and an edited one is written anew."""
    machine = Machine(files={"/etc/a": "one\n", "/etc/b": "two\n"})
    text = f"/etc/a {base64.b64encode(ONE).decode()}\n/etc/b {base64.b64encode(EDITED).decode()}\n"
    found = Machine(files=Files().found(text, machine))
    assert found.files == {"/etc/a": "one\n", "/etc/b": "edited"}
    assert [(step.argv[4], step.stdin) for step in Files().steps(found, machine, system())] == [("/etc/b", b"two\n")]


def test_kernel_settings_are_those_of_the_running_kernel() -> None:
    """Tabs between values are blanks; a setting that this kernel does not have is missing."""
    machine = Machine(sysctl={"net.ipv4.ip_local_port_range": "32768 60999", "vm.swappiness": "10", "no.such": "1"})
    found = Sysctl().found("net.ipv4.ip_local_port_range=32768\t60999\nvm.swappiness=60\nno.such=\n", machine)
    assert found == {"net.ipv4.ip_local_port_range": "32768 60999", "vm.swappiness": "60"}


@pytest.mark.parametrize(("there", "more"), [("0", ["2048"]), ("1024", ["1024"]), ("2047", []), ("8191", [])])
def test_swap_is_at_least_what_is_wanted(there: str, more: list[str]) -> None:
    """Missing swap is added; more than is wanted is somebody's choice."""
    machine = Machine(swap_mb=2048)
    found = Machine(swap_mb=Swap().found(f"{there}\n", machine))
    assert [step.argv[4] for step in Swap().steps(found, machine, system())] == more


def test_other_keys_of_the_engine_stay() -> None:
    """Only our keys of daemon.json are set; a registry that somebody configured survives."""
    there = {"insecure-registries": ["10.0.0.1:5000"], "userland-proxy": True}
    item, machine = Engine(), wanted()
    found = Machine(engine=item.found(base64.b64encode(json.dumps(there).encode()).decode(), machine))
    assert found.engine == {"userland-proxy": True}
    (step,) = item.steps(found, machine, system())
    assert json.loads(step.stdin or b"") == there | machine.engine


@pytest.mark.parametrize("text", ["", base64.b64encode(b"{ broken").decode(), base64.b64encode(b"[1]").decode()])
def test_engine_settings_that_cannot_be_read_are_none(text: str) -> None:
    """A missing, broken or foreign daemon.json has none of our keys."""
    assert Engine().found(text, wanted()) == {}


def test_compose_of_version_one_is_too_old() -> None:
    """The old docker-compose does not know what our files say."""
    assert Compose().found("1.29.2\n", wanted()) == "1"
    assert Compose().found("v2.24.6\n", wanted()) == "2"
    assert Compose().found("5.6.1\n", wanted()) == "2"


def test_compose_for_another_processor_is_not_brought() -> None:
    """cmctl's own binary does not run on another architecture: it says which package does."""
    other = system()
    with pytest.raises(CmctlError, match="riscv64"):
        Compose().steps(Machine(), wanted(), type(other)(**{**vars(other), "arch": "riscv64"}))


def test_a_service_restarts_when_its_file_is_written_in_the_same_run() -> None:
    """fail2ban that runs with an old jail is restarted in the run that writes the new one; what is right is left alone."""
    machine = wanted()
    right = machine.model_copy(update={"files": {**machine.files, services.machine_files.JAIL: "old"}})
    assert [step.what for step in Services().steps(right, machine, system())] == ["service fail2ban: running → running"]
    assert Services().steps(machine, machine, system()) == []


def test_an_engine_with_old_settings_is_restarted() -> None:
    """An engine whose settings are newer than its process is outdated: a restart that was cut off is made up for."""
    machine = wanted()
    found = machine.model_copy(update={"services": {**machine.services, "docker": "outdated"}})
    (step,) = Services().steps(found, machine, system())
    assert "LiveRestoreEnabled" in step.argv[2]
    assert engine.CONFIG in services.SERVICES["docker"].config


def test_sshd_says_its_settings_itself() -> None:
    """`sshd -T` is asked, so another file that wins over ours is seen."""
    machine = wanted()
    told = "".join(f"{key} {value}\n" for key, value in machine.sshd.items()) + "port 22\n"
    assert Sshd().found(told, machine) == machine.sshd
    found = Machine(sshd=Sshd().found(told.replace("passwordauthentication no", "passwordauthentication yes"), machine))
    steps = Sshd().steps(found, machine, system())
    assert [step.what for step in steps] == ["sshd: passwordauthentication", "sshd: read it anew"]
    assert all(step.risky for step in steps)


def test_root_with_a_key_goes_by_its_older_name() -> None:
    """sshd prints `without-password` for what its file calls prohibit-password."""
    machine = Machine(sshd={"permitrootlogin": "prohibit-password"})
    assert Sshd().found("permitrootlogin without-password\n", machine) == machine.sshd
