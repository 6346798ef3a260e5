# SPDX-License-Identifier: BSD-3-Clause
"""The issue of a job that fails: there is one as long as it does, then it is closed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from builder.recipes.recipe import Recipe
from core.errors import UserError
from pansoft.ci.gitlab import Gitlab, Posted, Text
from pansoft.ci.issues import answering, close
from pansoft.ci.markdown import block, code, link

LABEL = "alarm"
_MENDED = "<!-- pansoft:mended -->"
_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,99}")
_LINES = 60
_PACKAGES = 20


@dataclass(frozen=True, slots=True)
class Alarm:
    """A job that failed: when, where its log is, the lines that say why, and the recipes that it names.

    `scheduled` is whether a schedule ran it.
    """

    job: str
    at: datetime
    log: str | None
    lines: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    scheduled: bool = True


def check_job(job: str) -> None:
    """Refuse a name that an issue would not be found by.

    Raises:
        UserError: it is such a name.
    """
    if not _JOB.fullmatch(job) or "--" in job:
        raise UserError(
            f"{job!r} is no name of a job",
            hint="up to 100 letters, digits, blanks and . _ : / -, and no two - in a row",
        )


def marker_of(job: str) -> str:
    """Return the line by which the issue of a job is found again."""
    return f"<!-- pansoft:alarm {job} -->"


def raise_alarm(alarm: Alarm, gitlab: Gitlab) -> Posted:
    """Let there be one open issue of a job that says how it failed last.

    Raises:
        GitlabFailed: it cannot be written.
    """
    return gitlab.put_issue(text_of(alarm), marker=marker_of(alarm.job))


def end_alarm(job: str, log: str | None, gitlab: Gitlab) -> Posted | None:
    """Close the issue of a job that succeeds; None where there is none.

    Raises:
        GitlabFailed: it cannot be closed.
    """
    said = f"{link('The job', log)} succeeded."
    return close(gitlab, marker=marker_of(job), said=said, note_marker=_MENDED)


def text_of(alarm: Alarm) -> Text:
    """Return the issue of a job that failed."""
    kind = "scheduled " if alarm.scheduled else ""
    lines = [
        marker_of(alarm.job),
        "",
        f"The {kind}{link('job', alarm.log)} {code(alarm.job)} failed, the last time on "
        f"{alarm.at:%Y-%m-%d at %H:%M} UTC. This is written anew each time, and closed when it succeeds.",
        "",
    ]
    if alarm.lines:
        lines += [block("\n".join(alarm.lines), lines=_LINES), ""]
    if alarm.recipes:
        lines += ["| package | who answers for it |", "|---|---|"]
        lines += [
            f"| {code(recipe.key)} | {answering(recipe)} |" for recipe in alarm.recipes[:_PACKAGES]
        ]
        if len(alarm.recipes) > _PACKAGES:
            lines.append(f"| and {len(alarm.recipes) - _PACKAGES} more | |")
        lines.append("")
    return Text(f"{f'{kind}job'.capitalize()} fails: {alarm.job}", "\n".join(lines), (LABEL,))
