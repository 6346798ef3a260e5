# SPDX-License-Identifier: BSD-3-Clause
"""What a look at an image saw of one kind, less what the policy knows and excuses."""

from __future__ import annotations

from trust.evidence import Evidence
from trust.policy import TrustPolicy
from trust.rules.rule import Answer, Passed, Refusal, unknown

_SHOWN = 5


def unexcused(
    policy: TrustPolicy, evidence: Evidence, *, kind: str, rule: str, none: str, some: str
) -> Answer:
    """Return a no that names the sights of a kind, or a yes where all of them are excused.

    Args:
        policy: its `safety.known` excuses.
        evidence: with what was seen.
        kind: one of `trust.evidence.SIGHTS`.
        rule: the rule that asks.
        none: the sentence where there is none.
        some: begins the sentence that names them.
    """
    if evidence.scan is None:
        return unknown("what is in the image")
    if blind := evidence.scan.of("unreadable"):
        return Refusal(
            f"could not be checked: {blind[0].path} cannot be read ({len(blind)} in all)"
        )
    seen = evidence.scan.of(kind)
    left = [each for each in seen if not policy.safety.is_known(rule, evidence.name, each.path)]
    if left:
        named = ", ".join(f"{each.path} ({each.what})" for each in left[:_SHOWN])
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        return Refusal(f"{some}: {named}{more}")
    excused = f"; {len(seen)} known to the policy" if seen else ""
    return Passed(f"{none} in {evidence.scan.files} files{excused}")
