# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust`: one module for each verb, in the order that `--help` lists them."""

from __future__ import annotations

import click

from pansoft.commands import ModuleGroup

VERBS: tuple[str, ...] = (
    "status",
    "keygen",
    "explain",
    "log",
    "found",
    "delegate",
    "rotate",
    "revoke",
    "offer",
    "sign-metadata",
    "federation-key",
    "whoami",
    "cosign",
    "key",
    "approve",
    "waive",
    "issuer",
)
"""Each verb is the command of its name in `pansoft/commands/trust/<verb>.py`, `-` written as `_`."""


class TrustVerbs(ModuleGroup):
    """The verbs about trust."""

    package = __name__
    verbs = VERBS


@click.group(cls=TrustVerbs)
def trust() -> None:
    """Say whose signatures count, make keys, explain decisions; hold the federation together."""
