# SPDX-License-Identifier: BSD-3-Clause
"""Whether applying what is checked out takes a repository back: `apply --forward`, for pipelines.

A pipeline that comes late, or that somebody retries, has an older commit than the one that was applied last.
It would move channels back and take versions into use again that were retired. The journal names the commit
that was applied last and when it was made. Pipelines clone the end of a history only, and a newer commit is
not in the clone of an older one, so where history does not answer, the journal and that date do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from catalog.spelling import time_text
from core.errors import UserError
from pansoft.checkout import Checkout
from pansoft.journal import Began, Result, Run, runs_in

_WAY_OUT = "apply a newer commit, such as one of git revert; to go back on purpose, run it without --forward"


def committed_at(checkout: Checkout, commit: str) -> str:
    """Return when a commit was made, in UTC, as the journal has times.

    Raises:
        UserError: there is no such commit in the checkout.
    """
    return time_text(datetime.fromtimestamp(checkout.time_of(commit), UTC))


def check_forward(project: Path, journal: Path, warn: Callable[[str], None]) -> None:
    """Refuse what is checked out where another commit was applied after it.

    Where the two cannot be compared at all, `warn` is told and nothing is refused.

    Args:
        project: the recipes and the policy, in a git checkout.
        journal: the file of the journal; nothing was applied where it is not there.
        warn: is given a sentence.

    Raises:
        UserError: what is checked out is older than the commit that was applied last, or left its history;
            this is no checkout; the journal cannot be read.
    """
    applied = [run.began for run in runs_in(journal) if run.began.commit and _has_effect(run)]
    if not applied:
        return
    last, checkout = applied[-1], Checkout(project)
    known, head = str(last.commit), checkout.commit_of("HEAD")
    if checkout.is_ancestor(known, head):  # so is a commit of itself
        return
    if checkout.is_ancestor(head, known):
        raise _refusal(f"commit {head[:12]} is older than", last)
    if checkout.has(known) and not checkout.is_shallow():
        raise _refusal(f"commit {head[:12]} does not come after", last)
    if any(began.commit == head for began in applied):
        raise _refusal(f"commit {head[:12]} was applied before", last)
    of_last = last.committed or (committed_at(checkout, known) if checkout.has(known) else None)
    of_head = committed_at(checkout, head)
    if of_last is not None and of_head < of_last:  # to the second, in UTC: texts sort as times do
        raise _refusal(f"commit {head[:12]}, made at {of_head}, is older than", last)
    by_date = f"; it was made at {of_last}, before this one" if of_last else " at all"
    warn(
        f"warning: this clone does not show whether commit {head[:12]} comes after {known[:12]}, which was "
        f"applied on {last.at}: the two cannot be compared by history{by_date}"
    )


def _has_effect(run: Run) -> bool:
    """Return whether the repository became what a run's commit says, at least in part; in doubt it did."""
    is_done = run.ended is not None and run.ended.result is Result.DONE
    return is_done or bool(run.published) or run.interrupted is not None


def _refusal(how: str, last: Began) -> UserError:
    known = str(last.commit)[:12]
    return UserError(
        f"{how} {known}, which was applied on {last.at}; nothing was done", hint=_WAY_OUT
    )
