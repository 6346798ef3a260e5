# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci`: what a pipeline does, one module for each verb, in the order that `--help` lists them."""

from __future__ import annotations

import click

from pansoft.commands import ModuleGroup

VERBS: tuple[str, ...] = (
    "pipeline",
    "preview",
    "report",
    "post",
    "shown",
    "update",
    "requests",
    "canary",
    "rebuild",
    "advisories",
    "alarm",
    "release",
    "image",
)
"""Each verb is the command of its name in `pansoft/commands/ci/<verb>.py`."""


class PipelineVerbs(ModuleGroup):
    """The verbs of a pipeline."""

    package = __name__
    verbs = VERBS


@click.group(cls=PipelineVerbs)
def ci() -> None:
    """What a pipeline of GitLab does; a person can do the same."""
