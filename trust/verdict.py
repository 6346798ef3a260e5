# SPDX-License-Identifier: BSD-3-Clause
"""The judge's answer: one finding per rule, and whether all of it is acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.problems import Severity
from trust.evidence import Purpose


class Outcome(StrEnum):
    """How one rule was answered. `warned` is the no of a rule that holds nothing back; `waived` is a no
    that a signed exception answers.
    """

    PASSED = "passed"
    WARNED = "warned"
    REFUSED = "refused"
    WAIVED = "waived"
    NOT_APPLICABLE = "not-applicable"


class Group(StrEnum):
    """The three questions that partners ask."""

    SAFETY = "safety"
    RELEASE = "release"
    LICENSING = "licensing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's answer: the sentence for the packager, and what to do if it is a no.

    `waiver` is the id of the signed exception that answered a no.
    """

    rule: str
    group: Group
    severity: Severity
    outcome: Outcome
    message: str
    fix: str | None
    waiver: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about which package, when, for what, under which policy."""

    name: str
    version: str
    purpose: Purpose
    at: datetime
    policy_version: int
    policy_sha256: str
    findings: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Return whether rules were asked and none that counts as an error said no."""
        return bool(self.findings) and not self.refusals

    def __bool__(self) -> bool:
        """Return whether it is accepted, so that `if verdict:` reads as it should."""
        return self.accepted

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(finding for finding in self.findings if finding.outcome is outcome)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Return the findings that say no and hold the package back."""
        return self.of(Outcome.REFUSED)

    @property
    def waived(self) -> tuple[Finding, ...]:
        """Return the findings that say no and are answered by a signed exception."""
        return self.of(Outcome.WAIVED)


_MARKS = {
    Outcome.PASSED: "ok",
    Outcome.WARNED: "warn",
    Outcome.REFUSED: "NO",
    Outcome.WAIVED: "waived",
    Outcome.NOT_APPLICABLE: "-",
}


def text(verdict: Verdict) -> str:
    """Return the verdict as people read it: the answer, one line per rule, and which were not asked."""
    answer = "accepted" if verdict.accepted else "refused"
    lines = [
        f"{verdict.name} {verdict.version}: {answer} (asked to {verdict.purpose}, "
        f"{verdict.at:%Y-%m-%d %H:%M} UTC, policy version {verdict.policy_version} "
        f"{verdict.policy_sha256[:12]})"
    ]
    not_asked = f"not asked to {verdict.purpose}"
    asked = [finding for finding in verdict.findings if finding.message != not_asked]
    width = max((len(finding.rule) for finding in asked), default=0)
    for finding in asked:
        mark = _MARKS[finding.outcome]
        lines.append(f"  {mark:>6}  {finding.rule:<{width}}  {finding.message}")
        if finding.outcome in (Outcome.REFUSED, Outcome.WARNED) and finding.fix:
            lines.append(f"          {'':<{width}}  to mend it: {finding.fix}")
    if others := [finding.rule for finding in verdict.findings if finding not in asked]:
        lines.append(f"  {not_asked}: {', '.join(others)}")
    return "\n".join(lines)


def reasons(verdict: Verdict) -> str:
    """Return why it was refused, one rule per line; for an error message."""
    return "\n".join(f"  {finding.rule}: {finding.message}" for finding in verdict.refusals)
