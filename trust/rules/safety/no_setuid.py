# SPDX-License-Identifier: BSD-3-Clause
"""no-setuid: the package adds no file that lends its owner's rights or that anybody may rewrite."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the files that the build engine found."""
    risky = evidence.build.risky_files if evidence.build else None
    if risky is None:
        return unknown("which modes the files of the package have")
    if risky:
        more = f" and {len(risky) - 5} more" if len(risky) > 5 else ""
        return Refusal(f"set-uid, set-gid or world-writable: {', '.join(risky[:5])}{more}")
    cleared = len(evidence.build.cleared) if evidence.build else 0
    taken = f"; {cleared} of Debian's were made ordinary ones" if cleared else ""
    return Passed(f"the package adds no set-uid, set-gid or world-writable file{taken}")


RULE = Rule(
    id="no-setuid",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="Among what the package adds to its base there is no set-uid, set-gid or world- "
    "writable file.",
    why="A site that unpacks or mounts the tree as root would hand such rights to every user.",
    fix="take the bits away at the end of the recipe's script: chmod u-s,g-s,o-w FILE",
    check=check,
    reads=(
        "evidence.build.risky_files",
        "evidence.build.cleared",
    ),
)
