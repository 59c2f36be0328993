"""The certificate of an environment, where it stands on the hosts: looked at, renewed, brought there. Nothing is restarted for it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from environments import certificates
from environments import home as homes
from environments import load as environments
from environments.certificates import Certificate
from environments.model import Environment
from errors import BadInput, CmctlError
from hosts import door
from layout.place import place
from layout.release import Target
from phases import load as platforms
from phases.load import Loaded
from templates import names, release

Report = Callable[[str], None]


@dataclass(frozen=True)
class Doors:
    """Everything of an environment that answers with its certificate: stack → hosts. `names` is what it has to cover."""

    platform: str
    environment: Environment
    names: tuple[str, ...]
    stacks: dict[str, dict[str, Target]]


@dataclass(frozen=True)
class Used:
    """One host's certificate. `problems` is empty when clients take it; `due`: it is time for a new one."""

    stack: str
    host: str
    names: tuple[str, ...]
    ends: datetime.datetime
    issuer: str
    due: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Renewed:
    """`hosts` got another certificate, as `stack host`; `ends` is when it ends. `issued`: an authority gave a new one just now."""

    issued: bool
    ends: datetime.datetime
    hosts: tuple[str, ...] = field(default=())


def doors(platform: str, environment: str) -> Doors:
    """Every stack of compose phases, and the edge, that holds the certificate. Raises BadInput for wrong names."""
    loaded, where = platforms.load(platform), environments.load(environment)
    return Doors(platform, where, names.all_domains(loaded.platform, where), dict(_stacks(loaded, where)))


def _stacks(loaded: Loaded, environment: Environment) -> Iterator[tuple[str, dict[str, Target]]]:
    everything = loaded.phases.values()
    for phase in everything:
        if phase.runtime != "compose":
            continue
        with suppress(BadInput):  # a phase that this environment cannot hold stands nowhere in it
            for layer in (f"phase{phase.number}", "edge"):
                layout = place(loaded.platform, phase, environment, layer, everything)
                hosts = {one.host for one in (*layout.all("balancer"), *layout.all("edge"))}
                if hosts:
                    yield layout.stack, {host: release.target(layout, host, homes.home()) for host in sorted(hosts)}


def status(platform: str, environment: str) -> list[Used]:
    """What each host answers with."""
    found = doors(platform, environment)
    now = datetime.datetime.now(datetime.UTC)
    return [_used(found, stack, host, text, now) for stack, host, text in _held(found)]


def _held(found: Doors) -> list[tuple[str, str, str]]:
    """(stack, host, chain and key) for every host that has one."""
    return [(stack, host, text) for stack, hosts in found.stacks.items() for host, text in door.certificates_now(stack, hosts).items()]


def _used(found: Doors, stack: str, host: str, text: str, now: datetime.datetime) -> Used:
    one = certificates.pair(text)
    leaf = x509.load_pem_x509_certificates(one.chain.encode())[0]
    covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    problems = certificates.problems(one.chain, one.key, found.names, now)
    if found.environment.tls.origin == "acme" and certificates.is_stopgap(found.environment, one.chain):
        problems.append("a stop-gap that no browser trusts")
    return Used(
        stack,
        host,
        tuple(covered),
        leaf.not_valid_after_utc,
        leaf.issuer.rfc4514_string(),
        certificates.due(one.chain, now),
        tuple(problems),
    )


def adopt(found: Doors) -> None:
    """Keep here what the hosts have from the ACME authority, if it lasts longer: a colleague may have renewed it."""
    now, home = datetime.datetime.now(datetime.UTC), homes.home()
    best = certificates.kept(found.environment, home)
    for _, _, text in _held(found):
        one = certificates.pair(text)
        if certificates.is_stopgap(found.environment, one.chain) or certificates.problems(one.chain, one.key, found.names, now):
            continue
        if best is None or _ends(one) > _ends(best):
            best = one
            certificates.keep(found.environment, home, one)


def _ends(one: Certificate) -> datetime.datetime:
    return x509.load_pem_x509_certificates(one.chain.encode())[0].not_valid_after_utc


def current(platform: str, environment: Environment, wanted: Sequence[str]) -> Certificate:
    """The certificate for a deploy; what ACME gave is asked of the hosts first."""
    if environment.tls.origin == "acme":
        adopt(doors(platform, environment.name))
    return certificates.certificate(environment, wanted, homes.home())


def renew(platform: str, environment: str, report: Report, *, force: bool = False) -> Renewed:
    """A new certificate when it is time (or by force), on every host that uses one. Same state, nothing to do.

    Raises CmctlError when no load balancer stands that could prove anything to the authority, or the authority refuses.
    """
    found = doors(platform, environment)
    issued = found.environment.tls.origin == "acme" and _renewed(found, report, force=force)
    one = certificates.certificate(found.environment, found.names, homes.home())
    text = one.chain + one.key
    hosts: list[str] = []
    for stack in sorted({stack for stack, _, other in _held(found) if other != text}):
        report(f"bringing it to {stack}")
        hosts += [f"{stack} {host}" for host in door.deliver_now(stack, found.stacks[stack], text)]
    return Renewed(issued, _ends(one), tuple(hosts))


def _renewed(found: Doors, report: Report, *, force: bool) -> bool:
    """Have a new certificate issued and keep it, unless the one there is lasts. Its key stays, so that no handshake meets half a pair."""
    # The client takes a fifth of a second: it loads where a certificate is asked for.
    from hosts import acme

    adopt(found)
    home, tls, now = homes.home(), found.environment.tls, datetime.datetime.now(datetime.UTC)
    old = certificates.kept(found.environment, home)
    fine = old is not None and not certificates.problems(old.chain, old.key, found.names, now) and not certificates.due(old.chain, now)
    if fine and not force:
        return False
    report(f"asking {tls.directory or acme.LETS_ENCRYPT} for {', '.join(found.names)}")
    key = old.key if old else acme.new_key()
    account = certificates.account(found.environment, home, acme.new_key)
    chain = acme.issue(
        found.names, key, account, lambda answers: _show(found, answers), lambda tokens: _hide(found, tokens),
        directory=tls.directory or acme.LETS_ENCRYPT, email=tls.email or "", trust=Path(tls.trust).expanduser() if tls.trust else None,
    )  # fmt: skip
    problems = certificates.problems(chain, key, found.names, datetime.datetime.now(datetime.UTC))
    if problems:
        raise CmctlError("the authority's certificate is of no use", why="; ".join(problems))
    certificates.keep(found.environment, home, Certificate(chain, key))
    return True


def _show(found: Doors, answers: Mapping[str, str]) -> None:
    able = [host for stack, hosts in found.stacks.items() for host in door.answer_now(stack, hosts, answers)]
    if not able:
        raise CmctlError(
            "no load balancer stands that could answer the authority", why="it looks for its proof on port 80 of each name",
            hint=f"cmctl deploy --env {found.environment.name}, with a stop-gap; then cmctl cert renew --env {found.environment.name}",
        )  # fmt: skip


def _hide(found: Doors, tokens: Sequence[str]) -> None:
    for stack, hosts in found.stacks.items():
        door.forget_now(stack, hosts, tokens)
