# SPDX-License-Identifier: BSD-3-Clause
"""The keys that an issuer publishes: a JSON Web Key Set (RFC 7517), read strictly.

A key is taken when it can check one of the four signatures that we accept and says so itself:

- it has a `kid`; which key a token means is never guessed
- RSA of at least 2048 bits, EC on P-256, or Ed25519; what else there is in the set is passed over
  (RFC 7517, section 5), symmetric keys above all: whoever can check with one can sign with it
- it is not for encryption

A set that shows a private key, or two keys of one `kid`, is refused as a whole.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.canonical import canonical_json
from core.errors import Refused

MOST_KEYS = 64
LEAST_RSA_BITS = 2048
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")

ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The algorithms that a key of each type and curve may check; none that are not here."""

_MEMBERS = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key of an issuer. `jwk` is the canonical JSON of what RFC 7638 takes of it."""

    kid: str
    algorithms: tuple[str, ...]
    jwk: str


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of an issuer that can be used, each `kid` once."""

    keys: tuple[PublishedKey, ...]

    def key(self, kid: str) -> PublishedKey | None:
        """Return the key of this id, or None."""
        return next((each for each in self.keys if each.kid == kid), None)


def parse(content: bytes, *, what: str) -> KeySet:
    """Return the key set that JSON text holds.

    Raises:
        Refused: it is no key set, or one that nobody may use.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise Refused(f"{what} is not JSON") from err
    return read(data, what=what)


def read(data: object, *, what: str) -> KeySet:
    """Return the key set that decoded JSON holds.

    Raises:
        Refused: it is no key set, or one that nobody may use.
    """
    listed = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Refused(f"{what} is not a set of keys: it has no list `keys`")
    if len(listed) > MOST_KEYS:
        raise Refused(f"{what} has {len(listed)} keys, more than {MOST_KEYS}")
    found: dict[str, PublishedKey] = {}
    for each in listed:
        _check_public(each, what=what)
        key = _usable(each)
        if key is None:
            continue
        if found.setdefault(key.kid, key) != key:
            raise Refused(f"{what} has two keys of one kid, {key.kid[:60]!r}")
    return KeySet(tuple(found.values()))


def to_json(key: PublishedKey) -> dict[str, str]:
    """Return a key as a member of a key set; `read` takes it back."""
    members: dict[str, str] = json.loads(key.jwk)
    algorithm = {"alg": key.algorithms[0]} if len(key.algorithms) == 1 else {}
    return {"kid": key.kid, "use": "sig", **algorithm, **members}


def _check_public(member: Mapping[str, object], *, what: str) -> None:
    """Refuse a set that gives a private key away: whoever read it can sign."""
    if member.get("kty") != "oct" and any(name in member for name in _PRIVATE):
        raise Refused(f"{what} shows a private key; none of its keys can be believed")


def _usable(member: Mapping[str, object]) -> PublishedKey | None:
    kty, curve, kid = member.get("kty"), member.get("crv", ""), member.get("kid")
    if not (isinstance(kty, str) and isinstance(curve, str) and isinstance(kid, str) and kid):
        return None
    algorithms = ALGORITHMS.get((kty, "" if kty == "RSA" else curve))
    if algorithms is None or member.get("use", "sig") != "sig":
        return None
    if "alg" in member:
        algorithms = tuple(each for each in algorithms if each == member["alg"])
    values = {name: member.get(name) for name in ("kty", *_MEMBERS[kty])}
    if not algorithms or not all(isinstance(each, str) for each in values.values()):
        return None
    if kty == "RSA" and _bits(str(values["n"])) < LEAST_RSA_BITS:
        return None
    return PublishedKey(kid, algorithms, canonical_json(values).decode())


def _bits(number: str) -> int:
    """Return the length of a number in base64url, 0 for what is none."""
    try:
        raw = base64.b64decode(number + "=" * (-len(number) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return 0
    return int.from_bytes(raw, "big").bit_length()
