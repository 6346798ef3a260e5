# SPDX-License-Identifier: BSD-3-Clause
"""A signed token of an issuer, and what it claims. The only module that knows PyJWT.

The rules, after RFC 7519, RFC 8725 and OpenID Connect Core, section 3.1.3.7:

- the algorithm is one of RS256, PS256, ES256 and EdDSA, and one that the *key* is for: a token
  cannot choose `none`, nor have a public key taken for a shared secret
- the key is the one of the token's `kid` in the keys of that very issuer
- `iss`, `aud`, `sub`, `iat` and `exp` are there; issuer and audience are the expected ones
- one audience, or the token is for others as well: then whoever else it is for could show it here
- its time has begun and has not ended, with a minute for clocks that differ

Time is asked apart (`check_time`), because what was signed years ago is verified again. A token is a
secret as long as it is valid: no message here quotes one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from core.errors import Refused
from trust.identity.keysets import ALGORITHMS, KeySet, PublishedKey

MOST_BYTES = 16 * 1024
SKEW = timedelta(seconds=60)
ACCEPTED = tuple(sorted({name for names in ALGORITHMS.values() for name in names}))
_NEEDED = ["iss", "sub", "aud", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class Token:
    """The text of a token, which no representation of it shows."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, its signature verified.

    `others` holds every claim that is a text, a number, a truth value or a list of those, as texts:
    GitLab writes `"true"` where others write true.
    """

    issuer: str
    subject: str
    audience: str
    issued: datetime
    begins: datetime | None
    expires: datetime
    others: Mapping[str, tuple[str, ...]]

    def of(self, name: str) -> tuple[str, ...]:
        """Return the values of a claim, none where the token lacks it."""
        return self.others.get(name, ())


def key_id(token: Token) -> str:
    """Return which key the token says it is signed by; nothing of it is verified yet.

    Raises:
        Refused: it is no token, is unsigned, or signed in a way that is not accepted.
    """
    if len(token.text) > MOST_BYTES:
        raise Refused(f"the token is larger than {MOST_BYTES // 1024} KiB")
    try:
        header = jwt.get_unverified_header(token.text)
    except (jwt.PyJWTError, ValueError, RecursionError) as err:
        raise Refused(
            "this is not a token", hint="an id_token is three parts of base64, with dots between"
        ) from err
    algorithm, kid = header.get("alg"), header.get("kid")
    if str(algorithm).lower() == "none":
        raise Refused("the token is not signed (alg: none)")
    if algorithm not in ACCEPTED:
        raise Refused(
            f"the token is signed with {str(algorithm)[:20]!r}; accepted are {', '.join(ACCEPTED)}"
        )
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise Refused(f"the token is a {str(header['typ'])[:20]!r}, not an id_token")
    if "crit" in header or "b64" in header:
        raise Refused("the token asks for an extension of its form, and none is known here")
    if not isinstance(kid, str) or not kid:
        raise Refused("the token does not say by which key it is signed (kid)")
    return kid


def open_token(token: Token, keys: KeySet, *, issuer: str, audience: str | None) -> Claims:
    """Return the claims of a token that this issuer has signed for this audience.

    Args:
        token: the token.
        keys: those of the issuer and of nobody else.
        issuer: the address of the issuer, to the letter.
        audience: for whom it must be; None where the caller looks at `Claims.audience`.

    Raises:
        Refused: unsigned, altered, by another key or issuer, or for another audience.
    """
    kid = key_id(token)
    key = keys.key(kid)
    if key is None:
        raise Refused(f"the token is signed by the key {kid[:60]!r}, which {issuer} does not have")
    claims = _claims(_verified(token, key, issuer=issuer))
    if audience is not None and claims.audience != audience:
        raise Refused(
            f"the token is for the audience {claims.audience[:200]!r}, not {audience!r}",
            hint="`aud` of `id_tokens` in .gitlab-ci.yml, or the client that logs in, decides it",
        )
    return claims


def check_time(claims: Claims, *, at: datetime) -> None:
    """Refuse a token whose time has not begun or is over.

    Raises:
        Refused: it is not valid at this moment.
    """
    if at >= claims.expires + SKEW:
        raise Refused(
            f"the token expired on {claims.expires:%Y-%m-%d at %H:%M} UTC",
            hint="get a new one; GitLab gives a job one that lasts as long as the job may",
        )
    begins = max(claims.issued, claims.begins or claims.issued)
    if at < begins - SKEW:
        raise Refused(
            f"the token is not valid before {begins:%Y-%m-%d %H:%M:%S} UTC",
            hint="is the clock of this machine right?",
        )


def issuer_of(token: Token) -> str:
    """Return the issuer that a token names, unverified: to choose whose keys to ask, no more.

    Raises:
        Refused: it is no token, or names none.
    """
    key_id(token)
    try:
        body = jwt.decode(token.text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as err:
        raise Refused("the token holds no claims") from err
    if not isinstance(body.get("iss"), str):
        raise Refused("the token names no issuer (iss)")
    return str(body["iss"])


def _verified(token: Token, key: PublishedKey, *, issuer: str) -> Mapping[str, Any]:
    """Return the claims as JSON has them, once signature and issuer are right."""
    algorithm = jwt.get_unverified_header(token.text)["alg"]
    if algorithm not in key.algorithms:
        raise Refused(
            f"the token is signed with {algorithm}, its key {key.kid[:60]!r} is for "
            f"{' or '.join(key.algorithms)}"
        )
    try:
        return jwt.decode(
            token.text,
            jwt.PyJWK.from_json(key.jwk, algorithm=algorithm),
            algorithms=list(key.algorithms),
            issuer=issuer,
            options={
                "require": _NEEDED,
                "verify_exp": False,  # PyJWT asks the clock; we are told the time: check_time
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,  # PyJWT is content if one of several audiences fits
            },
        )
    except jwt.InvalidSignatureError as err:
        raise Refused("the token was altered: its signature does not fit it") from err
    except jwt.InvalidIssuerError as err:
        raise Refused(f"the token is of another issuer than {issuer}") from err
    except jwt.MissingRequiredClaimError as err:
        raise Refused(f"the token lacks the claim {err.claim}") from err
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as err:
        raise Refused(f"the token cannot be believed: {type(err).__name__}") from err


def _claims(body: Mapping[str, Any]) -> Claims:
    subject, audience = body["sub"], body["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(subject, str) or not subject:
        raise Refused("the token names no subject (sub)")
    if not isinstance(audience, str):
        raise Refused(
            "the token is for more than one audience, so others could show it here",
            hint="ask for one that is for this alone",
        )
    return Claims(
        issuer=body["iss"],
        subject=subject,
        audience=audience,
        issued=_time(body["iat"], "iat"),
        begins=_time(body["nbf"], "nbf") if "nbf" in body else None,
        expires=_time(body["exp"], "exp"),
        others={name: texts for name, value in body.items() if (texts := _texts(value))},
    )


def _time(value: object, claim: str) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            pass
    raise Refused(f"the token's {claim} is no time")


def _texts(value: object) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value).lower(),)
        case str() | int():
            return (str(value),)
        case list():
            return tuple(text for item in value for text in _texts(item))
        case _:
            return ()
