"""Users and folders."""

from __future__ import annotations

import shlex

from hosts.bootstrap.model import Step, System, script
from layout.machine import Directory, Machine, User

USER = """
for user in {names}; do
  id "$user" > /dev/null 2>&1 || continue
  may=no; sudo -n -l -U "$user" 2>/dev/null | grep -q 'NOPASSWD: ALL' && may=yes
  echo "$user $may $(id -Gn "$user")"
done
"""
# $1 user, $2 groups (words), $3 yes where it may become root. A broken sudoers file locks everybody out, so it is checked first.
ENSURE = """
id "$1" > /dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
for group in $2; do getent group "$group" > /dev/null || groupadd --system "$group"; usermod -aG "$group" "$1"; done
[ "$3" = yes ] || exit 0
file=/etc/sudoers.d/90-cmctl-$1; new=$(mktemp /run/cmctl-sudoers.XXXXXX)
echo "$1 ALL=(ALL:ALL) NOPASSWD: ALL" > "$new"; chmod 440 "$new"
visudo -cqf "$new"; mv -fT "$new" "$file"
"""
FOLDER = 'mkdir -p "$1"; chown "$2" "$1"; chmod "$3" "$1"'


class Users:
    section = "users"

    def probe(self, wanted: Machine) -> str:
        return USER.format(names=shlex.join(wanted.users)) if wanted.users else ""

    def found(self, text: str, wanted: Machine) -> dict[str, User]:
        result = {}
        for name, may, *groups in (line.split() for line in text.splitlines()):
            asked = wanted.users[name]
            result[name] = User(groups=tuple(one for one in asked.groups if one in groups), sudo=may == "yes" and asked.sudo)
        return result

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        wrong = {name: user for name, user in wanted.users.items() if found.users.get(name) != user}
        return [
            script(f"user {name} in {', '.join(user.groups)}", ENSURE, name, " ".join(user.groups), "yes" if user.sudo else "no")
            for name, user in wrong.items()
        ]


class Directories:
    section = "directories"

    def probe(self, wanted: Machine) -> str:
        return f"stat -c '%U:%G %a %n' {shlex.join(wanted.directories)} 2>/dev/null" if wanted.directories else ""

    def found(self, text: str, wanted: Machine) -> dict[str, Directory]:
        del wanted
        rows = (line.split(" ", 2) for line in text.splitlines())
        return {path: Directory(owner=owner, mode=mode) for owner, mode, path in rows}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        return [
            script(f"folder {path}", FOLDER, path, one.owner, one.mode)
            for path, one in wanted.directories.items()
            if found.directories.get(path) != one
        ]
