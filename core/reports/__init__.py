# SPDX-License-Identifier: BSD-3-Clause
"""Problems as texts, one module for each form: for people, programs, GitLab's merge requests, SARIF viewers.

Whoever has found problems, in a recipe, a policy or a verdict, hands them to `render`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from core.canonical import readable_json
from core.problems import Problem
from core.reports.gitlab import gitlab
from core.reports.objects import as_json
from core.reports.places import shown_path
from core.reports.sarif import RuleText, sarif
from core.reports.text import text

__all__ = ["Format", "RuleText", "as_json", "gitlab", "render", "sarif", "shown_path", "text"]


class Format(StrEnum):
    """Whom a report is for."""

    TEXT = "text"
    JSON = "json"
    GITLAB = "gitlab"
    SARIF = "sarif"


def render(
    problems: Sequence[Problem],
    form: Format,
    *,
    root: Path | None = None,
    rules: Mapping[str, RuleText] | None = None,
) -> str:
    """Return the problems in one of the formats.

    Args:
        problems: what was found.
        form: whom the report is for.
        root: paths are shown relative to it, by default to the current folder, so that they can be pasted.
        rules: what rules ask, for the forms that show it.
    """
    root = root or Path.cwd()
    match form:
        case Format.TEXT:
            return text(problems, root=root)
        case Format.JSON:
            return readable_json(as_json(problems, root=root))
        case Format.GITLAB:
            return readable_json(gitlab(problems, root=root))
        case Format.SARIF:
            return readable_json(sarif(problems, root=root, rules=rules or {}))
        case _:
            assert_never(form)
