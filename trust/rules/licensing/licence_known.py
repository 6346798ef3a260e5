# SPDX-License-Identifier: BSD-3-Clause
"""licence-known: the licence is said in SPDX's words."""

from __future__ import annotations

from datetime import datetime

from core import spdx
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Read the expression."""
    if evidence.licence is None:
        return unknown("the licence")
    expression = spdx.parse(evidence.licence.spdx)
    if not expression.is_valid:
        return Refusal("; ".join(expression.problems))
    return Passed(expression.text)


RULE = Rule(
    id="licence-known",
    group=Group.LICENSING,
    purposes=ALWAYS,
    asks="The licence is a valid SPDX expression.",
    why="Only what has a name can be allowed or denied.",
    fix="write `license.spdx` with identifiers from spdx.org/licenses, or LicenseRef-NAME",
    check=check,
    reads=("evidence.licence.spdx",),
)
