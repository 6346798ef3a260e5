# SPDX-License-Identifier: BSD-3-Clause
"""redistribution: nobody is given what they may not be given."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.rule import Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the right that the recipe states with who can read the repository."""
    if evidence.licence is None:
        return unknown("the redistribution right")
    if evidence.repository is None:
        return unknown("the repository")
    audience = policy.audience_of(evidence.repository)
    if audience is None:
        return Refusal(
            f"the policy does not know the repository {evidence.repository}",
            "propose it for `repositories` in trust-policy/policy.yaml",
        )
    right = evidence.licence.redistribution
    audiences = dict(policy.licensing.redistribution).get(right)
    if audiences is None:
        return Refusal(f"there is no redistribution right '{right}'")
    if audience not in audiences:
        may = ", ".join(audiences) or "nobody"
        return Refusal(
            f"redistribution is {right}: it may be given to {may}; "
            f"{evidence.repository} is for {audience}"
        )
    return Passed(f"redistribution is {right}, and {evidence.repository} is for {audience}")


RULE = Rule(
    id="redistribution",
    group=Group.LICENSING,
    purposes=frozenset({Purpose.MERGE, Purpose.PUBLISH}),
    asks="The redistribution right that the recipe states covers everybody who can read the "
    "repository.",
    why="Publishing is handing out copies: what only partners may have goes where only they "
    "can read.",
    fix="publish to a repository with a smaller audience, or show the right in `license.evidence`",
    check=check,
    reads=(
        "evidence.licence.redistribution",
        "evidence.repository",
        "policy.repositories",
        "policy.licensing.redistribution",
    ),
    waivable=False,
)
