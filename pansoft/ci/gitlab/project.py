# SPDX-License-Identifier: BSD-3-Clause
"""All that is asked of GitLab: a note, commit statuses, labels, issues and merge requests of one project."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pansoft.ci.gitlab import branches, issues, pipelines
from pansoft.ci.gitlab.answers import (
    TEXT_LENGTH,
    Written,
    as_merge_request,
    as_written,
    author,
    check_marked,
    cut,
    is_marked,
    is_of_project,
    is_same,
    items,
    joined,
)
from pansoft.ci.gitlab.branches import Commit
from pansoft.ci.gitlab.connection import Connection, Login, Patience
from pansoft.ci.gitlab.failures import GitlabFailed
from pansoft.ci.gitlab.pipelines import Paths, PipelineJob, RequestHead
from pansoft.ci.gitlab.states import CommitStatus, How, Issue, MergeRequest, Posted, Text

NOTE_LENGTH = 1_000_000
"""Characters that GitLab takes in a note."""


class Gitlab:
    """A project of a GitLab, as the owner of a token sees it."""

    def __init__(
        self,
        login: Login,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._login = login
        self._connection = Connection(login, patience=patience or Patience(), sleep=sleep)

    def __repr__(self) -> str:
        """Return where the project is, and nothing about the token."""
        return f"Gitlab({self._login.url!r}, {self._login.project!r})"

    def put_note(self, merge_request: int, body: str, *, marker: str) -> Posted:
        """Let the one note of a merge request with a marker say this.

        Raises:
            GitlabFailed: it cannot be written.
        """
        doing = f"write a note to merge request !{merge_request}"
        return self._put_note(doing, f"merge_requests/{merge_request}/notes", body, marker=marker)

    def set_status(self, commit: str, status: CommitStatus) -> Posted:
        """Let a commit have this status under its name.

        Raises:
            GitlabFailed: it cannot be set.
        """
        doing = f"set the status of commit {commit[:12]}"
        asked: dict[str, Any] = {
            "state": status.state.value,
            "name": cut(status.name),
            "description": cut(status.description),
        }
        if status.link is not None and len(status.link) <= TEXT_LENGTH:
            asked["target_url"] = status.link
        said = {**asked, "status": asked["state"]}
        del said["state"]

        def look() -> Written | None:
            found = self._connection.listed(
                doing,
                f"repository/commits/{commit}/statuses",
                {"name": asked["name"]},
            )
            same = [each for each in found if said.items() <= each.items()]
            return as_written(same[-1], "description", number="id") if same else None

        written, is_new = self._connection.ensure(doing, f"statuses/{commit}", asked, look=look)
        return Posted(written.id, How.CREATED if is_new else How.UNCHANGED, status.link)

    def set_labels(
        self, merge_request: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Give a merge request some labels, take others away, and return all that it has then.

        Raises:
            GitlabFailed: it cannot be done.
        """
        doing = f"set the labels of merge request !{merge_request}"
        return self._set_labels(doing, f"merge_requests/{merge_request}", add=add, remove=remove)

    def open_issues(self, *, label: str, words: str) -> tuple[Issue, ...]:
        """Return the open public issues that have a label, or words in their descriptions, the oldest first.

        Raises:
            GitlabFailed: they cannot be listed.
        """
        return issues.opened(self._connection, label=label, words=words)

    def note_of_issue(self, issue: int, *, marker: str) -> str | None:
        """Return what our note of an issue with a marker says; None where there is none.

        Raises:
            GitlabFailed: the notes cannot be read.
        """
        doing = f"read the notes of issue #{issue}"
        found = self._own_notes(doing, f"issues/{issue}/notes", marker)
        return found[0].text if found else None

    def put_issue_note(self, issue: int, body: str, *, marker: str) -> Posted:
        """Let the one note of an issue with a marker say this.

        Raises:
            GitlabFailed: it cannot be written.
        """
        doing = f"write a note to issue #{issue}"
        return self._put_note(doing, f"issues/{issue}/notes", body, marker=marker)

    def set_issue_labels(
        self, issue: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Give an issue some labels, take others away, and return all that it has then.

        Raises:
            GitlabFailed: it cannot be done.
        """
        doing = f"set the labels of issue #{issue}"
        return self._set_labels(doing, f"issues/{issue}", add=add, remove=remove)

    def put_issue(self, text: Text, *, marker: str) -> Posted:
        """Let the one open issue with a marker say this, with at least these labels.

        Raises:
            GitlabFailed: it cannot be written.
        """
        return self._put_text(
            "write an issue",
            "issues",
            text,
            marker=marker,
            look=lambda: self._open_issue("write an issue", marker),
        )

    def open_issue(self, *, marker: str) -> str | None:
        """Return what the open issue with a marker says; None where there is none.

        Raises:
            GitlabFailed: it cannot be read.
        """
        found = self._open_issue("look for an issue", marker)
        return found.text if found else None

    def close_issue(
        self, *, marker: str, note: str | None = None, note_marker: str = ""
    ) -> Posted | None:
        """Close the open issue with a marker, with a note that says why; None where there is none.

        Raises:
            GitlabFailed: it cannot be closed.
        """
        doing = "close an issue"
        found = self._open_issue(doing, marker)
        if found is None:
            return None
        if note is not None:
            self._put_note(doing, f"issues/{found.id}/notes", note, marker=note_marker)
        self._connection.put(doing, f"issues/{found.id}", {"state_event": "close"})
        return Posted(found.id, How.UPDATED, found.link)

    def put_merge_request(
        self,
        text: Text,
        *,
        branch: str,
        target: str,
        marker: str,
        assignees: Sequence[int] = (),
    ) -> Posted:
        """Let the one open merge request of a branch of this project say this.

        `assignees` are the numbers of people to whom a new one is assigned.

        Raises:
            GitlabFailed: it cannot be written.
        """
        doing = f"write the merge request of branch {branch}"

        def look() -> Written | None:
            found = self._connection.listed(
                doing,
                "merge_requests",
                {"source_branch": branch, "target_branch": target, "state": "opened"},
            )
            # a fork may have a branch of the same name
            ours = [each for each in found if is_of_project(each)]
            return as_written(ours[0], "description", number="iid") if ours else None

        more: dict[str, object] = {
            "source_branch": branch,
            "target_branch": target,
            "remove_source_branch": True,
        }
        if assignees:
            more["assignee_ids"] = list(assignees)
        return self._put_text(
            doing, "merge_requests", text, marker=marker, look=look, on_creation=more
        )

    def log_of(self, job: int, *, most: int) -> str:
        """Return what a job has said so far, of a long log the last so many bytes.

        Raises:
            GitlabFailed: it cannot be read.
        """
        return self._connection.text(f"read the log of job {job}", f"jobs/{job}/trace", most=most)

    def job_named(self, pipeline: int, name: str) -> PipelineJob | None:
        """Return a job of a pipeline by its name; None where there is none.

        Raises:
            GitlabFailed: they cannot be read.
        """
        return pipelines.job_named(self._connection, pipeline, name)

    def put_commit(self, commit: Commit) -> How:
        """Let a branch hold a commit of ours and nothing else; one that has just these files stays.

        Raises:
            BranchOfOthers: somebody else has committed to the branch, which is left alone.
            GitlabFailed: it cannot be written.
        """
        return branches.put(self._connection, commit)

    def own_merge_requests(
        self, *, beginning: str, states: Sequence[str] = ("opened", "closed")
    ) -> tuple[MergeRequest, ...]:
        """Return the merge requests of ours in some states whose marker begins so.

        Raises:
            GitlabFailed: they cannot be read.
        """
        doing = "look for merge requests"
        me = self._connection.owner(doing).id
        found = [
            each
            for state in states
            for each in self._connection.listed(
                doing,
                "merge_requests",
                {"state": state, "scope": "all", "author_id": me, "sort": "asc"},
            )
        ]
        return tuple(
            as_merge_request(each, me=me)
            for each in found
            if str(each.get("description") or "").startswith(beginning) and is_of_project(each)
        )

    def close_merge_request(self, number: int, note: str, *, marker: str) -> None:
        """Close a merge request, with a note that says why.

        Raises:
            GitlabFailed: it cannot be closed.
        """
        self.put_note(number, note, marker=marker)
        self._connection.put(
            f"close merge request !{number}", f"merge_requests/{number}", {"state_event": "close"}
        )

    def text_of(self, path: str, *, branch: str) -> str | None:
        """Return what a file of a branch says; None where there is no such file.

        Raises:
            GitlabFailed: it cannot be read.
        """
        return branches.text_of(self._connection, path, branch)

    def delete_branch(self, branch: str, *, start: str) -> bool:
        """Delete a branch unless it has commits of others beyond `start`; return whether it is gone.

        Raises:
            GitlabFailed: it cannot be looked at, or deleted.
        """
        return branches.delete(self._connection, branch, start)

    def opened(self) -> tuple[int, ...]:
        """Return the numbers of the open merge requests, the oldest first.

        Raises:
            GitlabFailed: they cannot be listed.
        """
        return pipelines.opened(self._connection)

    def merged_by(self, commit: str) -> tuple[int, ...]:
        """Return the numbers of the merge requests that brought a commit.

        Raises:
            GitlabFailed: GitLab does not say.
        """
        return pipelines.merged_by(self._connection, commit)

    def head_of(self, merge_request: int) -> RequestHead | None:
        """Return the head of a merge request; None where there is none of that number.

        Raises:
            GitlabFailed: it cannot be read.
        """
        return pipelines.head_of(self._connection, merge_request)

    def address_of(self, user: int) -> str | None:
        """Return the public e-mail address of a user, which GitLab has seen to be theirs; None without one.

        Raises:
            GitlabFailed: GitLab does not say.
        """
        return self._connection.address_of(user)

    def paths_of(self, merge_request: int) -> Paths:
        """Return the paths that a merge request changes.

        Raises:
            GitlabFailed: GitLab does not say.
        """
        return pipelines.paths_of(self._connection, merge_request)

    def artifact(self, pipeline: int, *, job: str, path: str, most: int) -> bytes | None:
        """Return a file that a job of a pipeline left, cut where it is longer; None where there is none.

        Raises:
            GitlabFailed: it cannot be had.
        """
        return pipelines.artifact(self._connection, pipeline, job=job, path=path, most=most)

    # -- how a state is reached ------------------------------------------------------------------

    def _put_note(self, doing: str, path: str, body: str, *, marker: str) -> Posted:
        """Let the one note with a marker at a place say this."""
        check_marked(body, marker)
        if len(body) > NOTE_LENGTH:
            raise GitlabFailed(f"a note has at most {NOTE_LENGTH} characters, this has {len(body)}")

        def look_for_one() -> Written | None:
            return next(iter(self._own_notes(doing, path, marker)), None)

        for superfluous in self._own_notes(doing, path, marker)[
            1:
        ]:  # two pipelines of one moment wrote one each
            self._connection.delete(doing, f"{path}/{superfluous.id}")
        written, is_new = self._connection.ensure(doing, path, {"body": body}, look=look_for_one)
        if is_new:
            return Posted(written.id, How.CREATED)
        if is_same(written.text, body):
            return Posted(written.id, How.UNCHANGED)
        self._connection.put(doing, f"{path}/{written.id}", {"body": body})
        return Posted(written.id, How.UPDATED)

    def _own_notes(self, doing: str, path: str, marker: str) -> tuple[Written, ...]:
        notes = self._connection.listed(doing, path, {"sort": "asc", "order_by": "created_at"})
        return self._own(notes, "body", marker)

    def _set_labels(
        self, doing: str, path: str, *, add: Sequence[str], remove: Sequence[str]
    ) -> tuple[str, ...]:
        sent = {"add_labels": joined(add), "remove_labels": joined(remove)}
        answer = self._connection.put(doing, path, sent)
        return tuple(str(label) for label in items(answer, "labels"))

    def _put_text(
        self,
        doing: str,
        kind: str,
        text: Text,
        *,
        marker: str,
        look: Callable[[], Written | None],
        on_creation: Mapping[str, object] | None = None,
    ) -> Posted:
        """Let one issue or merge request say this."""
        check_marked(text.description, marker)
        path = f"{kind}"
        title = cut(text.title)
        said = {"title": title, "description": text.description}
        sent = {**said, "labels": joined(text.labels), **(on_creation or {})}
        written, is_new = self._connection.ensure(doing, path, sent, look=look, number="iid")
        if is_new:
            return Posted(written.id, How.CREATED, written.link)
        is_said = written.title == title and is_same(written.text, text.description)
        if is_said and set(text.labels) <= set(written.labels):
            return Posted(written.id, How.UNCHANGED, written.link)
        self._connection.put(
            doing, f"{path}/{written.id}", {**said, "add_labels": joined(text.labels)}
        )
        return Posted(written.id, How.UPDATED, written.link)

    def _open_issue(self, doing: str, marker: str) -> Written | None:
        mine = {
            "state": "opened",
            "scope": "all",
            "author_id": self._connection.owner(doing).id,
            "sort": "asc",
        }
        issues = self._connection.listed(doing, "issues", mine)
        return next(iter(self._own(issues, "description", marker, number="iid")), None)

    def _own(
        self, things: Sequence[Mapping[str, Any]], text: str, marker: str, *, number: str = "id"
    ) -> tuple[Written, ...]:
        """Return those of some texts that we wrote under a marker."""
        marked = [each for each in things if is_marked(each.get(text), marker)]
        if not marked:
            return ()
        me = self._connection.owner("see whose token this is").id
        return tuple(as_written(each, text, number=number) for each in marked if author(each) == me)
