# SPDX-License-Identifier: BSD-3-Clause
"""Branches that hold one commit of ours and nothing else: files as they shall be, on a known commit.

A branch is looked at before anything is sent. Where all of its commits are ours it is made anew from the
commit that is named; where one is not, it is somebody's work by now and is left alone. GitLab has no way to
say "only if nobody pushed since": what is pushed between the look and the commit, two requests, is lost from
the branch and stays in the pusher's clone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote

from pansoft.ci.gitlab.answers import as_object, items
from pansoft.ci.gitlab.connection import Connection
from pansoft.ci.gitlab.failures import GitlabFailed
from pansoft.ci.gitlab.states import How


class BranchOfOthers(GitlabFailed):
    """Somebody else has committed to a branch of ours."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a branch shall hold beyond the commit `start`: texts by their path in the repository."""

    branch: str
    start: str
    message: str
    files: Mapping[str, str]


class _Standing(Enum):
    """What stands in a branch now."""

    NOTHING = auto()
    JUST_THIS = auto()
    OURS = auto()


def put(connection: Connection, commit: Commit) -> How:
    """Let a branch hold a commit and nothing else; one that has just these files already stays.

    Raises:
        BranchOfOthers: somebody else has committed to the branch.
        GitlabFailed: it cannot be written.
    """
    doing = f"commit to the branch {commit.branch}"
    standing = _look(connection, commit, doing)
    if standing is _Standing.JUST_THIS:
        return How.UNCHANGED
    how = How.CREATED if standing is _Standing.NOTHING else How.UPDATED
    sent: dict[str, object] = {
        "branch": commit.branch,
        "start_sha": commit.start,
        "commit_message": commit.message,
        "actions": [
            _action(connection, path, text, commit.start, doing)
            for path, text in sorted(commit.files.items())
        ],
    }
    if how is How.UPDATED:
        sent["force"] = True

    def carried_out_after_all() -> How | None:
        return how if _look(connection, commit, doing) is _Standing.JUST_THIS else None

    return connection.post(
        doing, "repository/commits", sent, read=_as(how), lost=carried_out_after_all
    )


def delete(connection: Connection, branch: str, start: str) -> bool:
    """Delete a branch that has no commit of others beyond `start`, and return whether it is gone.

    Raises:
        GitlabFailed: it cannot be looked at, or deleted.
    """
    doing = f"delete the branch {branch}"
    if connection.get(doing, _place(branch)) is None:
        return True
    if _strangers(connection, _compared(connection, branch, start, doing), doing):
        return False
    connection.delete(doing, _place(branch))
    return True


def text_of(connection: Connection, path: str, branch: str) -> str | None:
    """Return what a file of a branch says; None where there is no such file, or it is no text.

    Raises:
        GitlabFailed: it cannot be read.
    """
    found = _file(connection, path, branch, f"read {path} of the branch {branch}")
    try:
        return None if found is None else base64.b64decode(str(found.get("content"))).decode()
    except ValueError:
        return None


def _look(connection: Connection, commit: Commit, doing: str) -> _Standing:
    """Return what stands in a branch.

    Raises:
        BranchOfOthers: among other things, commits of somebody else.
    """
    if connection.get(doing, _place(commit.branch)) is None:
        return _Standing.NOTHING
    compared = _compared(connection, commit.branch, commit.start, doing)
    if strangers := _strangers(connection, compared, doing):
        raise BranchOfOthers(
            f"the branch {commit.branch} has commits of {', '.join(strangers)} and is left as it is",
            hint="merge it or close its merge request, and delete the branch: a later run begins anew",
        )
    changed = {str(as_object(each).get("new_path")) for each in items(compared, "diffs")}
    if changed != set(commit.files):
        return _Standing.OURS
    digests = {
        path: _digest(connection, path, commit.branch, doing) for path in sorted(commit.files)
    }
    is_this = all(digests[path] == _sha256(text) for path, text in commit.files.items())
    return _Standing.JUST_THIS if is_this else _Standing.OURS


def _compared(connection: Connection, branch: str, start: str, doing: str) -> Mapping[str, object]:
    """Return what a branch has beyond where it left the history of a commit."""
    found = connection.get(doing, "repository/compare", {"from": start, "to": branch})
    if found is None:
        raise GitlabFailed(
            f"could not {doing}: GitLab does not have the commit {start[:12]}",
            hint="run it from a commit that was pushed: in a scheduled pipeline, or after git push",
        )
    return found


def _strangers(
    connection: Connection, compared: Mapping[str, object], doing: str
) -> tuple[str, ...]:
    """Return who else has committed."""
    ours = connection.owner(doing).emails
    authors = [str(as_object(each).get("author_email")) for each in items(compared, "commits")]
    return tuple(dict.fromkeys(author for author in authors if author not in ours))


def _action(
    connection: Connection, path: str, text: str, start: str, doing: str
) -> dict[str, object]:
    is_there = _digest(connection, path, start, doing) is not None
    return {
        "action": "update" if is_there else "create",
        "file_path": path,
        "content": text,
        "encoding": "text",
    }


def _digest(connection: Connection, path: str, ref: str, doing: str) -> str | None:
    """Return the sha256 of a file of a branch or commit; None where there is no such file."""
    found = _file(connection, path, ref, doing)
    return None if found is None else str(found.get("content_sha256"))


def _file(connection: Connection, path: str, ref: str, doing: str) -> Mapping[str, object] | None:
    place = f"repository/files/{quote(path, safe='')}"
    return connection.get(doing, place, {"ref": ref})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _place(branch: str) -> str:
    return f"repository/branches/{quote(branch, safe='')}"


def _as(how: How) -> Callable[[object], How]:
    """Return what reads the answer to a commit: that it is one is all there is to see."""

    def read(answer: object) -> How:
        as_object(answer)
        return how

    return read
