# SPDX-License-Identifier: BSD-3-Clause
"""Tokens that nobody thought of: whatever is shown, it is the signed one or a refusal in words."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from tests.oidc_issuer import OidcIssuer, forge, new_key, sign
from trust.identity import keysets
from trust.identity.tokens import Token, open_token

GITLAB = OidcIssuer(url="https://gitlab.example.org", keys=[new_key("first", "EdDSA")])
KEYS = keysets.parse(GITLAB.jwks(), what="the keys")
TOKEN = GITLAB.gitlab()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
CLAIMS = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "nonce", "kid", "alg"]), JSON
)


def shown(text: str) -> str | None:
    """Return whose a token is, or None for a refusal."""
    try:
        return open_token(Token(text), KEYS, issuer=GITLAB.url, audience="pansoft").subject
    except Refused:
        return None


@given(place=st.integers(0, len(TOKEN) - 1), other=st.characters(codec="ascii"))
def test_one_other_letter_is_another_token(place: int, other: str) -> None:
    text = TOKEN[:place] + other + TOKEN[place + 1 :]

    # The last letter of a part of base64 holds bits that nobody reads: the same bytes twice written.
    same = [_bytes(part) for part in text.split(".")] == [_bytes(p) for p in TOKEN.split(".")]
    assert same or shown(text) is None


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused(text: str) -> None:
    assert shown(text) is None


@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku"]), JSON))
def test_any_header_without_a_signature_is_refused(header: dict[str, Any]) -> None:
    assert (
        shown(forge(GITLAB.claims(), {"alg": "EdDSA", "kid": "first"} | header, b"x" * 64)) is None
    )


@given(claims=CLAIMS)
def test_claims_of_any_shape_are_read_or_refused(claims: dict[str, Any]) -> None:
    whole = GITLAB.claims() | claims
    subject = shown(sign_text(whole))

    assert subject is None or subject == whole["sub"]


def sign_text(claims: dict[str, Any]) -> str:
    """Sign claims that PyJWT itself would not: it looks at some of them."""
    return jwt.api_jws.encode(
        json.dumps(claims).encode(), GITLAB.key.private, "EdDSA", headers={"kid": "first"}
    )


def _bytes(part: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None


@pytest.mark.parametrize("kid", ["first", "second"])
def test_the_signed_one_is_read(kid: str) -> None:
    text = sign(GITLAB.claims(), GITLAB.key, kid=kid)

    assert shown(text) == (GITLAB.claims()["sub"] if kid == "first" else None)
