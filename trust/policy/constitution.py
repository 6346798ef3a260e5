# SPDX-License-Identifier: BSD-3-Clause
"""The policy as the judge knows it, read from `trust-policy/`: `policy.yaml`, keys, advisories.

Two sources, never mixed up. The project's own signers come from the folder that is reviewed like
code. A laptop or a CI job that runs the demo has a key of its own, which must not be committed: it
stands in `signers.yaml` of its run state (`<state>/trust-policy/`), is marked `local`, and counts
only there and only for repositories that the *project's* policy calls `local`. The local file can
add signers and nothing else; it cannot change a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.canonical import sha256_of
from core.errors import InvalidInput
from core.files import sha256_file
from core.problems import Problem, errors, in_order
from core.schema import Schema, validate
from core.strict_yaml import Document, load
from trust.policy import (
    authorities,
    licensing,
    people,
    release,
    repositories,
    safety,
    signers,
    waivers,
)
from trust.policy.authorities import CERTIFIED, Authority
from trust.policy.licensing import Licensing
from trust.policy.people import People
from trust.policy.release import Release
from trust.policy.repositories import Audience, Repository
from trust.policy.safety import Safety
from trust.policy.schema import LOCAL_SIGNERS, POLICY
from trust.policy.signers import Origin, Signer
from trust.policy.waivers import WaiverTerms
from trust.vulnerabilities import advisories

POLICY_FILE = "policy.yaml"
LOCAL_FILE = "signers.yaml"


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Everything that the rules ask. `sha256` covers the project's files, not the local ones."""

    version: int
    sha256: str
    signers: tuple[Signer, ...]
    repositories: tuple[Repository, ...]
    safety: Safety
    release: Release
    licensing: Licensing
    people: People = field(default_factory=People)
    authorities: tuple[Authority, ...] = ()
    waivers: WaiverTerms | None = None
    strict: tuple[str, ...] = ()

    def audience_of(self, repository: str) -> Audience | None:
        """Return who can read a repository, or None for one that the policy does not know."""
        return repositories.audience_of(self.repositories, repository)

    def signer(self, fingerprint: str) -> Signer | None:
        """Return the signer with this key, or None; `x509:AUTHORITY:SUBJECT` is one with a certificate."""
        listed = self.signers
        if fingerprint.startswith(CERTIFIED):
            listed = tuple(holder for each in self.authorities for holder in each.holders)
        return next((signer for signer in listed if signer.fingerprint == fingerprint), None)

    @property
    def public_keys(self) -> tuple[Path, ...]:
        """Return the key files of all signers, the disabled ones too: a refusal can then name them."""
        return tuple(dict.fromkeys(signer.key_file for signer in self.signers))


def load_policy(folder: Path, *, local: Path | None = None) -> TrustPolicy:
    """Read the policy.

    Args:
        folder: the project's `trust-policy/`, or another policy in such a folder: a file to be tried.
        local: the folder of a state's own `signers.yaml`; it need not exist.

    Raises:
        InvalidInput: with every problem of both files.
    """
    file = policy_file(folder)
    policy = _policy(_read(file, POLICY), file.parent)
    if local is None or not (local / LOCAL_FILE).is_file():
        return policy
    return _with_local_signers(policy, local)


def policy_file(place: Path) -> Path:
    """Return the policy of a folder, or the file itself where one is named."""
    return place if place.is_file() else place / POLICY_FILE


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


def _policy(document: Document, folder: Path) -> TrustPolicy:
    problems: list[Problem] = []
    listed = signers.read(document, folder, Origin.PROJECT, problems)
    told = people.read(document, folder, problems)
    known = advisories.read_folder(folder / advisories.FOLDER, problems)
    asked = safety.read(document, known, problems)
    planned = release.read(document, problems)
    certified = authorities.read(document, folder, problems)
    if problems:
        raise InvalidInput(in_order(problems))
    data: Any = document.value  # Any: validated against POLICY
    files = (
        *(file for each in listed for file in (each.key_file, each.revoked_key_file) if file),
        *told.key_files,
        *(file for each in certified for file in (each.certificates, each.revocations)),
    )
    keys = {str(file.relative_to(folder)): sha256_file(file) for file in files}
    records = {f.name: sha256_file(f) for f in (folder / advisories.FOLDER).glob("*.json")}
    return TrustPolicy(
        version=data["version"],
        sha256=sha256_of({"policy": data, "keys": keys, "advisories": records}),
        signers=listed,
        repositories=repositories.read(document),
        safety=asked,
        release=planned,
        licensing=licensing.read(document),
        authorities=certified,
        people=told,
        waivers=waivers.read(document),
        strict=tuple(data.get("strict", ())),
    )


def _with_local_signers(policy: TrustPolicy, folder: Path) -> TrustPolicy:
    problems: list[Problem] = []
    document = _read(folder / LOCAL_FILE, LOCAL_SIGNERS)
    mine = signers.read(document, folder, Origin.LOCAL, problems)
    if problems:
        raise InvalidInput(in_order(problems))
    listed = {signer.fingerprint for signer in policy.signers}
    new = tuple(signer for signer in mine if signer.fingerprint not in listed)
    return replace(policy, signers=policy.signers + new)
