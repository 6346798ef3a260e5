# SPDX-License-Identifier: BSD-3-Clause
"""docs/trust-policy.md, written from the schema and the rules, so that it cannot be out of date.

`python -m trust.manual docs/trust-policy.md` writes it; a test compares it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from core import schema
from core.files import write_atomic
from trust.evidence import Purpose
from trust.policy.schema import LOCAL_SIGNERS, POLICY
from trust.rules import RULES
from trust.rules.rule import Rule
from trust.verdict import Group

_GROUPS = {
    Group.SAFETY: "Safety of code execution",
    Group.RELEASE: "Release planning",
    Group.LICENSING: "Licensing",
}


def manual() -> str:
    """Return the whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# The trust policy"
    yield ""
    yield "Generated from the schema and the rules: `python -m trust.manual docs/trust-policy.md`."
    yield "How trust works as a whole, and what it does not cover: [trust.md](trust.md)."
    yield ""
    yield "## The rules"
    yield ""
    yield "Every rule is asked; one no is a no. What could not be checked is refused."
    for group, title in _GROUPS.items():
        yield ""
        yield f"### {title}"
        for rule in RULES:
            if rule.group is group:
                yield from _rule(rule)
    yield ""
    yield "## `trust-policy/policy.yaml`"
    yield ""
    yield from schema.manual(POLICY).splitlines()
    yield ""
    yield "## `signers.yaml` of a state folder"
    yield ""
    yield "Written by `pansoft trust keygen --local` and by `pansoft demo`; never committed."
    yield ""
    yield from schema.manual(LOCAL_SIGNERS).splitlines()
    yield ""


def _rule(rule: Rule) -> Iterator[str]:
    waived = "" if rule.waivable else " It cannot be waived."
    asked = ", ".join(purpose for purpose in Purpose if purpose in rule.purposes)
    yield ""
    yield f"#### `{rule.id}`"
    yield ""
    yield f"- Asks: {rule.asks}"
    yield f"- Why: {rule.why}"
    yield f"- To mend a no: {rule.fix}."
    yield f"- Asked to: {asked}. Counts as: {rule.severity}.{waived}"
    yield f"- Looks at: {', '.join(f'`{path}`' for path in rule.reads)}."


if __name__ == "__main__":
    write_atomic(Path(sys.argv[1]), manual())
