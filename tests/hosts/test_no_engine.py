"""What is said when a host's container engine does not answer."""

from __future__ import annotations

from hosts.connection import Connection
from hosts.local import LocalConnection, no_engine
from hosts.ssh import SshConnection
from layout.release import Target


def test_what_helps_is_on_that_machine() -> None:
    """Doctor mends this machine's engine; another host's is brought back by drift, or there by hand."""
    there: Connection = SshConnection("app1", Target(connection="ssh", address="203.0.113.11", root="/var/lib/cmctl"))
    errors = [no_engine(one, "refused") for one in (LocalConnection("local"), there)]
    assert [str(one.what) for one in errors] == [f"the container engine on {name} does not answer" for name in ("local", "app1")]
    assert [one.hint for one in errors] == ["cmctl doctor --fix", "cmctl drift --fix, or on app1: systemctl restart docker"]
    assert {one.why for one in errors} == {"refused"}
