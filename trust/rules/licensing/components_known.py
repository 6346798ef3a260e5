# SPDX-License-Identifier: BSD-3-Clause
"""components-known: a machine can tell the licence of everything in the image."""

from __future__ import annotations

from datetime import datetime

from core.problems import Severity
from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.licensing.components_allowed import licences_of
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group

_SHOWN = 10


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Count the components that declare nothing and that nobody has reviewed."""
    if evidence.bill is None or evidence.bill.contents is None:
        return unknown("what the image holds")
    licensing = policy.licensing
    silent = [
        f"{each.name} {each.version}"
        for each in evidence.bill.contents
        if each.origin not in licensing.components.trusted_origins
        and not licences_of(licensing, evidence.name, each)
    ]
    if not silent:
        return Passed("every licence is known, or its origin is trusted")
    more = f" and {len(silent) - _SHOWN} more" if len(silent) > _SHOWN else ""
    return Refusal(
        f"no machine can tell the licence of {len(silent)}: {', '.join(silent[:_SHOWN])}{more}"
    )


RULE = Rule(
    id="components-known",
    group=Group.LICENSING,
    purposes=BUILT,
    asks="Every component comes from an origin that the policy trusts, or says its licence in SPDX's "
    "words, or somebody has looked it up.",
    why="About a third of all Python packages say nothing that a machine understands; a person has to "
    "look at least once.",
    fix="look it up and propose it for `licensing.components.reviewed` in trust-policy/policy.yaml, or "
    "ask its makers for a License-Expression",
    check=check,
    severity=Severity.WARNING,
    reads=("evidence.bill.contents", "policy.licensing.components"),
)
