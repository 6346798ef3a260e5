# SPDX-License-Identifier: BSD-3-Clause
"""A token, verified against the keys that its issuer publishes at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import Refused
from trust.identity import issuers, tokens
from trust.identity.tokens import Claims, Token
from trust.policy.issuers import Issuer
from trust.policy.people import People


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that its issuer has signed, for us, and whose time it is."""

    issuer: Issuer
    claims: Claims


def verify(token: Token, people: People, *, cache: Path, at: datetime) -> Verified:
    """Return what a token claims, if the policy knows its issuer and the issuer has signed it.

    Args:
        token: the token.
        people: the policy's section, which lists the issuers.
        cache: a folder of the run state, for the keys of issuers.
        at: now.

    Raises:
        Refused: it is not to be believed, or its issuer cannot be asked.
    """
    issuer = named_issuer(token, people)
    kid = tokens.key_id(token)
    keys = issuers.keys_of(issuer.url, kid=kid, cache=cache / f"{issuer.name}.json", at=at)
    claims = tokens.open_token(token, keys, issuer=issuer.url, audience=issuer.audience)
    tokens.check_time(claims, at=at)
    return Verified(issuer, claims)


def named_issuer(token: Token, people: People) -> Issuer:
    """Return the policy's entry of the issuer that a token names.

    Raises:
        Refused: it names another.
    """
    url = tokens.issuer_of(token)
    issuer = people.issuer_at(url)
    if issuer is None:
        known = ", ".join(each.url for each in people.issuers) or "none"
        raise Refused(
            f"the token is of the issuer {url[:200]!r}, which the policy does not list",
            hint=f"issuers of `people.issuers`: {known}",
        )
    return issuer
