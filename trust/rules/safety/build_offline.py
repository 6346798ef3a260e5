# SPDX-License-Identifier: BSD-3-Clause
"""build-offline: nothing was fetched while the image was made."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Ask the build engine whether the network was off."""
    network_off = evidence.build.network_off if evidence.build else None
    if network_off is None:
        return unknown("whether the network was off during the build")
    if not network_off:
        return Refusal("the build had a network")
    return Passed("built with no network")


RULE = Rule(
    id="build-offline",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="The image was built with the network off.",
    why="What a build downloads is in no lock: nobody reviewed it and nobody can build it again.",
    fix="declare what the build needs under `build`, then pansoft lock NAME and pansoft build NAME",
    check=check,
    reads=("evidence.build.network_off",),
)
