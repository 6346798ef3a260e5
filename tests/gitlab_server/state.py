# SPDX-License-Identifier: BSD-3-Clause
"""What is in a GitLab: projects with all that belongs to them, and whose tokens there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Thing: TypeAlias = dict[str, Any]
"""What the API calls an object, as its JSON has it."""

GUEST, REPORTER, DEVELOPER, MAINTAINER = 10, 20, 30, 40
_NOON = "2026-06-01T12:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Login:
    """Whose token it is, what it may do, and whether it is a job's."""

    user: int
    name: str
    level: int = MAINTAINER
    scopes: tuple[str, ...] = ("api",)
    of_job: bool = False
    projects: tuple[str, ...] | None = None
    """The projects it is a member of; None for all."""

    def author(self) -> Thing:
        return {"id": self.user, "username": self.name, "name": self.name, "state": "active"}

    @property
    def email(self) -> str:
        return f"{self.name}@git.example"


@dataclass
class Project:
    """A project and all that is in it."""

    id: int
    path: str
    address: str
    default_branch: str = "main"
    merge_requests: dict[int, Thing] = field(default_factory=dict)
    issues: dict[int, Thing] = field(default_factory=dict)
    notes: dict[tuple[str, int], list[Thing]] = field(default_factory=dict)
    """By `merge_requests` or `issues`, and the number."""
    statuses: list[Thing] = field(default_factory=list)
    labels: dict[str, Thing] = field(default_factory=dict)
    branches: dict[str, list[Thing]] = field(default_factory=dict)
    """The commits of each, the oldest first."""
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path and content, by branch."""
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same by commit."""
    tries: dict[str, list[str]] = field(default_factory=dict)
    """The parents of commits that GitLab made to try a merge."""
    pipelines: list[Thing] = field(default_factory=list)
    jobs: dict[int, list[Thing]] = field(default_factory=dict)
    """By pipeline."""
    bridges: dict[int, list[Thing]] = field(default_factory=dict)
    """The jobs that started another pipeline, by pipeline."""
    artifacts: dict[int, dict[str, bytes]] = field(default_factory=dict)
    """Path and content, by job."""
    diffs: dict[int, list[Thing]] = field(default_factory=dict)
    """What changes, by merge request."""
    merges: dict[str, list[int]] = field(default_factory=dict)
    """The merge requests that brought a commit."""
    logs: dict[int, str] = field(default_factory=dict)
    """By job."""
    quick_actions: list[str] = field(default_factory=list)
    """Every one that a text asked for."""
    _last: int = 100

    def number(self) -> int:
        """Return a number that nothing here has."""
        self._last += 1
        return self._last

    def add_branch(self, name: str, *, files: dict[str, str] | None = None) -> str:
        """Add a branch with one commit and return that one's sha."""
        self.files[name] = dict(files or {})
        self.branches[name] = []
        return self.add_commit(name, message="first")

    def add_commit(
        self,
        branch: str,
        *,
        message: str,
        author: Login | None = None,
        files: dict[str, str] | None = None,
        sha: str | None = None,
    ) -> str:
        """Add a commit to a branch, with its files as they are and some new, and return its sha."""
        sha = sha or f"{self.number():040x}"
        self.files[branch] |= files or {}
        self.trees[sha] = dict(self.files[branch])
        made = {
            "id": sha,
            "short_id": sha[:8],
            "message": message,
            "author_name": author.name if author else "Someone",
            "author_email": author.email if author else "someone@git.example",
        }
        self.branches[branch].append(made)
        return sha

    def history(self, ref: str) -> list[Thing] | None:
        """Return the commits of a branch, or those up to one commit; None where there is neither."""
        if ref in self.branches:
            return self.branches[ref]
        for commits in self.branches.values():
            shas = [commit["id"] for commit in commits]
            if ref in shas:
                return commits[: shas.index(ref) + 1]
        return None

    def shas(self) -> set[str]:
        """Return every commit."""
        return {commit["id"] for commits in self.branches.values() for commit in commits}

    def add_merge_request(
        self,
        *,
        source: str,
        title: str = "Change",
        author: Thing | None = None,
        state: str = "opened",
        from_project: int | None = None,
    ) -> Thing:
        """Add a merge request, with its branch where that is not there."""
        if source not in self.branches:
            self.add_branch(source)
        iid = len(self.merge_requests) + 1
        made: Thing = {
            "id": self.number(),
            "iid": iid,
            "project_id": self.id,
            "source_project_id": from_project or self.id,
            "target_project_id": self.id,
            "title": title,
            "description": "",
            "state": state,
            "source_branch": source,
            "target_branch": self.default_branch,
            "labels": [],
            "assignees": [],
            "author": author or {"id": 1, "username": "root"},
            "sha": self.branches[source][-1]["id"],
            "head_pipeline": None,
            "web_url": f"{self.address}/{self.path}/-/merge_requests/{iid}",
        }
        self.merge_requests[iid] = made
        return made

    def add_pipeline(self, merge_request: Thing, files: dict[str, bytes] | None = None) -> int:
        """Add the pipeline of a merge request, with a child whose job `report` left files."""
        parent, child, job = self.number(), self.number(), self.number()
        link = f"{self.address}/{self.path}/-/pipelines"
        things = [
            {
                "id": number,
                "project_id": self.id,
                "sha": merge_request["sha"],
                "ref": f"refs/merge-requests/{merge_request['iid']}/head",
                "web_url": f"{link}/{number}",
            }
            for number in (parent, child)
        ]
        self.pipelines += things
        merge_request["head_pipeline"] = things[0]
        bridge = {"id": self.number(), "name": "packages", "pipeline": things[0]}
        self.bridges[parent] = [{**bridge, "downstream_pipeline": things[1]}]
        self.jobs[parent] = [{"id": self.number(), "name": "plan"}]
        left = {"artifacts_file": {"filename": "artifacts.zip", "size": 1000}} if files else {}
        self.jobs[child] = [{"id": job, "name": "report", **left}]
        self.artifacts[job] = dict(files or {})
        return parent

    def add_issue(
        self,
        *,
        title: str,
        description: str = "",
        author: Thing | None = None,
        labels: tuple[str, ...] = (),
        confidential: bool = False,
    ) -> Thing:
        """Add an issue."""
        iid = len(self.issues) + 1
        made: Thing = {
            "id": self.number(),
            "iid": iid,
            "project_id": self.id,
            "title": title,
            "description": description,
            "state": "opened",
            "labels": list(labels),
            "confidential": confidential,
            "author": author or {"id": 1, "username": "root", "name": "Root"},
            "web_url": f"{self.address}/{self.path}/-/issues/{iid}",
        }
        self.issues[iid] = made
        return made

    def add_note(
        self, where: str, iid: int, body: str, *, author: Thing, system: bool = False
    ) -> Thing:
        """Add a note to a merge request or an issue."""
        made: Thing = {
            "id": self.number(),
            "body": body,
            "author": author,
            "system": system,
            "internal": False,
            "noteable_iid": iid,
            "noteable_type": "MergeRequest" if where == "merge_requests" else "Issue",
            "created_at": _NOON,
            "updated_at": _NOON,
        }
        self.notes.setdefault((where, iid), []).append(made)
        return made
