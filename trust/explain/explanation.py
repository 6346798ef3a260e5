# SPDX-License-Identifier: BSD-3-Clause
"""One rule's answer, explained: then and now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.canonical import Json
from core.strict_yaml import Document
from trust.codec import to_json
from trust.evidence import Evidence
from trust.explain.asked import Asked, asked
from trust.explain.seen import Seen, seen
from trust.explain.turning import Turn, turning
from trust.explain.ways import ways
from trust.judge import judge
from trust.policy import TrustPolicy
from trust.rules.rule import Rule
from trust.verdict import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule asked and saw, what it answered then and answers now, and what would change that.

    `then` is None for a rule that was not asked then.
    """

    rule: Rule
    asked: tuple[Asked, ...]
    seen: tuple[Seen, ...]
    then: Finding | None
    now: Finding
    turn: Turn | None
    ways: tuple[str, ...]

    @property
    def has_changed(self) -> bool:
        """Return whether the answer is another one now."""
        return self.then is None or self.then.outcome is not self.now.outcome


def explanations(
    policy: TrustPolicy,
    document: Document,
    evidence: Evidence,
    then: Verdict,
    *,
    at: datetime,
    rules: Sequence[Rule],
) -> tuple[Explanation, ...]:
    """Return every rule's answer, explained.

    Args:
        policy: asked now.
        document: the file that it was read from, for the lines.
        evidence: what was seen when it was decided.
        then: what was decided.
        at: the moment for which it is asked again.
        rules: which rules.
    """
    before = {finding.rule: finding for finding in then.findings}
    now = judge(policy, evidence, at=at, rules=rules)
    found = []
    for rule, finding in zip(rules, now.findings, strict=True):
        turn = turning(policy, evidence, rule, at=at)
        found.append(
            Explanation(
                rule=rule,
                asked=asked(rule, document),
                seen=seen(rule, evidence),
                then=before.get(rule.id),
                now=finding,
                turn=turn,
                ways=ways(policy, evidence, rule, finding, turn),
            )
        )
    return tuple(found)


def text(explanation: Explanation) -> str:
    """Return an explanation as people read it."""
    return "\n".join(_lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    rule, then, now = explanation.rule, explanation.then, explanation.now
    yield f"{rule.id}: {now.outcome}"
    yield f"  asks     {rule.asks}"
    yield f"  why      {rule.why}"
    for each in explanation.asked:
        yield f"  policy   {each.section}: {each.says}"
        yield f"           {each.where.file}:{each.where.line}"
    for fact in explanation.seen:
        yield f"  seen     {fact.field}: {fact.holds}"
    if explanation.has_changed:
        yield f"  then     {f'{then.outcome}: {then.message}' if then else 'not asked'}"
        yield f"  now      {now.outcome}: {now.message}"
    else:
        yield f"  answer   {now.message}"
    for way in explanation.ways:
        yield f"  change   {way}"


def as_json(explanation: Explanation) -> dict[str, Json]:
    """Return an explanation as programs read it."""
    rule, turn = explanation.rule, explanation.turn
    return {
        "rule": rule.id,
        "group": str(rule.group),
        "asks": rule.asks,
        "why": rule.why,
        "asked": [
            {"section": a.section, "says": a.says, "file": str(a.where.file), "line": a.where.line}
            for a in explanation.asked
        ],
        "seen": [to_json(fact) for fact in explanation.seen],
        "then": to_json(explanation.then),
        "now": to_json(explanation.now),
        "changed": explanation.has_changed,
        "turns": {"at": to_json(turn.at), "finding": to_json(turn.finding)} if turn else None,
        "ways": list(explanation.ways),
    }
