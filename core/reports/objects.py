# SPDX-License-Identifier: BSD-3-Clause
"""Problems for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.problems import Problem, in_order
from core.reports.places import shown_path


def as_json(problems: Sequence[Problem], *, root: Path) -> dict[str, Any]:
    """Return the problems for programs; the format's version is in `schema`."""
    return {
        "schema": 1,
        "problems": [
            {
                "file": shown_path(problem.where.file, root),
                "line": problem.where.line,
                "column": problem.where.column,
                "field": problem.field,
                "rule": problem.rule,
                "severity": problem.severity.value,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in in_order(problems)
        ],
    }
