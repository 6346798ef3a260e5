# SPDX-License-Identifier: BSD-3-Clause
"""Pipelines run as GitLab would, by gitlab-ci-local on this machine: parent, child, artifacts and all.

What it does not do, and GitLab does: a parent that fails because its child did, protected variables,
`resource_group`, `id_tokens`. What hangs on these is asserted of the files instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core import process
from tests.checkouts import git

PROGRAM = Path(__file__).parent / "node" / "node_modules" / ".bin" / "gitlab-ci-local"
TIMEOUT_S = 1800.0

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_ENDED = re.compile(r"^ *(PASS|FAIL)\s+(?:\[(?P<parent>[^]]+)\] -> )?(?P<name>\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Ran:
    """A pipeline that ended: whether each job passed, those of its child too, and all that was printed."""

    passed: Mapping[str, bool]
    output: str

    @property
    def failed(self) -> set[str]:
        """Return the names of the jobs that failed."""
        return {name for name, passed in self.passed.items() if not passed}


def with_origin(checkout: Path) -> None:
    """Give a checkout the remote that pipelines look at; nothing ever asks it."""
    git(checkout, "remote", "add", "origin", "git@gitlab.example.org:facility/software.git")
    pushed(checkout)


def pushed(checkout: Path) -> None:
    """Let `main` of the remote be what it is in the checkout."""
    git(checkout, "update-ref", "refs/remotes/origin/main", "main")
    head = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git(checkout, "symbolic-ref", *head)


def run(checkout: Path, variables: Mapping[str, str | Path]) -> Ran:
    """Run the pipeline of a checkout, one job after the other, and return how it ended."""
    given = [f"--variable={name}={value}" for name, value in variables.items()]
    done = process.run(
        [PROGRAM, "--force-shell-executor", "--concurrency", "1", "--no-color", *given],
        reason="run the pipeline",
        cwd=checkout,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        timeout_s=TIMEOUT_S,
        check=False,
    )
    output = _ESCAPES.sub("", done.stdout + done.stderr)
    ended = [found for line in output.splitlines() if (found := _ENDED.match(line))]
    passed = {found["name"]: found[1] == "PASS" for found in ended}
    return Ran(passed, output)


def jobs_of(checkout: Path, variables: Mapping[str, str | Path]) -> set[str]:
    """Return the names of the jobs that a pipeline of a checkout has, none of them run."""
    given = [f"--variable={name}={value}" for name, value in variables.items()]
    done = process.run(
        [PROGRAM, "--list-csv", *given],
        reason="list the pipeline's jobs",
        cwd=checkout,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )
    header, *rows = (line.split(";") for line in done.stdout.splitlines() if ";" in line)
    assert header[0] == "name"
    return {row[0] for row in rows}
