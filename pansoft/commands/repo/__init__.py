# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo`: the CVMFS repository, one module for each verb, in the order that `--help` lists them."""

from __future__ import annotations

import click

from pansoft.commands import ModuleGroup

VERBS: tuple[str, ...] = (
    "init",
    "describe",
    "resign",
    "rekey",
    "serve",
    "mount",
    "unmount",
    "log",
    "diff",
    "tag",
    "rollback",
    "yank",
    "gc",
    "check",
    "replicate",
    "status",
    "info",
    "unlock",
)
"""Each verb is the command of its name in `pansoft/commands/repo/<verb>.py`."""


class RepositoryVerbs(ModuleGroup):
    """The verbs about the repository."""

    package = __name__
    verbs = VERBS


@click.group(cls=RepositoryVerbs)
def repo() -> None:
    """The repository: make it, look at it, serve it, mount it."""
