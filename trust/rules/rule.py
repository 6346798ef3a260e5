# SPDX-License-Identifier: BSD-3-Clause
"""What a rule is: what it asks, why, how to mend a no, and the check itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from core.problems import Severity
from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.verdict import Group


@dataclass(frozen=True, slots=True)
class Passed:
    """Yes; the message says what was seen."""

    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """No; the message says what was seen, `fix` what mends just this case."""

    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The rule has nothing to say here; the message says why."""

    message: str


Answer: TypeAlias = Passed | Refusal | NotApplicable
Check: TypeAlias = Callable[[TrustPolicy, Evidence, datetime], Answer]

BUILT = frozenset({Purpose.SIGN, Purpose.PUBLISH, Purpose.VERIFY})
"""Asked as soon as there is an image."""

ALWAYS = frozenset({Purpose.MERGE, *BUILT})
"""Asked on the merge request as well: the recipe and its lock are enough."""

RELEASING = frozenset({Purpose.MERGE, Purpose.SIGN, Purpose.PUBLISH})
"""Asked until it is out; an image that is out does not become false because time passes."""


TIME = "at"
"""In what a rule reads: the moment for which it is asked."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `asks`, `why` and `fix` are sentences of the manual; `check` is pure and total.

    `reads` names what the check looks at, besides the name, the version and the purpose: fields of the
    evidence (`evidence.release.channel`) and sections of the policy as `policy.yaml` has them
    (`policy.safety.bases`), and `TIME` where the answer depends on the moment. Tests hold it to what the
    check really reads.

    One that is not `waivable` stays a no whoever signs an exception: without it nobody could tell
    who answers for what is run, or somebody else's right would be given away.
    """

    id: str
    group: Group
    purposes: frozenset[Purpose]
    asks: str
    why: str
    fix: str
    check: Check
    severity: Severity = Severity.ERROR
    reads: tuple[str, ...] = ()
    waivable: bool = True


def unknown(what: str) -> Refusal:
    """Return the answer to evidence that is not there: in doubt, no."""
    return Refusal(f"could not be checked: {what} is not known")
