# SPDX-License-Identifier: BSD-3-Clause
"""The section `authorities`: X.509 authorities whose holders may sign a statement as well.

Their signatures lie beside the statement and never in an image, and they are further ones: the first
signer has a PGP key, which Apptainer understands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.problems import Problem
from core.strict_yaml import Document
from trust.policy.fields import FACILITY, PATTERN, ROLE, listing, matching, text
from trust.policy.signers import Origin, Signer

CERTIFIED: Final = "x509:"
"""What the identity of a holder begins with; no PGP fingerprint does."""

_FILE: Final = r"keys/[A-Za-z0-9][A-Za-z0-9._-]*\.pem"

SCHEMA: Final[dict[str, Any]] = listing(
    "X.509 authorities whose holders may sign statements as well, beside the image and never in it.",
    {
        "type": "dict",
        "schema": {
            "name": text(
                "The authority, in a word.", required=True, regex=r"[A-Za-z0-9 ._-]{2,60}"
            ),
            "certificates": text(
                "Its own certificates in PEM, a file of the folder `keys/` beside this file.",
                required=True,
                regex=_FILE,
                pattern="like keys/NAME.pem",
            ),
            "revocations": text(
                "Its revocation lists in PEM, in the same folder. A list that is out of date counts as "
                "none, and then nobody's signature does.",
                required=True,
                regex=_FILE,
                pattern="like keys/NAME.crl.pem",
            ),
            "holders": listing(
                "Those of its holders whose signatures count.",
                {
                    "type": "dict",
                    "schema": {
                        "name": text("Who it is, as people know them.", required=True),
                        "subject": text(
                            "The subject of the certificate (RFC 4514), in full.",
                            required=True,
                            maxlength=300,
                            example="CN=pansoft release,O=ESRF,C=FR",
                        ),
                        "packages": listing(
                            "The packages that it may sign, as names or patterns.",
                            matching(PATTERN, "a package name or a pattern of one"),
                            required=True,
                            minlength=1,
                        ),
                        "roles": listing(
                            "What the holder answers for.",
                            matching(ROLE, "a role like release-manager"),
                        ),
                        "facility": text(
                            "The facility that the holder speaks for.",
                            regex=FACILITY,
                            pattern="a short name like esrf",
                        ),
                    },
                },
                required=True,
                minlength=1,
            ),
        },
    },
)


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority, its files, and its holders as signers; see `identity_of`."""

    name: str
    certificates: Path
    revocations: Path
    holders: tuple[Signer, ...]


def identity_of(authority: str, subject: str) -> str:
    """Return what stands for a fingerprint where the signer is the holder of a certificate."""
    return f"{CERTIFIED}{authority}:{subject}"


def read(document: Document, folder: Path, problems: list[Problem]) -> tuple[Authority, ...]:
    """Return the authorities of a valid document, and add what is wrong with their files."""
    entries: Any = document.value.get("authorities", ())  # Any: validated against SCHEMA
    found = tuple(_authority(entry, folder) for entry in entries)
    for number, authority in enumerate(found):
        problems += _about_files(document, number, authority)
    return found


def _authority(entry: dict[str, Any], folder: Path) -> Authority:
    certificates = folder / entry["certificates"]
    holders = tuple(
        Signer(
            name=each["name"],
            fingerprint=identity_of(entry["name"], each["subject"]),
            key_file=certificates,
            packages=tuple(each["packages"]),
            origin=Origin.PROJECT,
            valid_from=None,
            valid_until=None,
            disabled=None,
            roles=tuple(each.get("roles", ())),
            facility=each.get("facility"),
        )
        for each in entry["holders"]
    )
    return Authority(entry["name"], certificates, folder / entry["revocations"], holders)


def _about_files(document: Document, number: int, authority: Authority) -> Iterator[Problem]:
    files = (
        ("certificates", authority.certificates, b"-----BEGIN CERTIFICATE-----"),
        ("revocations", authority.revocations, b"-----BEGIN X509 CRL-----"),
    )
    for field, file, begins in files:
        if not _begins(file, begins):
            yield Problem(
                document.where(("authorities", number, field)),
                "policy-authority-file",
                f"keys/{file.name} holds no {begins.decode().strip('-').removeprefix('BEGIN ')} in PEM",
                hint="openssl x509 and openssl crl convert with -inform der -outform pem",
            )


def _begins(file: Path, begins: bytes) -> bool:
    try:
        with file.open("rb") as stream:
            return begins in stream.read(1 << 20)
    except OSError:
        return False
