# SPDX-License-Identifier: BSD-3-Clause
"""version-immutable: what was published under a version stays what it was."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules.rule import Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Compare the bytes with those that the repository holds."""
    if evidence.published is None:
        return unknown("what the repository holds under this version")
    if evidence.signed_sha256 is None:
        return unknown("the sha256 of the signed image")
    held = evidence.published.sha256
    if held is None:
        return Passed(f"{evidence.name} {evidence.version} is not in the repository yet")
    if held != evidence.signed_sha256:
        return Refusal(
            f"{evidence.name} {evidence.version} is published with other bytes "
            f"({held[:12]}, this is {evidence.signed_sha256[:12]})"
        )
    return Passed("published already, with the same bytes")


RULE = Rule(
    id="version-immutable",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="A version that is published is never published with other bytes.",
    why="A result must be reproducible with the version that its authors cite.",
    fix="raise `version` in the recipe; `+1` behind it names a second build of the same program",
    check=check,
    reads=(
        "evidence.published",
        "evidence.signed_sha256",
    ),
    waivable=False,
)
