# SPDX-License-Identifier: BSD-3-Clause
"""licence-allowed: the licence is on the allow list, or somebody has read it for this package."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from core import spdx
from trust.evidence import Evidence
from trust.licences import choices
from trust.policy import TrustPolicy
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for one way to take the licence of which every part is accepted."""
    if evidence.licence is None:
        return unknown("the licence")
    expression = spdx.parse(evidence.licence.spdx)
    if not expression.is_valid:
        return Refusal("the licence is not a valid SPDX expression", "see licence-known")
    ways = [
        {key: _objection(policy, evidence.name, key) for key in way}
        for way in choices(expression.text)
    ]
    for way in ways:
        if not any(way.values()):
            return Passed(f"{' and '.join(sorted(way))} allowed")
    objections = dict.fromkeys(
        objection for way in ways for objection in way.values() if objection is not None
    )
    return Refusal("; ".join(objections))


def _objection(policy: TrustPolicy, package: str, licence: str) -> str | None:
    """Return what stands against one licence, or None. A denied one stays denied when reviewed."""
    if _listed(licence, policy.licensing.deny):
        return f"{licence} is denied"
    if _listed(licence, policy.licensing.allow):
        return None
    if any(
        review.package == package and review.licence == licence
        for review in policy.licensing.reviewed
    ):
        return None
    if _listed(licence, policy.licensing.review):
        return f"{licence} needs a review for {package}"
    return f"{licence} is on no list of the policy"


def _listed(licence: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(licence, pattern) for pattern in patterns)


RULE = Rule(
    id="licence-allowed",
    group=Group.LICENSING,
    purposes=ALWAYS,
    asks="The licence is on the policy's allow list, or on its review list and reviewed for this "
    "package. With OR one allowed choice is enough; with AND all must be.",
    why="A facility that offers software answers for its licence.",
    fix="propose the licence, or a review of it for the package, for `licensing` in trust- "
    "policy/policy.yaml",
    check=check,
    reads=(
        "evidence.licence.spdx",
        "policy.licensing.allow",
        "policy.licensing.review",
        "policy.licensing.deny",
        "policy.licensing.reviewed",
    ),
    waivable=False,
)
