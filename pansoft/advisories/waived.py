# SPDX-License-Identifier: BSD-3-Clause
"""What the policy says does no harm (`safety.vulnerabilities.ignored`), and what has ended of that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from core.problems import Problem, Severity
from core.strict_yaml import Document
from trust.policy import TrustPolicy
from trust.policy.safety import Ignored


def waiver_of(
    policy: TrustPolicy, names: Collection[str], package: str, *, at: datetime
) -> Ignored | None:
    """Return what lets an advisory pass in a package, by any of its names; None where nothing does."""
    asked = policy.safety.vulnerabilities
    return asked.ignoring(names, package, at) if asked else None


def ended_of(
    policy: TrustPolicy, names: Collection[str], package: str, *, at: datetime
) -> Ignored | None:
    """Return what let an advisory pass in a package until a day that is over; None where nothing did."""
    asked = policy.safety.vulnerabilities
    return next(
        (
            each
            for each in (asked.ignored if asked else ())
            if each.is_about(names, package) and each.has_ended(at)
        ),
        None,
    )


def waiver_problems(
    policy: TrustPolicy, document: Document, packages: Sequence[str], *, at: datetime
) -> Iterator[Problem]:
    """Yield a warning for what ignores nothing any more: its day is over, or there is no such package."""
    asked = policy.safety.vulnerabilities
    for number, each in enumerate(asked.ignored if asked else ()):
        path = ("safety", "vulnerabilities", "ignored", number)
        if each.has_ended(at):
            yield Problem(
                document.where((*path, "until")),
                "ignored-ended",
                f"{each.id} was ignored until {each.until}; the policy counts it again",
                hint="look at it again: take a mended version, or give it another day and say why",
                severity=Severity.WARNING,
            )
        for place, pattern in enumerate(each.packages):
            if not any(fnmatchcase(name, pattern) for name in packages):
                yield Problem(
                    document.where((*path, "packages", place)),
                    "ignored-nowhere",
                    f"{each.id} is ignored in '{pattern}', and no recipe is named so",
                    hint="take it out, or write the name of a recipe",
                    severity=Severity.WARNING,
                )
