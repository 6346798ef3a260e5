# SPDX-License-Identifier: BSD-3-Clause
"""What GitLab knows of merge requests and of the pipelines that they ran: read, never written.

Sources: the REST API's pages on merge requests, pipelines, commits and job artifacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pansoft.ci.gitlab.answers import author, text_of, whole
from pansoft.ci.gitlab.connection import Connection


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a merge request: its commit, and the pipeline that ran for it.

    `pipeline` is the number of the last pipeline that ran for it in this project, None where there is none:
    that of a fork runs in the fork, and that of an earlier commit says nothing of this one. `author` is the
    number of who opened it.
    """

    number: int
    commit: str
    pipeline: int | None
    pipeline_link: str | None = None
    author: int | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths that a merge request changes; `is_all` is whether GitLab has listed all of them."""

    names: tuple[str, ...]
    is_all: bool


@dataclass(frozen=True, slots=True)
class PipelineJob:
    """A job of a pipeline: its number, how it ended or goes in GitLab's word, and its address."""

    number: int
    status: str
    link: str | None = None


def opened(connection: Connection) -> tuple[int, ...]:
    """Return the numbers of the open merge requests, the oldest first."""
    doing = "list the open merge requests"
    found = connection.listed(doing, "merge_requests", {"state": "opened", "scope": "all"})
    return tuple(sorted(whole(each, "iid") for each in found))


def merged_by(connection: Connection, commit: str) -> tuple[int, ...]:
    """Return the numbers of the merge requests that brought a commit."""
    doing = f"find the merge request of commit {commit[:12]}"
    found = connection.listed(doing, f"repository/commits/{commit}/merge_requests", {})
    return tuple(whole(each, "iid") for each in found if each.get("state") == "merged")


def head_of(connection: Connection, number: int) -> RequestHead | None:
    """Return the head of a merge request; None where there is none of that number."""
    found = connection.get(f"read merge request !{number}", f"merge_requests/{number}")
    if found is None:
        return None
    pipeline = found.get("head_pipeline")
    commit = text_of(found, "sha")
    ours = (
        isinstance(pipeline, Mapping)
        and pipeline.get("project_id") == found.get("project_id")
        and _is_of(connection, pipeline, commit, number)
    )
    opener = author(found)
    return RequestHead(
        number,
        commit,
        whole(pipeline, "id") if ours else None,
        str(pipeline["web_url"])
        if ours and isinstance(pipeline, Mapping) and pipeline.get("web_url")
        else None,
        opener if isinstance(opener, int) else None,
    )


def _is_of(connection: Connection, pipeline: Mapping[str, Any], commit: str, number: int) -> bool:
    """Return whether a pipeline ran for a commit, or for what GitLab made to try to merge that one.

    What ran for an earlier commit ran the code of that one, which nobody sees in the merge request any more.
    Nobody but GitLab writes to the second name.
    """
    ran = str(pipeline.get("sha"))
    if ran == commit:
        return True
    if pipeline.get("ref") != f"refs/merge-requests/{number}/merge":
        return False
    tried = connection.get(
        f"look at commit {ran[:12]}", f"repository/commits/{quote(ran, safe='')}"
    )
    parents = tried.get("parent_ids") if tried else None
    return isinstance(parents, list) and len(parents) == 2 and commit in parents


def paths_of(connection: Connection, number: int) -> Paths:
    """Return the paths that a merge request changes, by the names before and after.

    GitLab lists so many files and no more, and says `1000+` where it has stopped to count.
    """
    doing = f"see what merge request !{number} changes"
    found = connection.listed(doing, f"merge_requests/{number}/diffs", {})
    names = {
        str(each[name]) for each in found for name in ("old_path", "new_path") if each.get(name)
    }
    request = connection.get(doing, f"merge_requests/{number}")
    count = str(request.get("changes_count")) if request else ""
    return Paths(tuple(sorted(names)), count.isdecimal() and int(count) <= len(found))


def job_named(connection: Connection, pipeline: int, name: str) -> PipelineJob | None:
    """Return a job of a pipeline by its name, the last one where it ran again; None where there is none."""
    doing = f"find the job {name} of pipeline {pipeline}"
    found = connection.listed(doing, f"pipelines/{pipeline}/jobs", {})
    named = [each for each in found if each.get("name") == name]
    if not named:
        return None
    last = max(named, key=lambda each: whole(each, "id"))
    link = last.get("web_url")
    return PipelineJob(whole(last, "id"), text_of(last, "status"), str(link) if link else None)


def artifact(
    connection: Connection, pipeline: int, *, job: str, path: str, most: int
) -> bytes | None:
    """Return a file among the artifacts of a job, in a pipeline or in one that it started.

    Args:
        connection: the way to the project.
        pipeline: its number.
        job: the name of the job; the last one counts where it ran again.
        path: of the file, in the checkout.
        most: bytes; a longer file is cut there.

    Returns:
        The content, or None where no such job left such a file.
    """
    found = [
        whole(each, "id")
        for each in _jobs(connection, pipeline)
        if each.get("name") == job and each.get("artifacts_file")
    ]
    if not found:
        return None
    return connection.content(
        f"fetch {path} of pipeline {pipeline}",
        f"jobs/{max(found)}/artifacts/{quote(path)}",
        most=most,
    )


def _jobs(connection: Connection, pipeline: int) -> Iterator[Mapping[str, Any]]:
    """Yield the jobs of a pipeline and of those that it started in this project."""
    doing = f"list the jobs of pipeline {pipeline}"
    yield from connection.listed(doing, f"pipelines/{pipeline}/jobs", {})
    for bridge in connection.listed(doing, f"pipelines/{pipeline}/bridges", {}):
        child = bridge.get("downstream_pipeline")
        if isinstance(child, Mapping) and child.get("project_id") == _project_of(bridge, child):
            yield from connection.listed(doing, f"pipelines/{whole(child, 'id')}/jobs", {})


def _project_of(bridge: Mapping[str, Any], child: Mapping[str, Any]) -> object:
    pipeline = bridge.get("pipeline")
    return pipeline.get("project_id") if isinstance(pipeline, Mapping) else child.get("project_id")
