# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site`: one module for each verb, in the order that `--help` lists them."""

from __future__ import annotations

import click

from pansoft.commands import ModuleGroup

VERBS: tuple[str, ...] = (
    "setup",
    "update",
    "doctor",
    "verify",
)
"""Each verb is the command of its name in `pansoft/commands/site/<verb>.py`."""


class SiteVerbs(ModuleGroup):
    """The verbs of a partner."""

    package = __name__
    verbs = VERBS


@click.group(cls=SiteVerbs)
def site() -> None:
    """Use what others publish: believe it from the federation's root, say what may run and why."""
