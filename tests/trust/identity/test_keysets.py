# SPDX-License-Identifier: BSD-3-Clause
"""Which keys of an issuer are taken, and which sets are refused as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import Refused
from tests.oidc_issuer import IssuerKey, new_key, rsa_key
from trust.identity import keysets

ES = new_key("es")


def of(*members: dict[str, Any]) -> keysets.KeySet:
    return keysets.read({"keys": list(members)}, what="the keys")


@pytest.mark.parametrize(
    ("algorithm", "may"),
    [("RS256", ("RS256",)), ("PS256", ("PS256",)), ("ES256", ("ES256",)), ("EdDSA", ("EdDSA",))],
)
def test_a_key_checks_what_it_says_it_is_for(algorithm: str, may: tuple[str, ...]) -> None:
    found = of(new_key("k", algorithm).jwk()).key("k")

    assert found is not None
    assert found.algorithms == may


def test_an_rsa_key_that_says_nothing_checks_both_rsa_signatures() -> None:
    member = new_key("k", "RS256").jwk()
    del member["alg"]

    found = of(member).key("k")

    assert found is not None
    assert found.algorithms == ("RS256", "PS256")


@pytest.mark.parametrize(
    "changed",
    [
        {"kid": None},
        {"kid": ""},
        {"kid": 7},
        {"use": "enc"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "something-new"},
        {"crv": "P-384"},
        {"crv": None},
        {"x": None},
    ],
    ids=str,
)
def test_what_cannot_check_a_signature_of_ours_is_passed_over(changed: dict[str, Any]) -> None:
    found = of(ES.jwk() | changed, new_key("good").jwk())

    assert [key.kid for key in found.keys] == ["good"]


def test_a_short_rsa_key_is_passed_over() -> None:
    short = IssuerKey("short", "RS256", rsa_key(1024))

    assert of(short.jwk()).keys == ()


def test_a_key_that_is_shown_twice_is_one_key() -> None:
    assert len(of(ES.jwk(), ES.jwk()).keys) == 1


def test_two_keys_of_one_kid_are_refused() -> None:
    with pytest.raises(Refused, match="two keys of one kid, 'es'"):
        of(ES.jwk(), new_key("es").jwk())


def test_a_set_that_shows_a_private_key_is_refused() -> None:
    with pytest.raises(Refused, match="shows a private key"):
        of(new_key("good").jwk(), ES.jwk() | {"d": "AAAA"})


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [1]}', b"[" * 5000, b"\xff"]
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="the keys is not"):
        keysets.parse(content, what="the keys")


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(Refused, match="65 keys"):
        of(*[ES.jwk()] * 65)


def test_a_key_goes_out_and_comes_back() -> None:
    before = of(*(new_key(name, name).jwk() for name in ("RS256", "ES256", "EdDSA")))

    text = json.dumps({"keys": [keysets.to_json(key) for key in before.keys]})

    assert keysets.parse(text.encode(), what="again") == before
