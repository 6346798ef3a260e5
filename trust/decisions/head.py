# SPDX-License-Identifier: BSD-3-Clause
"""The signed end of the log: how many entries it has, the hash of the last, of which repository.

An in-toto statement in a DSSE envelope, signed by the key that signs images. Its subject is the last
segment, so `sha256sum` and `gpg` check the newest part of a log without any program of ours; by the hashes in
it the newest part vouches for the rest.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from core.canonical import readable_json
from core.errors import Refused
from trust.codec import Undecodable, from_json, to_json
from trust.decisions.chain import Link, segment_path, segment_text, segments_of
from trust.keys import SigningKey
from trust.programs.gnupg import GoodSignature
from trust.signing import dsse

HEAD_PATH: Final = "trust/log/head.json"
SCHEMA: Final = 1
_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "urn:pansoft:decision-log:1"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log. `last` is the hash of its last entry, `at` when it was logged."""

    repository: str
    entries: int
    last: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head, and its signature where one of the policy's keys has made it; `said` is why not."""

    head: Head
    signature: GoodSignature | None
    said: str = ""


def head_of(links: Sequence[Link], *, repository: str) -> Head:
    """Return the head of a chain that is not empty."""
    last = links[-1]
    return Head(repository, len(links), last.hash, last.entry.logged)


def sealed(links: Sequence[Link], *, repository: str, key: SigningKey) -> bytes:
    """Return the signed head of a chain that is not empty, as it is published."""
    number = segments_of(len(links)) - 1
    statement = _statement(
        head_of(links, repository=repository),
        segment_path(number),
        sha256(segment_text(links, number)).hexdigest(),
    )
    return dsse.seal(readable_json(statement).encode(), key=key).encode()


def unsealed(content: bytes, *, public_keys: Sequence[Path]) -> SignedHead:
    """Return what a published head says, and whether one of these keys has signed it.

    Raises:
        Refused: it is no head of a log, or was altered.
    """
    try:
        opened = dsse.unseal(content, public_keys=public_keys, what=HEAD_PATH)
    except Refused as err:
        return SignedHead(_parse(_payload(content)), None, err.message)
    return SignedHead(_parse(opened.payload), opened.signature)


def _statement(head: Head, path: str, digest: str) -> dict[str, Any]:
    return {
        "_type": _TYPE,
        "subject": [{"name": path, "digest": {"sha256": digest}}],
        "predicateType": _PREDICATE,
        "predicate": {"schema": SCHEMA, "head": to_json(head)},
    }


def _parse(payload: bytes) -> Head:
    try:
        data = json.loads(payload)
        if data["predicateType"] != _PREDICATE:
            raise Refused(f"{HEAD_PATH} is no head of a decision log")
        if data["predicate"]["schema"] != SCHEMA:
            raise Refused(f"{HEAD_PATH} is of another form", hint="update pansoft")
        return from_json(Head, data["predicate"]["head"])
    except Undecodable as err:
        raise Refused(f"{HEAD_PATH} cannot be read: {err}") from err
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise Refused(f"{HEAD_PATH} is no head of a decision log") from err


def _payload(content: bytes) -> bytes:
    """Return what an envelope holds whoever signed it, to say what it claims."""
    try:
        return base64.b64decode(json.loads(content)["payload"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as err:
        raise Refused(f"{HEAD_PATH} is no DSSE envelope") from err
