# SPDX-License-Identifier: BSD-3-Clause
"""Who has signed a content: each signature verified, offline, by what the policy holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core.errors import Refused, UserError
from core.problems import Problem
from trust.consent.documents import Signature, Signed, digest, payload
from trust.identity import recognition, snapshots, tokens
from trust.identity.tokens import SKEW, Claims, Token
from trust.policy import Origin, TrustPolicy
from trust.policy.issuers import Issuer
from trust.programs import gnupg

BAD: Final = "signature-bad"


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody of the policy who has signed, and when, as the signature says."""

    by: str
    name: str
    roles: tuple[str, ...]
    facility: str
    given: datetime


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose a PGP key is."""

    name: str
    fingerprint: str
    key_file: Path
    roles: tuple[str, ...]
    facility: str
    is_current: Callable[[datetime], bool]


def hear(
    signed: Signed, policy: TrustPolicy, *, at: datetime
) -> tuple[tuple[Voice, ...], list[Problem]]:
    """Return who has signed a file, each once, and what is wrong with its signatures.

    Args:
        signed: the file.
        policy: whose signatures there can be.
        at: now; nothing is signed later than that.
    """
    heard: dict[str, Voice] = {}
    problems: list[Problem] = []
    for signature in signed.signatures:
        try:
            voice = hear_one(signed.content, signature, policy, what=signed.file.name)
            if voice.given > at + SKEW:
                raise Refused(
                    f"{voice.name} is to have signed on {voice.given:%Y-%m-%d}, later than now"
                )
        except UserError as err:
            problems.append(Problem(signature.where, BAD, err.message, hint=err.hint))
            continue
        heard.setdefault(voice.name, voice)
    return tuple(heard.values()), problems


def hear_one(
    content: Mapping[str, Any], signature: Signature, policy: TrustPolicy, *, what: str
) -> Voice:
    """Return who has made one signature of a content; `what` names it.

    Raises:
        Refused: nobody of the policy has, or it is of something else.
    """
    if signature.kind == "pgp" and signature.signature is not None:
        package = content["package"]
        return _by_key(payload(content), signature.signature, policy, package=package, what=what)
    if signature.kind == "oidc" and signature.issuer is not None and signature.token is not None:
        return _by_token(digest(content), signature.issuer, Token(signature.token), policy)
    raise Refused("a signature of the kind pgp has `signature`, one of oidc `issuer` and `token`")


def binding(issuer: Issuer, sha256: str) -> str:
    """Return the audience of a token that signs the content with this sha256."""
    return f"{issuer.audience}:{sha256}"


def check_binding(issuer: Issuer, claims: Claims, sha256: str) -> None:
    """Refuse a token that was not made for this very content.

    Raises:
        Refused: its audience and its nonce name something else.
    """
    by_nonce = claims.audience == issuer.audience and claims.of("nonce") == (sha256,)
    if claims.audience != binding(issuer, sha256) and not by_nonce:
        raise Refused(
            f"the token was not made for this content: its audience is {claims.audience[:200]!r}",
            hint=f"ask for a token with the audience {binding(issuer, sha256)}, or log in with the "
            f"nonce {sha256}",
        )


def _by_key(
    payload: bytes, signature: str, policy: TrustPolicy, *, package: str, what: str
) -> Voice:
    holders = _holders(policy, package)
    good = gnupg.verify_detached(
        payload, signature.encode(), public_keys=[each.key_file for each in holders], what=what
    )
    holder = next((each for each in holders if each.fingerprint == good.fingerprint), None)
    if holder is None:
        raise Refused(f"{what} is signed by the key {good.fingerprint}, which is nobody's here")
    if not holder.is_current(good.made):
        raise Refused(
            f"{what} is signed by {holder.name} on {good.made:%Y-%m-%d}, not in their days"
        )
    return Voice(f"pgp:{good.fingerprint}", holder.name, holder.roles, holder.facility, good.made)


def _holders(policy: TrustPolicy, package: str) -> Sequence[_Holder]:
    """Return whose keys may sign this: persons, and signers of the package that speak for a facility."""
    people = [
        _Holder(
            each.name, each.fingerprint, each.key_file, each.roles, each.facility, each.is_current
        )
        for each in policy.people.persons
        if each.fingerprint is not None and each.key_file is not None
    ]
    signers = [
        _Holder(
            each.name, each.fingerprint, each.key_file, each.roles, each.facility, each.is_current
        )
        for each in policy.signers
        if each.origin is Origin.PROJECT and each.disabled is None and each.removed is None
        if each.facility is not None and each.may_sign(package)
    ]
    known = {each.fingerprint for each in people}
    return [*people, *(each for each in signers if each.fingerprint not in known)]


def _by_token(sha256: str, name: str, token: Token, policy: TrustPolicy) -> Voice:
    issuer = policy.people.issuer(name)
    if issuer is None:
        raise Refused(f"the policy has no issuer '{name}'")
    snapshot = snapshots.read(issuer.keys_file, issuer=issuer.url)
    claims = tokens.open_token(token, snapshot.key_set, issuer=issuer.url, audience=None)
    snapshot.check(tokens.key_id(token), claims.issued)
    check_binding(issuer, claims, sha256)
    somebody = recognition.somebody_of(policy.people, issuer, claims, at=claims.issued)
    if somebody is None:
        raise Refused(f"the policy gives no role to {claims.subject[:200]!r} of {issuer.name}")
    return Voice(somebody.by, somebody.name, somebody.roles, somebody.facility, claims.issued)
