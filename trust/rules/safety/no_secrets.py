# SPDX-License-Identifier: BSD-3-Clause
"""no-secrets: the image carries no private key, token or password."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Rule
from trust.rules.safety.sights import unexcused
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at what the scan took for a secret."""
    return unexcused(
        policy,
        evidence,
        kind="secret",
        rule="no-secrets",
        none="no private key, token or password",
        some="looks like a secret",
    )


RULE = Rule(
    id="no-secrets",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="In the texts of the image, its base's among them, nothing looks like a private key, "
    "an access token or a kept password.",
    why="What is published is read by everybody who mounts it, and a secret in it is one no "
    "longer.",
    fix="take the file out at the end of the recipe's script; a test key that everybody has "
    "is entered under safety.known in trust-policy/policy.yaml, with the reason",
    check=check,
    reads=(
        "evidence.scan",
        "policy.safety.known",
    ),
)
