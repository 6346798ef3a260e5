# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the command line, one module each, in the order that `--help` lists them.

A verb's module is imported when the verb is used: `pansoft plan` does not wait for the catalogue.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import ClassVar

import click

VERBS: tuple[str, ...] = (
    "doctor",
    "new",
    "recipe",
    "check",
    "lock",
    "fetch",
    "plan",
    "build",
    "log",
    "test",
    "shell",
    "cache",
    "sign",
    "verify",
    "diff",
    "apply",
    "report",
    "ci",
    "repo",
    "catalog",
    "trust",
    "site",
    "schema",
    "docs",
    "demo",
)
"""Each verb is the command of its name in `pansoft/commands/<verb>.py`, or a folder of commands."""


class ModuleGroup(click.Group):
    """A group whose commands are the modules of a package, each imported when it is used."""

    package: ClassVar[str]
    verbs: ClassVar[tuple[str, ...]]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of a verb."""
        if cmd_name not in self.verbs:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"{self.package}.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - for mypy: the table says so
        return command


class Verbs(ModuleGroup):
    """The verbs of the program."""

    package = __name__
    verbs = VERBS

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; that its reader has seen enough (`| head`) is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # what is still buffered goes nowhere, or Python complains when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
