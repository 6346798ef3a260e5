# SPDX-License-Identifier: BSD-3-Clause
"""What GitLab tells a job about itself in its variables, under the names that GitLab documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from pansoft.ci.preview import ADDRESS_VARIABLE
from trust.identity.tokens import Token

TOKEN_VARIABLE = "PANSOFT_GITLAB_TOKEN"  # noqa: S105 - its name
_NEEDED = ("CI_SERVER_URL", "CI_PROJECT_ID", "CI_COMMIT_SHA", TOKEN_VARIABLE)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a pipeline, or a person's shell, in which most of this is None.

    `project` is where the merge request stands, or where the pipeline runs; `commit` the one that people
    pushed, which the commit that GitLab made to try the merge is not; `folder` is the checkout, `number` that
    of the job and `pipeline` that of its pipeline, and `link` and `pipeline_link` are their addresses;
    `preview_address` is where the facility gives previews out.
    """

    server: str | None = None
    project: str | None = None
    commit: str | None = None
    merge_request: int | None = None
    of_fork: bool = False
    number: int | None = None
    pipeline_link: str | None = None
    link: str | None = None
    folder: Path | None = None
    pipeline: int | None = None
    ca_file: Path | None = None
    default_branch: str = "main"
    preview_address: str | None = None
    token: Token | None = field(default=None, repr=False)

    def can_post(self) -> bool:
        """Return whether everything is known that it takes to write to GitLab."""
        return None not in (self.server, self.project, self.commit, self.token)


def job_of(variables: Mapping[str, str]) -> Job:
    """Return the job that some variables of the environment describe."""

    def text(*names: str) -> str | None:
        return next((variables[name].strip() for name in names if variables.get(name)), None)

    own, target = text("CI_PROJECT_ID"), text("CI_MERGE_REQUEST_PROJECT_ID")
    folder, ca_file, token = (
        text("CI_PROJECT_DIR"),
        text("CI_SERVER_TLS_CA_FILE"),
        text(TOKEN_VARIABLE),
    )
    return Job(
        server=text("CI_SERVER_URL"),
        project=target or own,
        commit=text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
        merge_request=_whole(text("CI_MERGE_REQUEST_IID")),
        of_fork=_is_of_fork(variables, target),
        number=_whole(text("CI_JOB_ID")),
        pipeline_link=text("CI_PIPELINE_URL"),
        link=text("CI_JOB_URL"),
        folder=Path(folder) if folder else None,
        pipeline=_whole(text("CI_PIPELINE_ID")),
        ca_file=Path(ca_file) if ca_file else None,
        default_branch=text("CI_DEFAULT_BRANCH") or "main",
        preview_address=text(ADDRESS_VARIABLE),
        token=Token(token) if token else None,
    )


def check_can_post(job: Job, variables: Mapping[str, str]) -> None:
    """Refuse to post from where that cannot be done.

    Raises:
        UserError: variables are missing, which are named.
    """
    if job.can_post():
        return
    missing = ", ".join(name for name in _NEEDED if not variables.get(name, "").strip())
    raise UserError(
        f"nothing can be posted: {missing} not set",
        hint=f"run it in a job of GitLab, with a project access token of the scope api and the role "
        f"Developer in {TOKEN_VARIABLE}; without --post the files are written and nothing is sent",
    )


def _is_of_fork(variables: Mapping[str, str], target: str | None) -> bool:
    source = variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "").strip()
    return bool(target and source and source != target)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
