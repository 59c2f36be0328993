"""A certificate from an ACME authority (RFC 8555), proven over HTTP. The protocol is the `acme` library's, which certbot uses too."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import jwa, jwk

from errors import CmctlError, Unreachable

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
AGENT = "cmctl"
ANSWER_S = 20
ISSUE_S = 180
ATTEMPTS = 3
# Puts files (name → text) where the authority looks for them, and removes them again.
Show = Callable[[Mapping[str, str]], None]
Hide = Callable[[Sequence[str]], None]


def new_key() -> str:
    """A private key as PEM text, for an account or a certificate: P-256, which every authority and browser takes."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def issue(
    names: Sequence[str],
    key: str,
    account: str,
    show: Show,
    hide: Hide,
    *,
    directory: str = LETS_ENCRYPT,
    email: str = "",
    trust: Path | None = None,
) -> str:
    """The chain, as PEM text, of a new certificate for `names` with the private key `key`, for the holder of the key `account`.

    Raises Unreachable when the authority does not answer, CmctlError with its own words when it refuses.
    """
    try:
        return _patient(lambda: _issue(names, key, account, show, hide, directory, email, trust))
    except errors.ValidationError as error:
        raise CmctlError(
            "the authority does not see the proof it asked for",
            why="\n".join(_reasons(error)) or str(error),
            hint="each name has to lead to the load balancers, and port 80 has to be open there",
        ) from error
    except errors.TimeoutError as error:
        raise Unreachable(f"the authority did not decide within {ISSUE_S} s", hint="cmctl cert renew, once more") from error
    except (messages.Error, errors.Error) as error:
        raise CmctlError(
            "the authority gives no certificate", why=str(error), hint="correct what it says, then: cmctl cert renew"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise Unreachable(
            f"the authority {directory} cannot be reached", why=str(error), hint="tls: directory and trust say whom to ask"
        ) from error


def _patient(ask: Callable[[], str]) -> str:
    """The library asks once more when a nonce is refused; a busy authority may refuse the second one too."""
    for _ in range(ATTEMPTS - 1):
        try:
            return ask()
        except messages.Error as error:
            if error.code != "badNonce":
                raise
    return ask()


def _issue(names: Sequence[str], key: str, account: str, show: Show, hide: Hide, directory: str, email: str, trust: Path | None) -> str:
    logging.getLogger("acme").setLevel(logging.ERROR)
    holder = jwk.JWKEC(key=serialization.load_pem_private_key(account.encode(), None))
    network = client.ClientNetwork(holder, alg=jwa.ES256, user_agent=AGENT, timeout=ANSWER_S, verify_ssl=str(trust) if trust else True)  # type: ignore[arg-type]
    authority = client.ClientV2(client.ClientV2.get_directory(directory, network), network)
    _sign_in(authority, email)
    order = authority.new_order(_request(names, key))
    proofs = [(found, found.chall.validation(holder)) for found in map(_over_http, order.authorizations) if found is not None]
    answers = {found.chall.encode("token"): text for found, text in proofs}
    deadline = datetime.datetime.now() + datetime.timedelta(seconds=ISSUE_S)  # noqa: DTZ005 - the library compares with its own clock
    try:
        show(answers)
        for found, _ in proofs:
            authority.answer_challenge(found, found.chall.response(holder))
        return str(authority.poll_and_finalize(order, deadline).fullchain_pem)
    finally:
        hide(list(answers))


def _sign_in(authority: client.ClientV2, email: str) -> None:
    """The account of this key: made, and the authority's terms accepted, or found."""
    wanted = messages.NewRegistration.from_data(email=email or None, terms_of_service_agreed=True)
    try:
        authority.new_account(wanted)
    except errors.ConflictError as known:
        authority.query_registration(messages.RegistrationResource(body=messages.Registration(), uri=known.location))


def _over_http(found: messages.AuthorizationResource) -> messages.ChallengeBody | None:
    """The HTTP proof that is asked for one name; None when the authority has seen one lately. Raises CmctlError when there is none."""
    if found.body.status == messages.STATUS_VALID:
        return None
    for one in found.body.challenges:
        if isinstance(one.chall, challenges.HTTP01):
            return one
    raise CmctlError(
        f"the authority takes no proof over HTTP for {found.body.identifier.value}", hint="wildcards need a certificate from files"
    )


def _request(names: Sequence[str], key: str) -> bytes:
    private = serialization.load_pem_private_key(key.encode(), None)
    covered = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(covered, critical=False)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]


def _reasons(error: errors.ValidationError) -> list[str]:
    """What the authority says of each name."""
    return [
        f"{found.body.identifier.value}: {one.error.detail}"
        for found in error.failed_authzrs
        for one in found.body.challenges
        if one.error is not None
    ]
