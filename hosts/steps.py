"""The steps of a release, one function each. A step acts on all hosts and answers with a sentence; it fails by a CmctlError."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping

from errors import CmctlError
from hosts import bundles, checks, containers, detached, flags, handover
from hosts import watch as watching
from hosts.connection import output
from hosts.events import StepEvent
from hosts.fleet import Host, each
from hosts.recovery import finish
from hosts.run import Run, entry
from layout import live
from layout.release import Check, Command, Probe, Ready

BASE_READY_S = 60
READY_POLL_S = 0.25
PROBES = 3
PROBE_S = 5
# How long after its time a canary step ends by itself when the controller does not.
CANARY_GRACE_S = 5
# Heard by the balancers' probe port alone.
SLOT_HEADER = "X-Cmctl-Slot"
# wget ends with 1 when the answer is 4xx or 5xx or none comes
ASK = 'for url in "$@"; do wget -q -t 1 -T 3 -O /dev/null "$url" || echo "$url"; done'
NOT_RUNNING = re.compile(r"is not running|is restarting", re.IGNORECASE)
NGINX_TEST = ("nginx", "-t", "-q", "-e", "/dev/stderr", "-c", "/etc/cmctl/nginx/nginx.conf")


async def check(run: Run) -> str:
    await checks.check(run.hosts, run.spec)
    return "disk, engine and ports are as needed"


async def images(run: Run) -> str:
    """Every host has the images that its containers run; what is missing comes from a registry or from this machine."""
    from hosts import transfer  # noqa: PLC0415 - brings the SSH client, which a reader of hosts does not need

    wanted = {name: bundles.images(bundle) for name, bundle in run.spec.bundles.items()}
    sent = await transfer.images(run.hosts, wanted, lambda text: run.report(StepEvent("images", 0, 0, "note", text)))
    some = {name: one for name, one in sent.items() if one.layers}
    parts = [f"{name} {one.layers} layers, {one.bytes / 1e6:.1f} MB in {one.seconds:.1f} s" for name, one in some.items()]
    return "; ".join(parts) or "all there"


async def upload(run: Run) -> str:
    await each(run.hosts, lambda host: bundles.upload(host, run.lease, run.spec, run.release))
    return f"{sum(len(bundle.files) + len(bundle.secret_files) for bundle in run.spec.bundles.values())} files"


async def validate(run: Run) -> str:
    """The real nginx and the real compose read the new files before anything runs with them."""
    await each(run.hosts, lambda host: _validate(run, host))
    return "compose and nginx accept the files"


async def _validate(run: Run, host: Host) -> None:
    folder = f"{host.paths.release(run.release)}/base"
    files = run.spec.bundles[host.name].files
    if "base/compose.yaml" in files:
        await output(host.connection, [*host.compose, "-f", f"{folder}/compose.yaml", "config", "-q"], what="docker compose config")
    for name in sorted({path.split("/")[1] for path in files if path.endswith("/nginx.conf")}):
        mounts = ["-v", f"{folder}/{name}:/etc/cmctl/nginx:ro"]
        limits = ["--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--pull", "never"]  # noqa: S108 - in the container
        command = ["docker", "run", "--rm", *limits, *mounts, "--entrypoint", NGINX_TEST[0], run.spec.images["nginx"], *NGINX_TEST[1:]]
        await output(host.connection, command, what=f"nginx -t on the new {name}/nginx.conf")


async def base(run: Run) -> str:
    """The containers that are never in a slot: only what differs is touched; configuration alone is a reload."""
    changed = await each(run.hosts, lambda host: _base(run, host))
    await base_ready(run)
    files = sorted({path for paths, _ in changed.values() for path in paths})
    handed = [said for _, said in changed.values() if said]
    return "; ".join([f"changed: {', '.join(files)}" if files else "as declared", *handed])


async def _base(run: Run, host: Host) -> tuple[list[str], str]:
    """The files that changed, and what happened to the balancer's entrance."""
    await containers.ensure_network(host, run.spec.network["name"], run.spec.network["subnet"])
    # A balancer that is new to the fleet must not send anybody to the idle slot.
    known = run.former[host.name] is not None or run.first or host.name not in run.spec.balancers
    await flags.write(host, run.lease, run.before[host.name] if known else live.flags(run.live))
    await host.connection.run(["mkdir", "-p", host.paths.acme])
    before = {one.name for one in await containers.listed(host, run.spec.stack) if one.state == "running"}
    changed = await bundles.place_base(host, run.lease, run.release)
    said = await handover.up(host, run.lease, run.spec) if "base/compose.yaml" in run.spec.bundles[host.name].files else ""
    fresh = {run.spec.reliefs[host.name].stands_for} if said else set()
    await reload(run.spec.ready, host, changed, before - fresh)
    return changed, said


async def reload(ready: tuple[Ready, ...], host: Host, changed: list[str], before: set[str]) -> None:
    """Make containers that were running before read their changed files anew. Raises CmctlError when one goes on with its former ones."""
    folders = {path.split("/")[0] for path in changed if "/" in path}
    for one in ready:
        name = next((folder for folder in folders if one.container.endswith(f"-base-{folder}")), None)
        if one.host == host.name and one.reload and name and one.container in before:
            done = await containers.inside(host, one.container, one.reload)
            # One that has just ended reads its files when it starts again, and has to get ready in any case.
            if done.code and not NOT_RUNNING.search(done.stderr):
                lines = await containers.last_lines(host, one.container)
                raise CmctlError(f"{one.container} did not take its new files", why=f"{done.stderr.strip()}\n{lines}")


async def base_ready(run: Run) -> None:
    end = time.monotonic() + BASE_READY_S
    waiting = list(run.spec.ready)
    while waiting:
        answers = await asyncio.gather(*(containers.inside(run.hosts[one.host], one.container, one.command) for one in waiting))
        failed = [(one, answer) for one, answer in zip(waiting, answers, strict=True) if answer.code]
        waiting = [one for one, _ in failed]
        if waiting and time.monotonic() > end:
            one, answer = failed[0]
            lines = await containers.last_lines(run.hosts[one.host], one.container)
            said = f"{' '.join(one.command)}: exit {answer.code} {answer.stderr.strip()}"
            raise CmctlError(f"{one.container} is not ready after {BASE_READY_S} s", why=f"{said}\n{lines}")
        if waiting:
            await asyncio.sleep(READY_POLL_S)


async def start(run: Run) -> str:
    await each(run.hosts, lambda host: _start(run, host))
    return f"slot {run.slot}"


async def _start(run: Run, host: Host) -> None:
    if f"{run.slot}/compose.yaml" in run.spec.bundles[host.name].files:
        await containers.up(host, run.lease, f"{run.spec.stack}-{run.slot}", f"{host.paths.release(run.release)}/{run.slot}/compose.yaml")


async def ready(run: Run) -> str:
    """Every instance of the new slot answers its ready path, asked from the load balancer's place."""
    limit = run.spec.gate.ready_s
    begun = time.monotonic()
    waiting = run.spec.checks[run.slot]
    while waiting:
        waiting = await silent(run.hosts, waiting)
        dead = await _dead(run, waiting)
        if waiting and (dead or time.monotonic() - begun > limit):
            one = dead or waiting[0]
            why = await containers.last_lines(run.hosts[one.host], one.container)
            raise CmctlError(
                f"{one.container} never got ready ({time.monotonic() - begun:.0f} s of {limit} s)",
                why=why,
                read="runbooks/app-not-ready.md",
            )
        if waiting:
            await asyncio.sleep(READY_POLL_S)
    return f"{len(run.spec.checks[run.slot])} instances after {time.monotonic() - begun:.1f} s"


async def silent(hosts: Mapping[str, Host], wanted: tuple[Check, ...]) -> tuple[Check, ...]:
    """Those of `wanted` that do not answer; one question per asking container, all askers at once."""

    async def ask(host: str, asker: str) -> set[tuple[str, str]]:
        urls = [one.url for one in wanted if (one.asker_host, one.asker) == (host, asker)]
        done = await hosts[host].connection.run(["docker", "exec", asker, "sh", "-c", ASK, "ask", *urls], timeout_s=5 + 4 * len(urls))
        return {(asker, url) for url in (urls if done.code else done.stdout.split())}

    askers = sorted({(one.asker_host, one.asker) for one in wanted})
    failed = set().union(*await asyncio.gather(*(ask(host, asker) for host, asker in askers)))
    return tuple(one for one in wanted if (one.asker, one.url) in failed)


async def _dead(run: Run, waiting: tuple[Check, ...]) -> Check | None:
    """An instance that has ended or keeps restarting will not get ready any more."""
    for host in {one.host for one in waiting}:
        states_now = {one.name: one for one in await containers.listed(run.hosts[host], run.spec.stack)}
        for one in waiting:
            found = states_now.get(one.container)
            if one.host == host and found and found.state in {"exited", "dead", "restarting"}:
                return one
    return None


async def jobs_before(run: Run) -> str:
    return await _jobs(run, "before-switch")


async def jobs_after(run: Run) -> str:
    return await _jobs(run, "after-switch")


async def _jobs(run: Run, when: str) -> str:
    wanted = [command for command in run.spec.commands if command.when == when]
    for command in wanted:
        await _job(run, command)
    return ", ".join(command.name for command in wanted) or "none declared"


async def _job(run: Run, command: Command) -> None:
    container = f"{run.spec.stack}-{run.slot}-{command.instance}"
    argv = ["docker", "exec", container, *command.command]
    try:
        await detached.run(run.hosts[command.host], run.lease, f"job-{command.name}", argv, command.timeout_s)
    except CmctlError as error:
        raise CmctlError(
            f"job {command.name} failed", why=error.why or error.what, hint="mend the job; it must suit the old and the new version"
        ) from error


async def probe(run: Run) -> str:
    """Requests of our own to the new slot through every load balancer, before any user's."""
    await asyncio.gather(*(_probe(run, one) for one in run.spec.probes for _ in range(PROBES)))
    return f"{len(run.spec.probes) * PROBES} requests answered"


async def _probe(run: Run, one: Probe) -> None:
    host = run.hosts[one.host]
    headers = ["--header", f"Host: {one.name}", "--header", f"{SLOT_HEADER}: {run.slot}"]
    command = ["wget", "-q", "-t", "1", "-T", str(PROBE_S), *headers, "-O", "/dev/null", one.url]
    done = await containers.inside(host, one.balancer, command)
    if done.code:
        lines = await containers.last_lines(host, one.balancer, 5)
        raise CmctlError(
            f"{one.url} for {one.name} is not answered well by the new version through {one.balancer}",
            why=f"{done.stderr.strip()}\n{lines}\nno user had been sent to it",
        )


async def canary(run: Run, share: int) -> str:
    """Some of the users go to the new slot, and the gate looks at them beside the others."""
    # First the guard: a step that nobody would end must not begin.
    flag = live.canary(run.slot, share)
    await asyncio.gather(*(flags.guard(host, run.lease, flag, run.spec.gate.canary_s + CANARY_GRACE_S) for host in run.flagged()))
    await _set_flags(run, live.flags(run.live, run.slot, share))
    return f"{share} % to {run.slot}: {await _judged(run, run.spec.gate.canary_s)}"


async def switch(run: Run) -> str:
    wanted = live.flags(run.slot) if run.spec.slotted else run.spec.flags
    await _set_flags(run, wanted)
    run.moved_s = time.monotonic() - run.started
    return f"traffic goes to {run.slot if run.spec.slotted else ', '.join(wanted)}"


async def _set_flags(run: Run, wanted: tuple[str, ...]) -> None:
    await asyncio.gather(*(flags.write(host, run.lease, wanted) for host in run.flagged()))


async def watch(run: Run) -> str:
    return await _judged(run, run.spec.gate.window_s)


async def _judged(run: Run, window_s: float) -> str:
    """Watch the new slot; its evidence. Raises CmctlError when the gate says no."""
    verdict = await watching.watch(run.balancers(), run.slot, run.spec.gate, window_s)
    run.evidence = verdict.evidence
    if verdict.answer == "fail":
        why = f"within {window_s:g} s on slot {run.slot}; {verdict.failed} requests of users were hurt"
        raise CmctlError(f"the gate says no: {verdict.evidence}", why=why)
    if verdict.answer == "unknown":
        run.evidence += "; judged by its own probes"
    return run.evidence


async def passed(run: Run) -> str:
    """From here on an interrupted release is finished, not taken back."""
    return run.release


async def settle(run: Run) -> str:
    """The new truth on every host; the former slot stays warm for the way back."""
    await finish(run.hosts, run.lease, {name: entry(run, name, "settle", passed=True) for name in run.hosts}, base=False)
    warm = [slot for one in run.former.values() if one for slot in one.slots if slot != run.slot]
    return f"{run.release} is current" + (f"; {warm[0]} stays warm for {run.spec.gate.keep_warm_s} s" if warm and run.slotted else "")
