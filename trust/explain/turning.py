# SPDX-License-Identifier: BSD-3-Clause
"""When the answer of a rule changes although nobody does anything: a key expires, a freeze ends.

The judge is pure, so the way to know is to ask it at other times: day by day, then to the second in
between. Only the rules that say that they look at the time are asked, and those that a waiver answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from trust.evidence import Evidence
from trust.judge import judge
from trust.policy import TrustPolicy
from trust.rules.rule import TIME, Rule
from trust.verdict import Finding

HORIZON: Final = timedelta(days=5 * 366)
"""How far ahead is looked."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The first moment at which the answer is another, and that answer."""

    at: datetime
    finding: Finding


def turning(policy: TrustPolicy, evidence: Evidence, rule: Rule, *, at: datetime) -> Turn | None:
    """Return when the answer of a rule changes by itself; None where it does not for years."""
    if TIME not in rule.reads and not evidence.waivers:
        return None
    now = _answer(policy, evidence, rule, at)
    before, after = at, _next_day(at)
    while after <= at + HORIZON:
        if _answer(policy, evidence, rule, after).outcome is not now.outcome:
            moment = _first(policy, evidence, rule, before, after)
            return Turn(moment, _answer(policy, evidence, rule, moment))
        before, after = after, after + timedelta(days=1)
    return None


def _first(
    policy: TrustPolicy, evidence: Evidence, rule: Rule, before: datetime, after: datetime
) -> datetime:
    """Return the first second, between two moments with different answers, that has the later one."""
    old = _answer(policy, evidence, rule, before).outcome
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        moment = before + timedelta(seconds=middle)
        if _answer(policy, evidence, rule, moment).outcome is old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _answer(policy: TrustPolicy, evidence: Evidence, rule: Rule, at: datetime) -> Finding:
    return judge(policy, evidence, at=at, rules=(rule,)).findings[0]


def _next_day(at: datetime) -> datetime:
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)
