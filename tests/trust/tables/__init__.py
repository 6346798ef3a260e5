# SPDX-License-Identifier: BSD-3-Clause
"""Cases of the judge, one table for each subject: what differs from accepted evidence, and the answer.

`at` among the differences is the moment that is asked for, all others are fields of the evidence.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from tests.trust.cases import EVIDENCE, NOON
from trust.evidence import Evidence
from trust.verdict import Outcome

Case: TypeAlias = tuple[str, dict[str, Any], Outcome, str]
"""The rule, what is different, the outcome, and a part of the message."""


def evidence_of(changed: dict[str, Any]) -> tuple[Evidence, datetime]:
    """Return the evidence and the moment of a case."""
    fields = {name: value for name, value in changed.items() if name != "at"}
    return replace(EVIDENCE, **fields), changed.get("at", NOON)
