# SPDX-License-Identifier: BSD-3-Clause
"""approved: people with the roles that the policy names said yes to just this."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.policy.release import Approvals
from trust.rules.readers import is_asked
from trust.rules.rule import TIME, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.rules.voices import Voice, approvers, facilities, named, people
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Count the approvals of each role."""
    asked = [each for each in policy.release.approvals if is_asked(each.scope, policy, evidence)]
    if not asked:
        return NotApplicable("the policy asks for no approval here")
    if evidence.approvals is None:
        return unknown("who approved it")
    if evidence.plan is None:
        return unknown("the plan that an approval would be of")
    given = approvers(evidence, at)
    missing = [said for each in asked if (said := _missing(each, given))]
    if missing:
        return Refusal("; ".join(missing))
    return Passed(f"approved by {named(given)}")


def _missing(asked: Approvals, given: tuple[Voice, ...]) -> str | None:
    found = [each for each in given if asked.role in each.roles]
    places = facilities(found)
    if people(found) < asked.people:
        return f"approved by {people(found)} with the role {asked.role}, {asked.people} are needed"
    if asked.facilities > 1 and len(places) < asked.facilities:
        return (
            f"approved by {asked.role} of {len(places)} facilities, {asked.facilities} are needed"
        )
    return None


RULE = Rule(
    id="approved",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.PUBLISH}),
    asks="As many people with the role that `release.approvals` names, of as many facilities, have "
    "approved just this plan of this version.",
    why="Those who answer for a beamline decide what it measures with.",
    fix="pansoft trust approve NAME, by somebody who has the role",
    check=check,
    reads=(
        "evidence.approvals",
        "evidence.plan",
        "evidence.repository",
        "evidence.release.channel",
        "policy.release.approvals",
        "policy.repositories",
        TIME,
    ),
)
