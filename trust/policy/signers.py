# SPDX-License-Identifier: BSD-3-Clause
"""The section `signers`: the keys whose signatures count, and for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from core.problems import Problem
from core.schema import Schema
from core.strict_yaml import Document
from trust.policy.fields import (
    FACILITY,
    FINGERPRINT,
    PATTERN,
    ROLE,
    day,
    listing,
    matching,
    read_day,
    text,
)

_SIGNER: Final[Schema] = {
    "name": text("Who holds the key, as people know them.", required=True, maxlength=100),
    "fingerprint": text(
        "The fingerprint of the key's primary PGP key.",
        required=True,
        regex=FINGERPRINT,
        pattern="40 hex digits in capitals, without spaces",
        hint="pansoft trust keygen prints it; gpg --show-keys FILE shows it",
    ),
    "key": text(
        "The armored public key, a file of the folder `keys/` beside this file.",
        required=True,
        regex=r"keys/[A-Za-z0-9][A-Za-z0-9._-]*\.asc",
        pattern="like keys/NAME.asc",
        example="keys/release-2026.asc",
    ),
    "packages": listing(
        "The packages that this key may sign, as names or patterns; `*` is every package.",
        matching(PATTERN, "a package name or a pattern of one"),
        required=True,
        minlength=1,
    ),
    "roles": listing(
        "What the holder answers for; `safety.signing` and `release.approvals` ask for roles.",
        matching(ROLE, "a role like release-manager"),
    ),
    "facility": text(
        "The facility that the holder speaks for; two keys of one facility are one voice where "
        "facilities are counted.",
        regex=FACILITY,
        pattern="a short name like esrf",
    ),
    "valid_from": day("The first day on which the key may sign."),
    "valid_until": day(
        "The last day on which the key's signatures are accepted, whatever the key itself says."
    ),
    "disabled": text(
        "Why nothing signed by this key is accepted any more. The entry stays, so that a "
        "refusal can say so.",
        maxlength=500,
        example="the laptop that held it was stolen on 2026-03-02",
    ),
    "removed": {
        "type": "dict",
        "schema": {
            "on": day("The day on which the signer left or the key was lost.", required=True),
            "why": text("Why.", required=True, maxlength=500, example="left the facility"),
            "accept_before": day(
                "What the repository had published before this day stays accepted. Without it "
                "nothing does. The day is the repository's, not the signature's: whoever has the "
                "key can write any day into a signature."
            ),
        },
        "meta": {
            "description": "The signer is gone: from now on the key signs nothing new, whatever the "
            "days say. What was published before is accepted by `accept_before`, or when a "
            "signer who still counts has signed it as well (`pansoft trust cosign`)."
        },
    },
    "revoked_key": text(
        "The same public key with its revocation, for everybody's key rings. `key` stays as it was: gpg "
        "and Apptainer take no signature of a revoked key, so what `removed` still accepts could "
        "not be verified. Needs `removed`.",
        regex=r"keys/[A-Za-z0-9][A-Za-z0-9._-]*\.asc",
        pattern="like keys/NAME.revoked.asc",
        example="keys/release-2026.revoked.asc",
    ),
}

SCHEMA: Final[dict[str, Any]] = listing(
    "The keys whose signatures count, each for the packages it is listed for.",
    {"type": "dict", "schema": _SIGNER},
    required=True,
)


class Origin(StrEnum):
    """Where a signer is listed: in the project's policy, or in the run state of this machine."""

    PROJECT = "project"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Removed:
    """When and why a signer is gone, and the first day whose publications are no longer accepted."""

    on: date
    why: str
    accept_before: date | None = None

    def accepts(self, witnessed: datetime | None) -> bool:
        """Return whether what was first published at this moment is still accepted; None is unknown."""
        if self.accept_before is None or witnessed is None:
            return False
        return witnessed < datetime.combine(self.accept_before, time(), UTC)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key whose signatures count, and for what. Days are whole days in UTC."""

    name: str
    fingerprint: str
    key_file: Path
    packages: tuple[str, ...]
    origin: Origin
    valid_from: date | None
    valid_until: date | None
    disabled: str | None
    roles: tuple[str, ...] = ()
    facility: str | None = None
    removed: Removed | None = None
    revoked_key_file: Path | None = None

    @property
    def ring_file(self) -> Path:
        """Return the public key for key rings: the revoked one where the key was revoked."""
        return self.revoked_key_file or self.key_file

    def signs_new(self, at: datetime) -> bool:
        """Return whether the policy lets the key sign something new at a moment."""
        return self.disabled is None and self.removed is None and self.is_current(at)

    def may_sign(self, package: str) -> bool:
        """Return whether the package is one of those the key is listed for."""
        return any(fnmatchcase(package, pattern) for pattern in self.packages)

    def is_current(self, at: datetime) -> bool:
        """Return whether `at` is within the days that the policy gives the key."""
        begun = self.valid_from is None or at >= datetime.combine(self.valid_from, time(), UTC)
        ended = self.valid_until is not None and at >= datetime.combine(
            self.valid_until + timedelta(days=1), time(), UTC
        )
        return begun and not ended


def read(
    document: Document, folder: Path, origin: Origin, problems: list[Problem]
) -> tuple[Signer, ...]:
    """Return the signers of a valid document whose keys lie in a folder, and add what is wrong."""
    found: dict[str, Signer] = {}
    entries: Any = document.value["signers"]  # Any: validated against SCHEMA
    for number, entry in enumerate(entries):
        signer = _signer(document, number, entry, folder, origin, problems)
        if signer.fingerprint in found:
            problems.append(
                Problem(
                    document.where(("signers", number, "fingerprint")),
                    "policy-signer-twice",
                    f"the key of '{signer.name}' is listed a second time",
                    hint="put all its packages into one entry",
                )
            )
        problems += _about_keys(document, number, signer)
        found[signer.fingerprint] = signer
    return tuple(found.values())


def _about_keys(document: Document, number: int, signer: Signer) -> Iterator[Problem]:
    """Yield what is wrong with the key files of a signer."""
    for field, file in (("key", signer.key_file), ("revoked_key", signer.revoked_key_file)):
        if file is not None and not _is_armored_key(file):
            yield Problem(
                document.where(("signers", number, field)),
                "policy-key-missing",
                f"keys/{file.name} is not an armored public PGP key",
                hint="pansoft trust keygen writes one; gpg --armor --export FINGERPRINT too",
            )
    if signer.revoked_key_file is not None and signer.removed is None:
        yield Problem(
            document.where(("signers", number, "revoked_key")),
            "policy-revoked-not-removed",
            f"the key of '{signer.name}' is revoked, and the signer is not removed",
            hint="say since when under 'removed'; pansoft trust key revoke prints the lines",
        )


def _signer(
    document: Document,
    number: int,
    entry: dict[str, Any],
    folder: Path,
    origin: Origin,
    problems: list[Problem],
) -> Signer:
    def when(field: str) -> date | None:
        return read_day(document, ("signers", number, field), entry.get(field), problems)

    return Signer(
        name=entry["name"],
        fingerprint=entry["fingerprint"],
        key_file=folder / entry["key"],
        packages=tuple(entry["packages"]),
        origin=origin,
        valid_from=when("valid_from"),
        valid_until=when("valid_until"),
        disabled=entry.get("disabled"),
        roles=tuple(entry.get("roles", ())),
        facility=entry.get("facility"),
        removed=_removed(document, number, entry.get("removed"), problems),
        revoked_key_file=folder / entry["revoked_key"] if "revoked_key" in entry else None,
    )


def _removed(
    document: Document, number: int, entry: dict[str, Any] | None, problems: list[Problem]
) -> Removed | None:
    """Return why a signer is gone; a day that is in no calendar is a problem, and read as none."""
    if entry is None:
        return None

    def when(field: str) -> date | None:
        path = ("signers", number, "removed", field)
        return read_day(document, path, entry.get(field), problems)

    return Removed(when("on") or date.min, entry["why"], when("accept_before"))


def _is_armored_key(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in stream.read(4096)
    except OSError:
        return False
