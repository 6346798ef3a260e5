# SPDX-License-Identifier: BSD-3-Clause
"""retirement-noticed: what people use is not taken away overnight."""

from __future__ import annotations

from datetime import UTC, datetime

from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.policy.release import Retirement
from trust.rules.rule import TIME, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Look for the notice of just this version, and whether its days are over."""
    days = policy.release.retirement_notice_days
    if days is None:
        return Refusal("the policy does not say how long before its retirement a notice is given")
    if evidence.history is None:
        return unknown("which versions the repository holds")
    title = f"{evidence.name} {evidence.version}"
    if all(each.version != evidence.version for each in evidence.history):
        return Refusal(f"{title} is not published, so there is nothing to retire")
    notices = [
        each
        for each in policy.release.retirements
        if each.package == evidence.name and evidence.version in each.versions
    ]
    if not notices:
        return Refusal(f"there is no notice of the retirement of {title}")
    objections = [_objection(each, days, at) for each in notices]
    if all(objections):
        return Refusal(next(each for each in objections if each))
    return Passed(f"announced on {notices[objections.index(None)].announced}")


def _objection(notice: Retirement, days: int, at: datetime) -> str | None:
    given = (notice.on - notice.announced).days
    if given < days:
        return f"announced {given} days before, {days} are needed"
    if at.astimezone(UTC).date() < notice.on:
        return f"announced for {notice.on}"
    return None


RULE = Rule(
    id="retirement-noticed",
    group=Group.RELEASE,
    purposes=frozenset({Purpose.RETIRE}),
    asks="`release.retirements` lists the version, with as many days between the notice and its end as "
    "`release.retirement_notice_days` wants, and that day has come.",
    why="Analyses run for weeks, and theses cite versions.",
    fix="propose a notice for `release.retirements` in trust-policy/policy.yaml, and wait until its day",
    check=check,
    reads=(
        "evidence.history",
        "policy.release.retirement_notice_days",
        "policy.release.retirements",
        TIME,
    ),
)
