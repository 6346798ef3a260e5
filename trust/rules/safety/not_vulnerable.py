# SPDX-License-Identifier: BSD-3-Clause
"""not-vulnerable: nothing in the image is of a version that an advisory warns of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from trust.evidence import Component, Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import BUILT, TIME, Answer, NotApplicable, Passed, Refusal, Rule, unknown
from trust.verdict import Group
from trust.vulnerabilities.advisories import Advisory, affecting

_SHOWN = 5


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Match the bill of materials against the advisories beside the policy."""
    asked = policy.safety.vulnerabilities
    if asked is None:
        return NotApplicable("the policy has no advisories")
    contents = evidence.bill.contents if evidence.bill else None
    if contents is None:
        return unknown("of which components and versions the image is made")
    found = list(affecting(asked.advisories, contents, at))
    bad = [
        (advisory, component)
        for advisory, component in found
        if advisory.level >= asked.refuse_from
        and asked.ignoring(advisory.names, evidence.name, at) is None
    ]
    if bad:
        return Refusal(_told(bad))
    more = f"; {len(found)} that are less bad or ignored" if found else ""
    return Passed(
        f"{len(contents)} components, no advisory of {len(asked.advisories)} that is "
        f"{asked.refuse_from.name.lower()} or worse{more}"
    )


def _told(bad: Iterable[tuple[Advisory, Component]]) -> str:
    told = [
        f"{component.name} {component.version} ({advisory.id}, {advisory.level.name.lower()}: "
        f"{advisory.summary})"
        for advisory, component in bad
    ]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return f"known to be vulnerable: {', '.join(told[:_SHOWN])}{more}"


RULE = Rule(
    id="not-vulnerable",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="No component of the image, its base's among them, is of a version that an advisory in "
    "trust-policy/advisories/ (OSV format) calls vulnerable, from the severity on that the policy names.",
    why="What everybody can look up, an attacker has looked up.",
    fix="take a version that is mended: raise it in the recipe, pansoft lock NAME; or ignore the advisory "
    "for the package under `safety.vulnerabilities` in trust-policy/policy.yaml, with reason and end",
    check=check,
    reads=("evidence.bill.contents", "policy.safety.vulnerabilities", TIME),
)
