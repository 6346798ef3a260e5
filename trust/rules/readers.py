# SPDX-License-Identifier: BSD-3-Clause
"""Who can read the repository, for rules that ask more where more people read."""

from __future__ import annotations

from trust.evidence import Evidence
from trust.policy import Audience, TrustPolicy
from trust.policy.scope import Scope


def audience(policy: TrustPolicy, evidence: Evidence) -> Audience | None:
    """Return who can read the repository; None where nobody knows, which is to be taken for everybody."""
    return policy.audience_of(evidence.repository) if evidence.repository is not None else None


def is_asked(scope: Scope, policy: TrustPolicy, evidence: Evidence) -> bool:
    """Return whether a demand of the policy is asked of this package in this channel for these readers."""
    channel = evidence.release.channel if evidence.release else None
    return scope.covers(evidence.name, channel=channel, audience=audience(policy, evidence))
