# SPDX-License-Identifier: BSD-3-Clause
"""Approvals: people with roles say yes to one plan of one version, `trust-policy/approvals/*.yaml`.

How many must, with which roles and of how many facilities, is for the rule that asks: it depends on
the channel. Here each signature is verified and becomes one approval. What is refused, with its place:

- `signature-bad`     a signature is not good: then the whole file is refused
- `approval-self`     (a warning) whoever looks after the package does not count, where the policy wants
  four eyes
- `approval-authors`  the file does not name who looks after the package
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from core.errors import InvalidInput
from core.problems import Problem, Severity, errors, in_order
from core.schema import Schema
from trust.consent import counting, documents, voices
from trust.consent.documents import PACKAGE, VERSION, Signed
from trust.consent.voices import Voice
from trust.evidence import Approval
from trust.policy import TrustPolicy
from trust.policy.fields import listing, text

FOLDER: Final = "approvals"
KIND: Final = "approval"

CONTENT: Final[Schema] = {
    "kind": text("What is signed.", required=True, allowed=[KIND]),
    "package": text(
        "The exact name of the package.",
        required=True,
        regex=PACKAGE,
        pattern="the name of one package, without a pattern",
    ),
    "version": text(
        "The exact version.",
        required=True,
        regex=VERSION,
        pattern="one version, without a pattern",
    ),
    "plan": text(
        "The id of the plan: everything that decides the bytes.",
        required=True,
        regex=r"[0-9a-f]{64}",
        pattern="64 hex digits",
    ),
    "authors": listing(
        "Who looks after the package, by its recipe.", text("A name."), required=True
    ),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The approvals that count now, and what is wrong with the others."""

    approvals: tuple[Approval, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """One file: the approvals in it, who has signed it, and what is wrong."""

    signed: Signed
    approvals: tuple[Approval, ...]
    voices: tuple[Voice, ...]
    problems: tuple[Problem, ...]


def load(
    folder: Path,
    policy: TrustPolicy,
    *,
    at: datetime,
    authors: Mapping[str, tuple[str, ...]] | None = None,
) -> Loaded:
    """Return the approvals of a policy folder that count at a moment.

    Args:
        folder: the policy's folder; it need not have `approvals/`.
        policy: the policy, which says who has which role.
        at: the moment.
        authors: who looks after each package by the recipes at hand.
    """
    good: list[Approval] = []
    problems: list[Problem] = []
    for file in documents.files_in(folder / FOLDER):
        try:
            examined = examine(file, policy, at=at, authors=authors)
        except InvalidInput as err:
            problems += err.problems
            continue
        problems += examined.problems
        good += examined.approvals
    return Loaded(tuple(good), in_order(problems))


def examine(
    file: Path,
    policy: TrustPolicy,
    *,
    at: datetime,
    authors: Mapping[str, tuple[str, ...]] | None = None,
) -> Examined:
    """Return everything about one file of approvals; none of them counts where something is wrong.

    Raises:
        InvalidInput: it is not of the form of one.
    """
    signed = documents.read(file, CONTENT)
    heard, problems = voices.hear(signed, policy, at=at)
    own = tuple(signed.content["authors"])
    known = (authors or {}).get(signed.content["package"], ())
    if missing := [name for name in known if not counting.is_author(name, own)]:
        problems.append(
            Problem(
                signed.where("authors"),
                "approval-authors",
                f"{', '.join(missing)} looks after {signed.content['package']} and is not named here",
                hint="make the approval anew; pansoft trust approve takes the names from the recipe",
            )
        )
    counted = [
        each
        for each in heard
        if not (policy.people.four_eyes and counting.is_author(each.name, own))
    ]
    problems += [_self(signed, each) for each in heard if each not in counted]
    approvals = () if errors(problems) else tuple(_approval(signed, each) for each in counted)
    return Examined(signed, approvals, heard, in_order(problems))


def _self(signed: Signed, voice: Voice) -> Problem:
    return Problem(
        signed.document.where(("signatures",)),
        "approval-self",
        f"{voice.name} looks after {signed.content['package']}: somebody else must approve it",
        hint="the signature may stay; it does not count",
        severity=Severity.WARNING,
    )


def _approval(signed: Signed, voice: Voice) -> Approval:
    content = signed.content
    return Approval(
        by=voice.by,
        name=voice.name,
        roles=voice.roles,
        facility=voice.facility,
        subject=f"{content['package']} {content['version']}",
        plan=content["plan"],
        given=voice.given,
    )
