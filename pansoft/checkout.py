# SPDX-License-Identifier: BSD-3-Clause
"""The project's git checkout: what changed since a commit, and files as they were then.

The only module that uses GitPython, which runs the git program. A checkout is data here: none of its
hooks, monitors or filters is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import git
from git.exc import GitError

from core.errors import UserError

_SAFE = ("core.fsmonitor=false", "core.hooksPath=/dev/null")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project in a git checkout; it may be a folder of a larger one. Paths are relative to it."""

    project: Path

    def commit_of(self, revision: str) -> str:
        """Return the 40 hex digits of a branch, tag or commit.

        Raises:
            UserError: there is none of that name, or this is no checkout.
        """
        found = self._ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        if found is None:
            self._be_a_checkout()
            raise UserError(
                f"git knows no commit '{revision}'",
                hint="name a branch, a tag or a commit that was fetched: git fetch origin",
            )
        return found

    def time_of(self, revision: str) -> int:
        """Return when a commit was made, in seconds since 1970.

        Raises:
            UserError: there is none of that name, or this is no checkout.
        """
        commit = self.commit_of(revision)
        return int(self._must("show", "--no-patch", "--format=%ct", commit, "--"))

    def common_with(self, revision: str) -> str:
        """Return the commit at which what is checked out left a branch: the last that both have.

        Raises:
            UserError: there is no such branch or commit, or they have none in common.
        """
        commit = self.commit_of(revision)
        found = self._ask("merge-base", commit, "HEAD")
        if found is None:
            raise UserError(
                f"'{revision}' and what is checked out have no commit in common",
                hint="in a shallow clone, fetch more of the history: git fetch --unshallow",
            )
        return found

    def last_commits(self, count: int) -> tuple[str, ...]:
        """Return the last commits of what is checked out, the newest first: of merges both sides.

        Raises:
            UserError: this is no checkout, or it has no commit.
        """
        return tuple(self._must("rev-list", f"--max-count={count}", "HEAD", "--").split())

    def has(self, commit: str) -> bool:
        """Return whether a commit is in this clone; False where this is no checkout."""
        return self._ask("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Return whether a commit is in the history of another one, or the same.

        False also where one of them is not in this clone, or what is between them in a shallow one.
        """
        return self._ask("merge-base", "--is-ancestor", commit, of) is not None

    def is_shallow(self) -> bool:
        """Return whether this clone has only the end of the history."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def inside(self) -> str:
        """Return the project's folder in the checkout as the beginning of paths: empty, or `folder/`.

        Raises:
            UserError: git cannot tell.
        """
        return self._must("rev-parse", "--show-prefix").strip()

    def changed_since(self, commit: str) -> tuple[str, ...]:
        """Return the paths that differ from a commit, committed or not; what git ignores is left out.

        Raises:
            UserError: git cannot tell.
        """
        known = self._must("diff", "--name-only", "--no-renames", "--relative", "-z", commit)
        new = self._must("ls-files", "--others", "--exclude-standard", "-z")
        return tuple(sorted({path for path in f"{known}\0{new}".split("\0") if path}))

    def export(self, commit: str, paths: Iterable[str], folder: Path) -> None:
        """Write the files of some folders of the project as they were at a commit below `folder`.

        A path that was not there then is left out, and so is what is no file.

        Raises:
            UserError: git cannot read them.
        """
        for path, blob in self._blobs(commit, tuple(paths)):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blob)

    def _blobs(self, commit: str, paths: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
        if not paths:
            return
        try:
            with git.Repo(self.project, search_parent_directories=True) as repo:
                top = Path(repo.working_dir)
                inside = self.project.resolve().relative_to(top.resolve())
                tree = repo.commit(commit).tree
                for path in paths:
                    place = (inside / path).as_posix()
                    try:
                        found = tree / place
                    except KeyError:
                        continue
                    blobs = found.traverse() if isinstance(found, git.Tree) else [found]
                    for item in blobs:
                        if isinstance(item, git.Blob) and item.mode != item.link_mode:
                            name = Path(item.path).relative_to(inside).as_posix()
                            yield name, item.data_stream.read()
        except (GitError, ValueError, OSError) as err:
            raise self._failed(err) from err

    def _be_a_checkout(self) -> None:
        if self._ask("rev-parse", "--git-dir") is None:
            raise UserError(
                f"{self.project} is no git checkout, or one that git does not trust",
                hint="clone the repository of recipes; of another user's clone, git status says more",
            )

    def _must(self, *arguments: str) -> str:
        try:
            return self._run(*arguments)
        except (GitError, OSError) as err:
            raise self._failed(err) from err

    def _ask(self, *arguments: str) -> str | None:
        try:
            return self._run(*arguments).strip()
        except (GitError, OSError):
            return None

    def _run(self, *arguments: str) -> str:
        options = [part for option in _SAFE for part in ("-c", option)]
        return str(
            git.Git(self.project).execute(
                ["git", *options, *arguments], strip_newline_in_stdout=False
            )
        )

    def _failed(self, err: Exception) -> UserError:
        said = str(getattr(err, "stderr", "") or err).strip().splitlines()
        return UserError(
            f"git cannot read {self.project}: {said[-1] if said else type(err).__name__}",
            hint="git status in that folder says more",
        )
