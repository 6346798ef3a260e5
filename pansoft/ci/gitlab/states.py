# SPDX-License-Identifier: BSD-3-Clause
"""What is to stand in GitLab, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """What became of a text that was to stand in GitLab."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Posted:
    """What stands in GitLab now: its number, what became of it, and its address where it has one."""

    number: int
    how: How
    link: str | None = None


class CommitState(StrEnum):
    """What a commit status says."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What is to be said of a commit, under a name.

    In which pipeline GitLab shows it is left to GitLab: that of a child, or of the commit that GitLab made to
    try the merge, it does not find by its number.
    """

    name: str
    state: CommitState
    description: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request of ours, open or closed; `is_dismissed` is one that somebody else has closed."""

    number: int
    branch: str
    description: str
    is_open: bool
    is_dismissed: bool
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody of GitLab: the number, the user name, and the name that they show, which is any text."""

    id: int
    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue. `text` is whatever its author wrote; what is not known to be public is not."""

    number: int
    author: Author
    text: str
    labels: tuple[str, ...]
    is_public: bool
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a description in Markdown that begins with a marker, and labels."""

    title: str
    description: str
    labels: tuple[str, ...] = ()
