# SPDX-License-Identifier: BSD-3-Clause
"""Problems as GitLab's Code Quality report, which marks the lines of a merge request.

Its fields are those of https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.problems import Problem, Severity, in_order
from core.reports.places import fingerprints, sentence, shown_path


def gitlab(problems: Sequence[Problem], *, root: Path) -> list[dict[str, Any]]:
    """Return the report."""
    ordered = in_order(problems)
    return [
        {
            "description": sentence(problem),
            "check_name": problem.rule,
            "fingerprint": fingerprint,
            "severity": _severity(problem),
            "location": {
                "path": shown_path(problem.where.file, root),
                "lines": {"begin": problem.where.line},
            },
        }
        for problem, fingerprint in zip(ordered, fingerprints(ordered, root), strict=True)
    ]


def _severity(problem: Problem) -> str:
    if problem.excused is not None:
        return "info"
    return "major" if problem.severity is Severity.ERROR else "minor"
