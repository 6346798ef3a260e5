# SPDX-License-Identifier: BSD-3-Clause
"""inputs-pinned: every byte that goes in has a sha256 that a person has reviewed."""

from __future__ import annotations

import re
from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for inputs without a sha256."""
    inputs = evidence.build.inputs if evidence.build else None
    if inputs is None:
        return unknown("what the build's inputs are")
    loose = [each.name for each in inputs if not re.fullmatch(r"[0-9a-f]{64}", each.sha256 or "")]
    if loose:
        more = f" and {len(loose) - 5} more" if len(loose) > 5 else ""
        return Refusal(f"without a sha256: {', '.join(loose[:5])}{more}")
    return Passed(f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}, each with its sha256")


RULE = Rule(
    id="inputs-pinned",
    group=Group.SAFETY,
    purposes=ALWAYS,
    asks="Every input of the lock (Debian package, Python artefact, archive, file) has a sha256.",
    why="A mirror or an index that is broken into cannot slip other bytes into an image.",
    fix="pansoft lock NAME, and commit the lock",
    check=check,
    reads=("evidence.build.inputs",),
)
