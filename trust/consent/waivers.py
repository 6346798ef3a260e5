# SPDX-License-Identifier: BSD-3-Clause
"""Waivers: signed exceptions of the policy, `trust-policy/waivers/*.yaml`, checked before they count.

Each is about one rule, one package, named versions and a time. What is refused, with its place:

- `waiver-terms`     the policy has no section `waivers`
- `waiver-never`     no such rule, or one that no waiver answers
- `waiver-long`      it lasts longer than the policy lets one, or ends before it begins
- `waiver-early`     it begins later than now
- `waiver-expired`   it is over (a warning: it counts no more, and may be removed)
- `waiver-authors`   it does not name who looks after the package
- `waiver-threshold` too few have signed, of too few facilities, or nobody but the package's own people
- `signature-bad`    one of its signatures is not good: then the whole file is refused

That a package and its versions are written out, without patterns, is for the schema to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from core.errors import InvalidInput
from core.problems import Problem, Severity, in_order
from core.schema import Schema
from trust.consent import counting, documents, voices
from trust.consent.counting import Needed
from trust.consent.documents import PACKAGE, TIME, VERSION, Signed
from trust.consent.voices import Voice
from trust.evidence import Waiver
from trust.identity.tokens import SKEW
from trust.policy import TrustPolicy, WaiverTerms
from trust.policy.fields import listing, matching, text
from trust.rules import RULES

FOLDER: Final = "waivers"
KIND: Final = "waiver"

CONTENT: Final[Schema] = {
    "kind": text("What is signed.", required=True, allowed=[KIND]),
    "rule": text(
        "The one rule whose no it answers.",
        required=True,
        regex=r"[a-z][a-z0-9-]*",
        pattern="the id of a rule",
    ),
    "package": text(
        "The exact name of the package.",
        required=True,
        regex=PACKAGE,
        pattern="the name of one package, without a pattern",
    ),
    "versions": listing(
        "The exact versions.",
        matching(VERSION, "one version, without a pattern"),
        required=True,
        minlength=1,
        maxlength=20,
    ),
    "reason": text("Why this is all right.", required=True, minlength=10, maxlength=2000),
    "authors": listing(
        "Who looks after the package, by its recipe.", text("A name."), required=True
    ),
    "granted": text(
        "The moment from which it holds.",
        required=True,
        regex=TIME,
        pattern="a time like 2026-01-31T12:00:00Z",
    ),
    "expires": text(
        "The moment from which it no longer does.",
        required=True,
        regex=TIME,
        pattern="a time like 2026-01-31T12:00:00Z",
    ),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The waivers that count now, and what is wrong with the others."""

    waivers: tuple[Waiver, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """One file: what it would be as evidence, who has signed it, and what is wrong."""

    signed: Signed
    waiver: Waiver
    voices: tuple[Voice, ...]
    problems: tuple[Problem, ...]


def load(
    folder: Path,
    policy: TrustPolicy,
    *,
    at: datetime,
    authors: Mapping[str, tuple[str, ...]] | None = None,
) -> Loaded:
    """Return the waivers of a policy folder that count at a moment.

    One that is wrong counts for nothing and is told of; it does not keep the others from counting.

    Args:
        folder: the policy's folder; it need not have `waivers/`.
        policy: the policy, which says who may waive what.
        at: the moment.
        authors: who looks after each package by the recipes at hand.
    """
    good: list[Waiver] = []
    problems: list[Problem] = []
    for file in documents.files_in(folder / FOLDER):
        try:
            examined = examine(file, policy, at=at, authors=authors)
        except InvalidInput as err:
            problems += err.problems
            continue
        problems += examined.problems
        if not examined.problems:
            good.append(examined.waiver)
    return Loaded(tuple(good), in_order(problems))


def examine(
    file: Path,
    policy: TrustPolicy,
    *,
    at: datetime,
    authors: Mapping[str, tuple[str, ...]] | None = None,
) -> Examined:
    """Return everything about one waiver.

    Raises:
        InvalidInput: it is not of the form of one.
    """
    signed = documents.read(file, CONTENT)
    granted, expires = _times(signed)
    heard, problems = voices.hear(signed, policy, at=at)
    problems += _faults(signed, heard, policy, granted=granted, expires=expires, at=at)
    known = (authors or {}).get(signed.content["package"], ())
    if missing := [
        name for name in known if not counting.is_author(name, signed.content["authors"])
    ]:
        problems.append(
            Problem(
                signed.where("authors"),
                "waiver-authors",
                f"{', '.join(missing)} looks after {signed.content['package']} and is not named here",
                hint="make the waiver anew; pansoft trust waive takes the names from the recipe",
            )
        )
    return Examined(
        signed, _waiver(signed, heard, policy, granted, expires), heard, in_order(problems)
    )


def needed_for(content: Mapping[str, Any], policy: TrustPolicy, terms: WaiverTerms) -> Needed:
    """Return who must sign a waiver."""
    return Needed(
        threshold=terms.threshold,
        roles=terms.roles,
        facilities=terms.facilities,
        authors=tuple(content["authors"]),
        four_eyes=policy.people.four_eyes,
    )


def never(rule: str, policy: TrustPolicy) -> str | None:
    """Return why no waiver answers a rule, or None."""
    known = next((each for each in RULES if each.id == rule), None)
    if known is None:
        return f"there is no rule '{rule}'"
    if not known.waivable:
        return f"no policy lets '{rule}' be waived: {known.why}"
    if policy.waivers is not None and rule in policy.waivers.never:
        return f"this policy never lets '{rule}' be waived"
    return None


def _faults(
    signed: Signed,
    heard: tuple[Voice, ...],
    policy: TrustPolicy,
    *,
    granted: datetime,
    expires: datetime,
    at: datetime,
) -> Iterator[Problem]:
    terms = policy.waivers
    if terms is None:
        yield Problem(
            signed.where("kind"),
            "waiver-terms",
            "the policy says of no waiver what it needs, so none counts",
            hint="propose a section `waivers` in policy.yaml",
        )
        return
    if wrong := never(signed.content["rule"], policy):
        yield Problem(
            signed.where("rule"), "waiver-never", wrong, hint="mend what the rule says no to"
        )
    yield from _faults_of_time(signed, terms, granted=granted, expires=expires, at=at)
    needed = needed_for(signed.content, policy, terms)
    for missing in counting.lacking(heard, needed):
        could = ", ".join(counting.who_could(heard, needed, policy)) or "nobody in the policy"
        yield Problem(
            signed.document.where(("signatures",)),
            "waiver-threshold",
            missing,
            hint=f"pansoft trust waive {signed.content['rule']} {signed.content['package']} signs it; "
            f"who could: {could}",
        )


def _faults_of_time(
    signed: Signed, terms: WaiverTerms, *, granted: datetime, expires: datetime, at: datetime
) -> Iterator[Problem]:
    if not granted < expires <= granted + timedelta(days=terms.longest_days):
        yield Problem(
            signed.where("expires"),
            "waiver-long",
            f"it is from {granted:%Y-%m-%d} until {expires:%Y-%m-%d}; a waiver lasts at most "
            f"{terms.longest_days} days",
            hint="make one that ends earlier",
        )
    if granted > at + SKEW:
        yield Problem(
            signed.where("granted"),
            "waiver-early",
            f"it holds from {granted:%Y-%m-%d %H:%M} UTC on",
        )
    if expires <= at:
        yield Problem(
            signed.where("expires"),
            "waiver-expired",
            f"it ended on {expires:%Y-%m-%d %H:%M} UTC and counts no more",
            hint="remove the file, or make a new one if the reason still holds",
            severity=Severity.WARNING,
        )


def _times(signed: Signed) -> tuple[datetime, datetime]:
    found, problems = [], []
    for field in ("granted", "expires"):
        try:
            found.append(datetime.fromisoformat(signed.content[field]))
        except ValueError:
            problems.append(
                Problem(signed.where(field), "waiver-time", f"there is no {signed.content[field]}")
            )
    if problems:
        raise InvalidInput(problems)
    return found[0], found[1]


def _waiver(
    signed: Signed,
    heard: tuple[Voice, ...],
    policy: TrustPolicy,
    granted: datetime,
    expires: datetime,
) -> Waiver:
    terms, content = policy.waivers, signed.content
    able = counting.counting(heard, needed_for(content, policy, terms)) if terms else ()
    return Waiver(
        id=signed.id,
        rule=content["rule"],
        package=content["package"],
        versions=tuple(content["versions"]),
        reason=content["reason"],
        approvers=tuple(each.name for each in able),
        granted=granted,
        expires=expires,
    )
