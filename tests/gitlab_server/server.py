# SPDX-License-Identifier: BSD-3-Clause
"""The whole GitLab: its projects, its tokens, and what was asked of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.gitlab_server.faults import Fault
from tests.gitlab_server.state import MAINTAINER, Login, Project, Thing


@dataclass(frozen=True, slots=True)
class Request:
    """A request that arrived, whatever became of it."""

    method: str
    path: str
    sent: Thing = field(compare=False, default_factory=dict)


@dataclass
class GitlabServer:
    """The whole GitLab."""

    address: str = ""
    counts: bool = True
    """Whether lists say how long they are; GitLab does not beyond 10 000 objects."""
    forgets: set[str] = field(default_factory=set)
    """Fields that its issues do not have, as those of an older GitLab."""
    tokens: dict[str, Login] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    """The public address of a user, by number; GitLab takes none that is not confirmed."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def add_project(self, path: str) -> Project:
        """Add a project with its default branch."""
        made = Project(len(self.projects) + 40, path, self.address)
        made.add_branch(made.default_branch)
        self.projects[made.id] = made
        return made

    def add_token(
        self,
        name: str,
        *,
        level: int = MAINTAINER,
        scopes: tuple[str, ...] = ("api",),
        of_job: bool = False,
        projects: tuple[str, ...] | None = None,
    ) -> str:
        """Return a new token of somebody."""
        text = f"glpat-{name}-{len(self.tokens)}-not-to-be-shown"
        self.tokens[text] = Login(len(self.tokens) + 10, name, level, scopes, of_job, projects)
        return text

    def author(self, token: str) -> Thing:
        """Return whose token it is, as notes name their author."""
        return self.tokens[token].author()

    def count(self, method: str, path: str = "") -> int:
        """Return how many requests of a method and a part of a path arrived."""
        return sum(each.method == method and path in each.path for each in self.requests)
