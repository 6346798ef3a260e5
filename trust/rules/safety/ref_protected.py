# SPDX-License-Identifier: BSD-3-Clause
"""ref-protected: the build ran for a branch or tag that only reviewed changes reach."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.readers import audience
from trust.rules.rule import BUILT, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the ref in the provenance, where the policy wants a protected one."""
    asked = policy.safety.protected_refs
    readers = audience(policy, evidence)
    if asked is None or (readers is not None and readers not in asked.audiences):
        return NotApplicable("the policy asks for no protected branch here")
    made = evidence.provenance
    if made is None or made.ref is None or made.protected is None:
        return unknown("which branch or tag it was built for, and whether that is protected")
    if not made.protected:
        return Refusal(f"built for {made.ref}, which is not protected")
    if asked.refs and not any(fnmatchcase(made.ref, pattern) for pattern in asked.refs):
        return Refusal(f"built for {made.ref}, which is not one of {', '.join(asked.refs)}")
    return Passed(f"built for {made.ref}, which is protected")


RULE = Rule(
    id="ref-protected",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="For the audiences that `safety.protected_refs` names, the provenance says that the build ran "
    "for a protected branch or tag, one of those that are listed there.",
    why="A pipeline of a merge request builds what its author has written and nobody has read.",
    fix="merge the change, and let the pipeline of the protected branch build, sign and publish it",
    check=check,
    reads=(
        "evidence.provenance.ref",
        "evidence.provenance.protected",
        "evidence.repository",
        "policy.safety.protected_refs",
        "policy.repositories",
    ),
)
