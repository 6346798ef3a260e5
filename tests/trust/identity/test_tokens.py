# SPDX-License-Identifier: BSD-3-Clause
"""What makes a token believed, and each way in which it is not."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Refused
from tests.oidc_issuer import NOON, OidcIssuer, forge, new_key, sign
from trust.identity import keysets, tokens
from trust.identity.tokens import Claims, Token, check_time, open_token

URL = "https://gitlab.example.org"


@pytest.fixture
def gitlab() -> OidcIssuer:
    """An issuer without a socket: only its keys are asked for here."""
    return OidcIssuer(url=URL)


def opened(issuer: OidcIssuer, text: str, audience: str | None = "pansoft") -> Claims:
    keys = keysets.parse(issuer.jwks(), what="the keys")
    return open_token(Token(text), keys, issuer=URL, audience=audience)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_token_says_who_for_whom_and_until_when(gitlab: OidcIssuer, algorithm: str) -> None:
    gitlab.rotate("second", algorithm)

    claims = opened(gitlab, gitlab.gitlab(numbers=[1, 2], truth=True, nested={"a": 1}))

    assert (claims.issuer, claims.audience) == (URL, "pansoft")
    assert claims.subject == "project_path:pan/recipes:ref_type:branch:ref:main"
    assert (claims.issued, claims.expires) == (NOON, NOON + timedelta(hours=1))
    assert claims.of("ref_protected") == ("true",)
    assert claims.of("truth") == ("true",)
    assert claims.of("numbers") == ("1", "2")
    assert claims.of("nested") == claims.of("nowhere") == ()


def test_an_audience_in_a_list_of_one_is_that_audience(gitlab: OidcIssuer) -> None:
    assert opened(gitlab, gitlab.token(aud=["pansoft"])).audience == "pansoft"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "vault"}, "for the audience 'vault', not 'pansoft'"),
        ({"aud": ["pansoft", "vault"]}, "more than one audience"),
        ({"aud": []}, "more than one audience"),
        ({"aud": None}, "lacks the claim aud"),
        ({"iss": "https://gitlab.example.org.evil.example"}, "another issuer"),
        ({"iss": URL + "/"}, "another issuer"),
        ({"iss": None}, "lacks the claim iss"),
        ({"sub": None}, "lacks the claim sub"),
        ({"sub": ""}, "names no subject"),
        ({"exp": None}, "lacks the claim exp"),
        ({"iat": None}, "lacks the claim iat"),
        ({"exp": "tomorrow"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": 10**30}, "exp is no time"),
        ({"nbf": "soon"}, "nbf is no time"),
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(
    gitlab: OidcIssuer, changed: dict[str, Any], reason: str
) -> None:
    text = sign(gitlab.claims(**changed), gitlab.key)

    with pytest.raises(Refused, match=reason):
        opened(gitlab, text)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_an_unsigned_token_is_refused(gitlab: OidcIssuer, algorithm: str) -> None:
    text = forge(gitlab.claims(), {"alg": algorithm, "kid": "first"})

    with pytest.raises(Refused, match="not signed"):
        opened(gitlab, text)


def test_a_signed_token_without_its_signature_is_refused(gitlab: OidcIssuer) -> None:
    text = gitlab.token().rpartition(".")[0] + "."

    with pytest.raises(Refused, match="was altered"):
        opened(gitlab, text)


def test_a_public_key_is_no_shared_secret(gitlab: OidcIssuer) -> None:
    gitlab.rotate("rsa", "RS256")
    header = {"alg": "HS256", "kid": "rsa"}
    text = forge(gitlab.claims(), header).rpartition(".")[0]
    mac = hmac.new(gitlab.key.pem(), text.encode(), hashlib.sha256).digest()

    with pytest.raises(Refused, match="signed with 'HS256'; accepted are ES256, EdDSA"):
        opened(gitlab, forge(gitlab.claims(), header, mac))


def test_a_key_checks_no_other_algorithm_than_its_own(gitlab: OidcIssuer) -> None:
    gitlab.rotate("rsa", "RS256")
    other = new_key("rsa", "PS256")

    with pytest.raises(Refused, match="signed with PS256, its key 'rsa' is for RS256"):
        opened(gitlab, gitlab.token(key=other))


def test_a_token_cannot_name_a_key_of_another_kind(gitlab: OidcIssuer) -> None:
    gitlab.keys.append(new_key("rsa", "RS256"))
    claimed = sign(gitlab.claims(), gitlab.keys[0], kid="rsa")

    with pytest.raises(Refused, match="signed with ES256, its key 'rsa' is for RS256"):
        opened(gitlab, claimed)


def test_a_strangers_key_under_a_known_kid_is_refused(gitlab: OidcIssuer) -> None:
    with pytest.raises(Refused, match="was altered"):
        opened(gitlab, gitlab.token(key=new_key("first")))


def test_a_key_that_was_rotated_away_is_not_known(gitlab: OidcIssuer) -> None:
    old = gitlab.rotate("second")

    with pytest.raises(Refused, match=f"the key 'first', which {URL} does not have"):
        opened(gitlab, gitlab.token(key=old))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"kid": None}, "by which key"),
        ({"kid": ""}, "by which key"),
        ({"typ": "at+jwt"}, r"is a 'at\+jwt', not an id_token"),
        ({"crit": ["exp"]}, "extension|not a token"),
        ({"alg": "ES384"}, "signed with 'ES384'"),
        ({"alg": None}, "not signed"),
        ({"alg": ["ES256"]}, "signed with|not a token"),
    ],
    ids=str,
)
def test_a_header_that_is_wrong_is_refused(
    gitlab: OidcIssuer, header: dict[str, Any], reason: str
) -> None:
    plain = {"alg": "ES256", "kid": "first"} | header
    text = forge(gitlab.claims(), {name: each for name, each in plain.items() if each is not None})

    with pytest.raises(Refused, match=reason):
        opened(gitlab, text)


def test_a_key_in_the_token_itself_is_not_looked_at(gitlab: OidcIssuer) -> None:
    mine = new_key("first")

    with pytest.raises(Refused, match="was altered"):
        opened(gitlab, sign(gitlab.claims(), mine, jwk=mine.jwk()))


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "é" * 9, "x" * 20_000, "e30.e30.e30"])
def test_what_is_no_token_is_refused(gitlab: OidcIssuer, text: str) -> None:
    with pytest.raises(Refused, match=r"not a token|larger than|is not signed"):
        opened(gitlab, text)


def test_altered_claims_are_refused(gitlab: OidcIssuer) -> None:
    head, _, signature = gitlab.token().split(".")
    other = gitlab.token(project_path="evil/recipes").split(".")[1]

    with pytest.raises(Refused, match="was altered"):
        opened(gitlab, f"{head}.{other}.{signature}")


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(0), None),
        (timedelta(seconds=-60), None),
        (timedelta(minutes=60, seconds=59), None),
        (timedelta(minutes=61), "expired on 2026-06-01 at 13:00"),
        (timedelta(days=400), "expired on"),
        (timedelta(seconds=-61), "not valid before 2026-06-01 12:00:00"),
    ],
    ids=str,
)
def test_a_token_has_its_time(gitlab: OidcIssuer, after: timedelta, reason: str | None) -> None:
    claims = opened(gitlab, gitlab.token())

    if reason is None:
        check_time(claims, at=NOON + after)
    else:
        with pytest.raises(Refused, match=reason):
            check_time(claims, at=NOON + after)


def test_a_token_of_the_day_after_tomorrow_is_refused(gitlab: OidcIssuer) -> None:
    claims = opened(gitlab, gitlab.token(nbf=int((NOON + timedelta(days=2)).timestamp())))

    with pytest.raises(Refused, match="not valid before 2026-06-03"):
        check_time(claims, at=NOON)


def test_no_representation_and_no_message_shows_a_token(gitlab: OidcIssuer) -> None:
    text = gitlab.token(aud="vault")

    with pytest.raises(Refused) as refused:
        opened(gitlab, text)

    told = f"{Token(text)!r} {Token(text)} {refused.value.message} {refused.value.hint}"
    assert not any(part in told for part in text.split("."))


def test_the_issuer_that_a_token_names_can_be_looked_at_before_it_is_believed(
    gitlab: OidcIssuer,
) -> None:
    assert tokens.issuer_of(Token(gitlab.token())) == URL
