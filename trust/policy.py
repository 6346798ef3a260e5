# SPDX-License-Identifier: BSD-3-Clause
"""The policy as the judge knows it, read from `trust-policy/policy.yaml` and its keys.

Two sources, never mixed up. The project's own signers come from the folder that is reviewed like
code. A laptop or a CI job that runs the demo has a key of its own, which must not be committed: it
stands in `signers.yaml` of its run state (`<state>/trust-policy/`), is marked `local`, and counts
only there and only for repositories that the *project's* policy calls `local`. The local file can
add signers and nothing else; it cannot change a rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from core.canonical import sha256_of
from core.errors import InvalidInput
from core.files import sha256_file
from core.problems import Problem, errors, in_order
from core.schema import Schema, validate
from core.strict_yaml import Document, load
from trust.policy_schema import LOCAL_SIGNERS, POLICY

POLICY_FILE = "policy.yaml"
LOCAL_FILE = "signers.yaml"


class Audience(StrEnum):
    """Who can read a repository."""

    PUBLIC = "public"
    PARTNERS = "partners"
    SITE = "site"
    LOCAL = "local"


class Origin(StrEnum):
    """Where a signer is listed: in the project's policy, or in the run state of this machine."""

    PROJECT = "project"
    LOCAL = "local"


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


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository name or pattern, and who can read it."""

    pattern: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody read this licence for this package."""

    package: str
    licence: str
    by: str
    on: str
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody looked at what a rule says no to, in these packages at these paths."""

    rule: str
    package: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Everything that the rules ask. `sha256` covers the project's file and its keys, not local ones."""

    version: int
    sha256: str
    signers: tuple[Signer, ...]
    repositories: tuple[Repository, ...]
    bases: tuple[str, ...]
    channels: tuple[str, ...]
    licences_allowed: tuple[str, ...]
    licences_to_review: tuple[str, ...]
    licences_denied: tuple[str, ...]
    reviews: tuple[Review, ...]
    redistribution: tuple[tuple[str, tuple[Audience, ...]], ...]
    known: tuple[Known, ...] = ()

    def is_known(self, rule: str, package: str, path: str) -> bool:
        """Return whether the policy excuses what a rule saw at a path of a package."""
        return any(
            each.rule == rule
            and fnmatchcase(package, each.package)
            and fnmatchcase(path, each.path)
            for each in self.known
        )

    def audience_of(self, repository: str) -> Audience | None:
        """Return who can read a repository, or None for one that the policy does not know."""
        for known in self.repositories:
            if fnmatchcase(repository, known.pattern):
                return known.audience
        return None

    def signer(self, fingerprint: str) -> Signer | None:
        """Return the signer with this key, or None."""
        return next((s for s in self.signers if s.fingerprint == fingerprint), None)

    @property
    def public_keys(self) -> tuple[Path, ...]:
        """Return the key files of all signers, the disabled ones too: a refusal can then name them."""
        return tuple(dict.fromkeys(signer.key_file for signer in self.signers))


def load_policy(folder: Path, *, local: Path | None = None) -> TrustPolicy:
    """Read the policy.

    Args:
        folder: the project's `trust-policy/`.
        local: the folder of a state's own `signers.yaml`; it need not exist.

    Raises:
        InvalidInput: with every problem of both files.
    """
    document = _read(folder / POLICY_FILE, POLICY)
    signers = _signers(document, folder, Origin.PROJECT)
    keys = {str(s.key_file.relative_to(folder)): sha256_file(s.key_file) for s in signers}
    if local is not None and (local / LOCAL_FILE).is_file():
        listed = {signer.fingerprint for signer in signers}
        mine = _signers(_read(local / LOCAL_FILE, LOCAL_SIGNERS), local, Origin.LOCAL)
        signers += tuple(signer for signer in mine if signer.fingerprint not in listed)
    data: Any = document.value  # Any: validated against POLICY above
    licensing = data["licensing"]
    return TrustPolicy(
        version=data["version"],
        sha256=sha256_of({"policy": data, "keys": keys}),
        signers=signers,
        repositories=tuple(
            Repository(each["name"], Audience(each["audience"])) for each in data["repositories"]
        ),
        bases=tuple(data["safety"]["bases"]),
        known=tuple(Known(**each) for each in data["safety"].get("known", ())),
        channels=tuple(data["release"]["channels"]),
        licences_allowed=tuple(licensing["allow"]),
        licences_to_review=tuple(licensing["review"]),
        licences_denied=tuple(licensing["deny"]),
        reviews=tuple(Review(**each) for each in licensing["reviewed"]),
        redistribution=tuple(
            (right, tuple(Audience(name) for name in audiences))
            for right, audiences in licensing["redistribution"].items()
        ),
    )


def check_policy(folder: Path) -> tuple[Problem, ...]:
    """Return every problem of the policy; none is good news. For `pansoft check`."""
    try:
        load_policy(folder)
    except InvalidInput as err:
        return err.problems
    return ()


def _read(file: Path, schema: Schema) -> Document:
    document = load(file)
    problems = errors(validate(document, schema))
    if problems:
        raise InvalidInput(problems)
    return document


def _signers(document: Document, folder: Path, origin: Origin) -> tuple[Signer, ...]:
    problems: list[Problem] = []
    found: dict[str, Signer] = {}
    entries: Any = document.value["signers"]  # Any: validated by the caller
    for number, entry in enumerate(entries):
        path = ("signers", number)
        signer = Signer(
            name=entry["name"],
            fingerprint=entry["fingerprint"],
            key_file=folder / entry["key"],
            packages=tuple(entry["packages"]),
            origin=origin,
            valid_from=_day(document, (*path, "valid_from"), entry.get("valid_from"), problems),
            valid_until=_day(document, (*path, "valid_until"), entry.get("valid_until"), problems),
            disabled=entry.get("disabled"),
        )
        if signer.fingerprint in found:
            problems.append(
                Problem(
                    document.where((*path, "fingerprint")),
                    "policy-signer-twice",
                    f"the key of '{signer.name}' is listed a second time",
                    hint="put all its packages into one entry",
                )
            )
        if not _is_armored_key(signer.key_file):
            problems.append(
                Problem(
                    document.where((*path, "key")),
                    "policy-key-missing",
                    f"{entry['key']} is not an armored public PGP key",
                    hint="pansoft trust keygen writes one; gpg --armor --export FINGERPRINT too",
                )
            )
        found[signer.fingerprint] = signer
    if problems:
        raise InvalidInput(in_order(problems))
    return tuple(found.values())


def _day(
    document: Document, path: tuple[str | int, ...], text: str | None, problems: list[Problem]
) -> date | None:
    if text is None:
        return None
    day = day_of(text)
    if day is None:
        problems.append(
            Problem(
                document.where(path), "policy-day", f"there is no day {text}", hint="see a calendar"
            )
        )
    return day


def day_of(text: str) -> date | None:
    """Return the day that `YYYY-MM-DD` names, or None if there is no such day."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_armored_key(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in stream.read(4096)
    except OSError:
        return False
