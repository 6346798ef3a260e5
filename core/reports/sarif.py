# SPDX-License-Identifier: BSD-3-Clause
"""Problems as SARIF 2.1.0, which editors and code hosts show.

What somebody lets pass is a result with a suppression, which viewers show apart from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.problems import Position, Problem, in_order
from core.reports.places import fingerprints, sentence, shown_path

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule asks, and why."""

    asks: str
    why: str


def sarif(
    problems: Sequence[Problem], *, root: Path, rules: Mapping[str, RuleText] | None = None
) -> dict[str, Any]:
    """Return the report; `rules` has the words of the rules that have any."""
    ordered = in_order(problems)
    names = sorted({problem.rule for problem in ordered})
    described = [_rule(name, (rules or {}).get(name)) for name in names]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "pansoft", "rules": described}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(problem, names, root, fingerprint)
                    for problem, fingerprint in zip(
                        ordered, fingerprints(ordered, root), strict=True
                    )
                ],
            }
        ],
    }


def _rule(name: str, words: RuleText | None) -> dict[str, Any]:
    if words is None:
        return {"id": name}
    return {
        "id": name,
        "shortDescription": {"text": words.asks},
        "fullDescription": {"text": words.why},
    }


def _result(problem: Problem, names: Sequence[str], root: Path, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": problem.rule,
        "ruleIndex": names.index(problem.rule),
        "level": problem.severity.value,
        "message": {"text": sentence(problem)},
        "locations": [_location(problem.where, root)],
        "partialFingerprints": {"pansoft/v1": fingerprint},
    }
    if problem.related:
        result["relatedLocations"] = [
            {**_location(where, root), "message": {"text": what}} for where, what in problem.related
        ]
    if problem.excused is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": problem.excused}
        ]
    return result


def _location(where: Position, root: Path) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": shown_path(where.file, root)},
            "region": {"startLine": where.line, "startColumn": where.column},
        }
    }
