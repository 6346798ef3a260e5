# SPDX-License-Identifier: BSD-3-Clause
"""DSSE envelopes signed by the PGP keys of the policy. The only module that knows securesystemslib.

The library makes the envelope and the text that is signed (the pre-authentication encoding of
https://github.com/secure-systems-lab/dsse); the signature is gpg's, binary, of exactly that text. So
a partner needs one fingerprint for everything, and can check it with gpg alone: docs/trust.md shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import FormatError
from securesystemslib.signer._signature import Signature

from core.canonical import readable_json
from core.errors import Refused
from trust.keys.key import SigningKey
from trust.programs import armors, gnupg
from trust.programs.gnupg import GoodSignature

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a good envelope holds, and by whom it is signed."""

    payload: bytes
    signature: GoodSignature


def seal(payload: bytes, *, key: SigningKey) -> str:
    """Return the envelope, as JSON, of an in-toto statement signed by a key."""
    envelope = Envelope(payload, IN_TOTO, {})
    armored = key.sign_detached(envelope.pae(), what="envelope")
    envelope.signatures[key.fingerprint] = Signature(key.fingerprint, armors.dearmor(armored).hex())
    return readable_json(envelope.to_dict())


@dataclass(frozen=True, slots=True)
class Bare:
    """What an envelope holds and claims, unverified; `signed` is the text that `signature` must fit."""

    payload: bytes
    signed: bytes
    keyid: str
    signature: bytes


def bare(payload: bytes, *, keyid: str, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Return the envelope of an in-toto statement, signed by somebody who is no PGP key."""
    envelope = Envelope(payload, IN_TOTO, {})
    envelope.signatures[keyid] = Signature(keyid, sign(envelope.pae()).hex())
    data: dict[str, Any] = envelope.to_dict()
    return data


def open_bare(content: bytes, *, what: str) -> Bare:
    """Return what an envelope holds and whose signature it claims to have; the caller verifies it.

    Raises:
        Refused: it is no envelope of an in-toto statement with one signature.
    """
    try:
        envelope = Envelope.from_dict(json.loads(content))
        (signature,) = envelope.signatures.values()
        raw = bytes.fromhex(signature.signature)
    except (ValueError, KeyError, TypeError, AttributeError, FormatError, RecursionError) as err:
        raise Refused(f"{what} is not a DSSE envelope with one signature") from err
    if envelope.payload_type != IN_TOTO:
        raise Refused(f"{what} holds {str(envelope.payload_type)[:60]!r} and no in-toto statement")
    return Bare(envelope.payload, envelope.pae(), signature.keyid, raw)


def unseal(content: bytes, *, public_keys: Sequence[Path], what: str) -> Opened:
    """Return what an envelope holds, if one of the given keys has signed it.

    Args:
        content: the envelope as JSON.
        public_keys: files with public keys; no others are known.
        what: names the envelope in messages.

    Raises:
        Refused: it is no such envelope, altered, or signed by another key.
    """
    opened = open_bare(content, what=what)
    good = gnupg.verify_detached(
        opened.signed, opened.signature, public_keys=public_keys, what=what
    )
    if good.fingerprint != opened.keyid:
        raise Refused(f"{what} names another key than the one that signed it")
    return Opened(opened.payload, good)
