# SPDX-License-Identifier: BSD-3-Clause
"""signers-enough: as many as the policy wants stand behind it, of as many facilities."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.policy.safety import Signing
from trust.rules.readers import is_asked
from trust.rules.rule import TIME, Answer, NotApplicable, Passed, Refusal, Rule
from trust.rules.voices import Voice, facilities, named, people, voices
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Count those who signed or approved, for every demand that fits."""
    asked = [each for each in policy.safety.signing if is_asked(each.scope, policy, evidence)]
    if not asked:
        return NotApplicable("the policy asks for no number of signers here")
    found = voices(policy, evidence, at)
    missing = list(dict.fromkeys(said for each in asked for said in _missing(each, found)))
    if missing:
        doubt = "; its approvals are not known" if evidence.approvals is None else ""
        return Refusal(f"{'; '.join(missing)}; behind it stand: {named(found)}{doubt}")
    return Passed(f"behind it stand: {named(found)}")


def _missing(asked: Signing, found: tuple[Voice, ...]) -> list[str]:
    have, places = people(found), facilities(found)
    said = []
    if have < asked.voices:
        said.append(f"signed or approved by {have}, {asked.voices} are needed")
    if asked.facilities > 1 and len(places) < asked.facilities:
        said.append(f"of {len(places)} facilities, {asked.facilities} are needed")
    held = {role for each in found for role in each.roles}
    return said + [f"nobody is {role}" for role in asked.roles if role not in held]


RULE = Rule(
    id="signers-enough",
    group=Group.SAFETY,
    purposes=frozenset({Purpose.PUBLISH, Purpose.VERIFY}),
    asks="As many signatures of listed keys and approvals of just this plan as `safety.signing` wants "
    "for the package and its readers, of as many facilities, and with the roles that it names.",
    why="One stolen key or one person who errs must not be enough to run a program at every partner.",
    fix="pansoft trust approve NAME, or pansoft trust cosign PATH, by somebody of another facility",
    check=check,
    reads=(
        "evidence.signer",
        "evidence.signers",
        "evidence.witnessed",
        "evidence.approvals",
        "evidence.plan",
        "evidence.repository",
        "evidence.release.channel",
        "policy.safety.signing",
        "policy.signers",
        "policy.repositories",
        TIME,
    ),
    waivable=False,
)
