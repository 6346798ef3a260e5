# SPDX-License-Identifier: BSD-3-Clause
"""The signed statement beside an image: every byte of the file, what was seen of it, the verdict.

Apptainer's signature covers the objects of a SIF file and not the rest: a changed byte in the
padding, in an unused descriptor, in some fields of the header or after the last object passes
`apptainer verify`. So the statement has the sha256 of the whole signed file, and of each of its
parts, which lets a refusal name the part that differs.

Its form is an in-toto Statement with SLSA's verification summary as predicate, which says just this:
who judged what, when, by which policy, with which result. Ours is added under `pansoft`.
It is signed by a detached PGP signature (`.asc`), not in a DSSE envelope: the key that signs the
image signs this as well, so a partner who trusts one fingerprint is done, and `gpg --verify`, which
every distribution has, checks it without any program of ours.

    NAME.sif   NAME.sif.statement.json   NAME.sif.statement.json.asc

Of a tree it speaks of the manifest, `NAME.mtree`, whose lines have every file's sha256.

Others can sign the same statement beside it, `NAME.sif.statement.json.FINGERPRINT.asc`: see
`trust.signing.cosignatures`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.canonical import readable_json
from core.errors import Refused
from core.files import sha256_file, write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.evidence import Evidence
from trust.keys.key import SigningKey
from trust.programs import gnupg
from trust.programs.gnupg import GoodSignature
from trust.signing import sif
from trust.signing.sif import Part
from trust.trees.tree_manifest import SUFFIX
from trust.verdict import Verdict

SCHEMA = 2
_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/verification_summary/v1"
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The image as it was before signing."""

    plan: str
    name: str
    version: str
    base: str
    sha256: str
    size: int
    delta_size: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one signed file; `sha256` and `size` are of the whole of it."""

    file: str
    sha256: str
    size: int
    parts: tuple[Part, ...]
    signer: str
    image: ImageFacts
    evidence: Evidence
    verdict: Verdict


def statement_file(image: Path) -> Path:
    """Return where the statement about an image stands."""
    return image.with_name(image.name + ".statement.json")


def signature_file(image: Path) -> Path:
    """Return where the signature of the statement stands."""
    return image.with_name(image.name + ".statement.json.asc")


def write(
    path: Path, *, key: SigningKey, image: ImageFacts, evidence: Evidence, verdict: Verdict
) -> Statement:
    """Write the statement about a signed file beside it, and sign it: an image, or the manifest of a tree."""
    statement = Statement(
        file=path.name,
        sha256=sha256_file(path),
        size=path.stat().st_size,
        parts=() if _is_tree(path.name) else sif.parts(sif.read(path)),
        signer=key.fingerprint,
        image=image,
        evidence=evidence,
        verdict=verdict,
    )
    file = statement_file(path)
    content = readable_json(_envelope(statement)).encode()
    write_atomic(file, content)
    write_atomic(signature_file(path), key.sign_detached(content, what=file.name))
    return statement


def read(path: Path, *, public_keys: Sequence[Path]) -> tuple[Statement, GoodSignature]:
    """Return the statement beside a signed file, and its signature, which is good.

    Raises:
        Refused: missing, altered, by another key, or about something else.
    """
    file = statement_file(path)
    content = _content(file)
    signature = gnupg.verify_detached(
        content, _content(signature_file(path)), public_keys=public_keys, what=file.name
    )
    statement = _parse(content, file)
    if statement.signer != signature.fingerprint:
        raise Refused(f"{file.name} names another signer than the key that signed it")
    if statement.file != path.name:
        raise Refused(f"{file.name} speaks of {statement.file}, not of {path.name}")
    return statement, signature


def check_bytes(path: Path, statement: Statement) -> None:
    """Refuse a file that differs in one byte from the one that the statement speaks of.

    Raises:
        Refused: naming each part that differs.
    """
    size = path.stat().st_size
    if size == statement.size and sha256_file(path) == statement.sha256:
        return
    found: list[str] = []
    with path.open("rb") as stream:
        for part in statement.parts:
            if part.offset >= size:
                break
            whole = part.offset + part.size <= size
            if whole and sif.sha256_range(stream, part.offset, part.size) != part.sha256:
                found.append(
                    f"{part.name} was altered (bytes {part.offset} to {part.offset + part.size})"
                )
    if size < statement.size:
        lost = [part.name for part in statement.parts if part.offset + part.size > size]
        where = f", in {lost[0]}" if lost else ""
        found.append(f"it is cut short by {statement.size - size} bytes{where}")
    elif size > statement.size:
        found.append(f"{size - statement.size} bytes were appended to it")
    raise Refused(
        f"{path.name} is not the file that was signed: {'; '.join(found) or 'it was altered'}"
    )


def _is_tree(name: str) -> bool:
    return name.endswith(SUFFIX)


def _envelope(statement: Statement) -> dict[str, Any]:
    verdict = statement.verdict
    form = "tree" if _is_tree(statement.file) else "image"
    return {
        "_type": _TYPE,
        "subject": [{"name": statement.file, "digest": {"sha256": statement.sha256}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "verifier": {"id": "urn:pansoft:sign"},
            "timeVerified": to_json(verdict.at),
            "resourceUri": f"urn:pansoft:{form}:{statement.image.name}:{statement.image.version}",
            "policy": {
                "uri": f"urn:pansoft:trust-policy:{verdict.policy_version}",
                "digest": {"sha256": verdict.policy_sha256},
            },
            "verificationResult": "PASSED" if verdict.accepted else "FAILED",
            "verifiedLevels": [],
            "inputAttestations": _attestations(statement.evidence),
            "pansoft": {"schema": SCHEMA, "statement": to_json(statement)},
        },
    }


def _attestations(evidence: Evidence) -> list[dict[str, Any]]:
    """Return what the verdict rests on, in SLSA's words: the provenance and the bills of materials."""
    digests = {}
    if evidence.provenance is not None:
        digests["provenance.json#payload"] = evidence.provenance.sha256
    if evidence.bill is not None:
        digests["sbom.spdx.json"] = evidence.bill.spdx_sha256
        digests["sbom.cdx.json"] = evidence.bill.cyclonedx_sha256
    return [{"uri": uri, "digest": {"sha256": sha256}} for uri, sha256 in digests.items()]


def _parse(content: bytes, file: Path) -> Statement:
    """Read the statement back. All that it says twice must agree, or it was not written by `write`."""
    try:
        data = json.loads(content)
        ours = data["predicate"]["pansoft"]
        if ours["schema"] != SCHEMA:
            raise Refused(
                f"{file.name} has the form {ours['schema']}; this pansoft knows {SCHEMA}",
                hint="update pansoft, or have the image built and signed again by one of this form",
            )
        statement = from_json(Statement, ours["statement"])
    except Undecodable as err:
        raise Refused(f"{file.name} cannot be read: {err}") from err
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise Refused(f"{file.name} is not a statement") from err
    expected = _envelope(statement)
    # Its own words and not ours of today: an older one lacks the fields that came later.
    expected["predicate"]["pansoft"]["statement"] = ours["statement"]
    if data != expected:
        raise Refused(f"{file.name} contradicts itself")
    return statement


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError as err:
        raise Refused(
            f"{file.name} is missing: without it nothing says that every byte is as it was signed",
            hint=f"copy it from where the image came from, to {file.parent}",
        ) from err
    except OSError as err:
        raise Refused(f"{file} cannot be read: {err.strerror}") from err
    if len(content) > _MAX_BYTES:
        raise Refused(f"{file.name} is larger than {_MAX_BYTES >> 20} MiB")
    return content
