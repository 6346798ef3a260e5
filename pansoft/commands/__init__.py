# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the command line, one module each, in the order that `--help` lists them.

A verb's module is imported when the verb is used: `pansoft plan` does not wait for the catalogue.
"""

from __future__ import annotations

import importlib
import os
import sys

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
    "repo",
    "catalog",
    "trust",
    "schema",
    "docs",
    "demo",
)
"""Each verb is the command of its name in `pansoft/commands/<verb>.py`."""


class Verbs(click.Group):
    """A group whose commands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of a verb."""
        if cmd_name not in VERBS:
            return None
        command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - for mypy: the table says so
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; that its reader has seen enough (`| head`) is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # what is still buffered goes nowhere, or Python complains when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
