# SPDX-License-Identifier: BSD-3-Clause
"""Which commit a recipe is of, and whether its files are as they were committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import process

# A checkout is data here: none of its hooks, monitors or filters is run.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Origin:
    """A commit, 40 hex digits, or None for files that are in no git checkout of ours.

    `changed` is whether a file differs from the commit, or is not in it. `ref` is the branch or tag
    that a pipeline runs for, and `protected` what its server says of that.
    """

    commit: str | None
    changed: bool
    ref: str | None = None
    protected: bool | None = None


def origin_of(project: Path, paths: Sequence[Path]) -> Origin:
    """Return the commit that is checked out in a project, and whether these paths are as in it."""
    if process.which("git") is None:
        return Origin(None, changed=True)
    head = _git(project, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head is None:
        return Origin(None, changed=True)
    status = _git(
        project,
        "status",
        "--porcelain",
        "--untracked-files=all",
        "--ignored=matching",
        "--",
        *paths,
    )
    listed = _git(project, "ls-files", "--error-unmatch", "--", *paths)
    return Origin(head.strip(), changed=status is None or bool(status.strip()) or listed is None)


def _git(project: Path, *arguments: str | Path) -> str | None:
    done = process.run(
        [*_GIT, "-C", project, *arguments],
        reason="ask git for the commit of a recipe",
        timeout_s=_TIMEOUT_S,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
