# SPDX-License-Identifier: BSD-3-Clause
"""Git checkouts in a temporary folder, with a committer of their own and no configuration of the host's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it says."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | _ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def new_checkout(folder: Path) -> Path:
    """Make a folder a checkout with the branch `main` and nothing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder: Path, message: str) -> str:
    """Commit everything at and below a folder, and return the commit."""
    git(folder, "add", "--all", ".")
    git(folder, "commit", "-q", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()
