# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key`: the life of a key, one module for each verb."""

from __future__ import annotations

import click

from pansoft.commands import ModuleGroup

VERBS: tuple[str, ...] = (
    "show",
    "add",
    "extend",
    "rotate",
    "revoke",
)
"""Each verb is the command of its name in `pansoft/commands/trust/key/<verb>.py`."""


class KeyVerbs(ModuleGroup):
    """The verbs about keys."""

    package = __name__
    verbs = VERBS


@click.group(cls=KeyVerbs)
def key() -> None:
    """The keys of this state folder: show, add, extend, rotate, revoke them."""
