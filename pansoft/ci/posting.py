# SPDX-License-Identifier: BSD-3-Clause
"""The note, the label and the commit status, where GitLab is told of them."""

from __future__ import annotations

from dataclasses import dataclass

from pansoft.ci.gitlab import CommitState, CommitStatus, Gitlab, Login, Posted
from pansoft.ci.job import TOKEN_VARIABLE, Job
from pansoft.ci.note import MARKER, Note, Standing, heading, render

STATUS = "pansoft/report"
"""The name of the commit status."""
BEYOND = "pansoft-beyond-recipes"
"""The label of a merge request that changes more than recipes."""
OF_OTHERS = "pansoft-recipes-of-others"
"""The label of one that changes recipes which others look after."""


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in GitLab now; None where there is no place for it."""

    note: Posted | None
    labels: tuple[str, ...] | None
    status: Posted | None


def login_of(job: Job) -> Login:
    """Return where a job writes, and as whom.

    Raises:
        ValueError: the job does not know that.
    """
    if job.server is None or job.project is None or job.token is None:
        raise ValueError("the job does not know where to write")
    return Login(job.server, job.project, job.token, TOKEN_VARIABLE, job.ca_file)


def post(note: Note, job: Job, *, gitlab: Gitlab) -> Told:
    """Let the merge request of a job have the note and its label, and the commit its status.

    Raises:
        GitlabFailed: GitLab does not take them; what it took before stays.
    """
    written, labels, status = None, None, None
    if job.merge_request is not None:
        flags = {label_of(each): each is note.standing for each in Standing}
        flags |= {BEYOND: note.is_beyond_recipes, OF_OTHERS: bool(note.owned)}
        written = gitlab.put_note(job.merge_request, render(note), marker=MARKER)
        labels = gitlab.set_labels(
            job.merge_request,
            add=[label for label, holds in flags.items() if holds],
            remove=[label for label, holds in flags.items() if not holds],
        )
    if job.commit is not None and not job.of_fork:  # the commit of a fork is in another project
        status = gitlab.set_status(job.commit, _status(note, job))
    return Told(written, labels, status)


def label_of(standing: Standing) -> str:
    """Return the label of a merge request whose packages came so far; it has one of them at a time."""
    return f"pansoft::{standing}"


def _status(note: Note, job: Job) -> CommitStatus:
    state = CommitState.SUCCESS if note.standing is Standing.READY else CommitState.FAILED
    return CommitStatus(STATUS, state, heading(note), job.link or job.pipeline_link)
