"""The door to real hosts: calls into hosts/, and what they answer in the provider's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosts import bundles, checks, drift, observe, removal, transaction
from hosts.bootstrap import door as bootstrap
from hosts.events import Outcome, Report
from hosts.fleet import connect
from hosts.observe import Observed
from hosts.run import expected
from layout.machine import Machine
from layout.release import Bundle, ReleaseSpec, Target
from stacks.provider.door import Running

NUMBERS = ("memory_mb", "cpus")


class Hosts:
    async def apply(self, spec: ReleaseSpec, report: Report) -> Outcome:
        await drift.mend(spec)
        return await transaction.apply(spec, report)

    async def observe(self, spec: ReleaseSpec) -> Running | None:
        seen = await observe.observe(spec.stack, spec.hosts)
        settled = next((one for one in seen.values() if one.state is not None), None)
        if settled is None or settled.state is None:
            return None
        release = settled.state.release
        record = await bundles.stored(connect(spec.stack, spec.hosts)[settled.host], release)
        files = await observe.files(spec.stack, spec.hosts)
        odd = await drift.impostors(record)
        problems = {name: {**odd.get(name, {}), **_problems(record, seen).get(name, {})} for name in seen}
        problems = {name: wrong for name, wrong in problems.items() if wrong}
        return Running(with_files(record, files), release, settled.live if record.slotted else "", problems)

    async def remove(self, spec: ReleaseSpec, *, keep_volumes: bool) -> None:
        await removal.remove(spec.stack, spec.hosts, spec.network["name"], keep_volumes=keep_volumes)

    async def machine(self, name: str, target: Target, wanted: Machine) -> Machine:
        return await bootstrap.look(name, target, wanted)

    async def make(self, name: str, target: Target, wanted: Machine, report: Report) -> None:
        await bootstrap.make(name, target, wanted, report)

    async def strangers(self, name: str, target: Target) -> Mapping[str, str]:
        return await drift.strangers(bootstrap.connection(name, target))

    async def send_away(self, name: str, target: Target, names: list[str]) -> None:
        await drift.send_away(bootstrap.connection(name, target), names)

    async def facts(self, name: str, target: Target) -> Mapping[str, Any]:
        found = await checks.address_facts(connect("facts", {name: target})[name])
        return {key: int(value) if key in NUMBERS else value for key, value in found.items()}


def door() -> Hosts:
    return Hosts()


def with_files(record: ReleaseSpec, files: Mapping[str, Mapping[str, str]]) -> ReleaseSpec:
    """`record` with the files that really lie on the hosts; a missing host has none."""
    seen = {host: _bundle(bundle, files.get(host, {})) for host, bundle in record.bundles.items()}
    return record.model_copy(update={"bundles": seen})


def _bundle(known: Bundle, files: Mapping[str, str]) -> Bundle:
    secret = {path: text for path, text in files.items() if path in known.secret_files or path.startswith(("secrets/", "base/secrets/"))}
    return Bundle(files={path: text for path, text in files.items() if path not in secret}, secret_files=secret)


def _problems(record: ReleaseSpec, seen: Mapping[str, Observed]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, one in seen.items():
        if one.state is None:
            found[name] = {"cmctl": "nothing of this stack is on the host"}
            continue
        states = {container.name: "unhealthy" if "unhealthy" in container.status else container.state for container in one.containers}
        bad = {want: states.get(want, "missing") for want in sorted(expected(record, name, one.state)) if states.get(want) != "running"}
        if bad:
            found[name] = bad
    return found
