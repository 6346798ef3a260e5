# SPDX-License-Identifier: BSD-3-Clause
"""What would change a no: what mends it, who can see what nobody saw, a waiver, or waiting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from trust.evidence import Evidence
from trust.explain.seen import fields
from trust.explain.turning import Turn
from trust.policy import TrustPolicy
from trust.rules.rule import Rule
from trust.verdict import Finding, Outcome

PRODUCERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "base": "pansoft build NAME",
        "bases": "pansoft build NAME",
        "plan": "pansoft build NAME",
        "expected_plan": "pansoft lock NAME, then pansoft sign NAME",
        "image_sha256": "pansoft build NAME",
        "signed_sha256": "pansoft sign NAME, then pansoft apply NAME",
        "build": "pansoft build NAME",
        "tests": "pansoft test NAME",
        "scan": "pansoft build NAME",
        "bill": "pansoft build NAME",
        "provenance": "pansoft sign NAME",
        "licence": "pansoft sign NAME",
        "release": "pansoft sign NAME",
        "signer": "pansoft sign NAME",
        "signers": "pansoft sign NAME",
        "repository": "pansoft apply NAME",
        "published": "pansoft apply NAME",
        "publisher": "pansoft apply NAME in a pipeline whose token the policy knows",
        "approvals": "pansoft apply NAME, with approvals of people that the policy lists",
        "waivers": "pansoft apply NAME, with waivers that people have signed",
        "history": "pansoft apply NAME",
        "witnessed": "pansoft apply NAME",
        "package": "pansoft sign NAME",
    }
)
"""Which command looks at a fact of the evidence."""

_NO: Final = (Outcome.REFUSED, Outcome.WARNED, Outcome.WAIVED)


def ways(
    policy: TrustPolicy, evidence: Evidence, rule: Rule, finding: Finding, turn: Turn | None
) -> tuple[str, ...]:
    """Return what would change an answer, in sentences; the first is the one to try."""
    return tuple(_ways(policy, evidence, rule, finding, turn))


def _ways(
    policy: TrustPolicy, evidence: Evidence, rule: Rule, finding: Finding, turn: Turn | None
) -> Iterator[str]:
    if finding.outcome in _NO:
        if finding.fix:
            yield f"to mend it: {finding.fix}"
        yield from _unseen(evidence, rule)
    if turn is not None:
        yield (
            f"by itself: {turn.finding.outcome} from {turn.at:%Y-%m-%d %H:%M:%S} UTC on "
            f"({turn.finding.message})"
        )
    if finding.outcome is Outcome.REFUSED:
        yield _waiver(policy, evidence, rule)


def _unseen(evidence: Evidence, rule: Rule) -> Iterator[str]:
    """Yield, for each fact that nobody looked at, what looks at it."""
    for name in dict.fromkeys(field.partition(".")[0] for field in fields(rule)):
        if getattr(evidence, name) is None:
            yield f"nobody looked at `{name}`: {PRODUCERS[name].replace('NAME', evidence.name)}"


def _waiver(policy: TrustPolicy, evidence: Evidence, rule: Rule) -> str:
    terms = policy.waivers
    if not rule.waivable or (terms and rule.id in terms.never):
        return "no waiver can answer this rule"
    if terms is None:
        return "no waiver counts: the policy has no section `waivers`"
    people = "1 person" if terms.threshold == 1 else f"{terms.threshold} people"
    return (
        f"a waiver of at most {terms.longest_days} days, signed by {people} with a role of "
        f"{', '.join(terms.roles)}, of {terms.facilities} or more facilities: pansoft trust waive "
        f"{rule.id} {evidence.name} --reason WHY --days N"
    )
