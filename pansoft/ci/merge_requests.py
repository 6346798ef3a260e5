# SPDX-License-Identifier: BSD-3-Clause
"""The reports of merge requests, as the default branch reads them: to tell them, or to compare bytes.

A pipeline of a merge request runs what somebody wants to be merged, so it is trusted with no token. Its
last job leaves a file. Whoever has a token reads that as a stranger's word: the form is checked, every text
is shown as a text, and what the request changes is asked of GitLab.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import UserError
from pansoft.ci import kept, owners, posting
from pansoft.ci.gitlab import Gitlab, RequestHead
from pansoft.ci.job import Job
from pansoft.ci.note import Note, Owned, PackageNote
from pansoft.ci.owners import Owner
from pansoft.ci.pipeline import REPORT_FILE, REPORT_JOB
from pansoft.ci.preview import Preview, believed


@dataclass(frozen=True, slots=True)
class Report:
    """What the pipeline of a merge request says of packages."""

    request: RequestHead
    packages: tuple[PackageNote, ...]
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How a merge request was told: None where there is nothing to tell yet, `why` where it failed."""

    number: int
    told: posting.Told | None
    why: str | None = None


def report_of(gitlab: Gitlab, number: int) -> Report | None:
    """Return what the last pipeline of a merge request says; None where none has come to an end.

    Raises:
        GitlabFailed: GitLab does not answer.
        UserError: the file is not one of a report.
    """
    request = gitlab.head_of(number)
    if request is None or request.pipeline is None:
        return None
    content = gitlab.artifact(
        request.pipeline, job=REPORT_JOB, path=REPORT_FILE, most=kept.MOST_BYTES + 1
    )
    if content is None:
        return None
    whence = f"{REPORT_FILE} of merge request !{number}"
    found = kept.parse(content, whence=whence)
    return Report(request, found.packages, found.preview)


def reports_merged(gitlab: Gitlab, commits: Iterable[str]) -> Iterator[tuple[int, Report | None]]:
    """Yield the merge requests that brought some commits, each once, and what their pipelines say.

    Raises:
        GitlabFailed: GitLab does not answer.
        UserError: a file is not one of a report.
    """
    seen: set[int] = set()
    for commit in commits:
        for number in gitlab.merged_by(commit):
            if number not in seen:
                seen.add(number)
                yield number, report_of(gitlab, number)


def tell_open(gitlab: Gitlab, job: Job, project: Path) -> Iterator[Told]:
    """Tell every open merge request what its pipeline says, and yield how that went.

    One that cannot be told does not hold the others back.

    Args:
        gitlab: where they are.
        job: who tells.
        project: a checkout of the default branch, which says whose recipes they change.

    Raises:
        GitlabFailed: the open merge requests cannot be listed.
    """
    for number in gitlab.opened():
        try:
            yield _tell(gitlab, job, number, project)
        except UserError as err:
            yield Told(number, None, err.message)


def _tell(gitlab: Gitlab, job: Job, number: int, project: Path) -> Told:
    report = report_of(gitlab, number)
    if report is None:
        return Told(number, None)
    request = report.request
    of_request = replace(
        job,
        merge_request=number,
        commit=request.commit,
        link=request.pipeline_link,
        pipeline_link=request.pipeline_link,
        of_fork=False,
    )
    paths = gitlab.paths_of(number)
    changed = owners.touched(project, paths.names)
    note = Note(
        tuple(_ours(package, job) for package in report.packages),
        commit=request.commit,
        pipeline=request.pipeline_link,
        merge_request=number,
        beyond=changed.beyond,
        unseen=not paths.is_all,
        owned=_of_others(gitlab, changed.owners, request.author),
        preview=believed(report.preview, number, base=job.preview_address, server=job.server or ""),
    )
    return Told(number, posting.post(note, of_request, gitlab=gitlab))


def _of_others(gitlab: Gitlab, changed: Sequence[Owner], author: int | None) -> tuple[Owned, ...]:
    """Return the recipes that the author of a merge request does not look after.

    Anybody can call themselves as somebody else, in GitLab and in commits; an address has to be one's own.
    """
    if not changed:
        return ()
    address = gitlab.address_of(author) if author is not None else None
    return tuple(each.owned for each in changed if not each.is_looked_after_by(address))


def _ours(package: PackageNote, job: Job) -> PackageNote:
    """Return a package whose pictures link to this GitLab or to nothing."""
    server = f"{(job.server or '').rstrip('/')}/"
    pictures = tuple(
        replace(each, link=each.link if (each.link or "").startswith(server) else None)
        for each in package.pictures
    )
    return replace(package, pictures=pictures)
