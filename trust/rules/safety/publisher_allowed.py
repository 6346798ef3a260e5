# SPDX-License-Identifier: BSD-3-Clause
"""publisher-allowed: what others read is published by a pipeline that the policy names."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trust.evidence import Evidence, Purpose
from trust.policy import Audience, TrustPolicy
from trust.policy.people import PUBLISHER
from trust.rules.rule import Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group

_ASKED: Final = (Audience.PUBLIC, Audience.PARTNERS)


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Ask for the role of whoever publishes, where the repository has readers elsewhere."""
    if evidence.repository is None:
        return unknown("the repository")
    audience = policy.audience_of(evidence.repository)
    if audience is not None and audience not in _ASKED:
        return NotApplicable(f"{evidence.repository} is for {audience}")
    seen = evidence.publisher
    if seen is None:
        return unknown("who publishes")
    if PUBLISHER not in seen.roles:
        roles = ", ".join(seen.roles) or "no role"
        return Refusal(f"{seen.name} ({seen.by}) has {roles}, not {PUBLISHER}")
    return Passed(f"published by {seen.name} ({seen.by}) for {seen.facility}")


RULE = Rule(
    id="publisher-allowed",
    group=Group.SAFETY,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="Whoever publishes to a repository that the public or partners read is a pipeline that the "
    f"policy gives the role `{PUBLISHER}`, by a token of its GitLab.",
    why="A key that signs can be copied to another machine; a token says which project and which "
    "protected branch a job is of, and is worth nothing an hour later.",
    fix="publish from the pipeline that `people.pipelines` names, with its `id_tokens`; "
    "pansoft trust whoami says what a token is worth",
    check=check,
    reads=(
        "evidence.repository",
        "evidence.publisher",
        "policy.repositories",
    ),
    waivable=False,
)
