# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust sign-metadata`: read what is proposed for the federation, and sign it."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import UserError
from pansoft import ceremonies
from pansoft.context import Context
from pansoft.federation import folder_of


@click.command("sign-metadata")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Your key: a PEM file, or a .yaml file that describes a key in a PKCS#11 token.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Holds the passphrase of the PEM file; nobody else can read it.",
)
@click.option(
    "--expect", metavar="SHA256", help="The proposal that you have read; without it, read it."
)
@click.option("--withdraw", is_flag=True, help="Take back what is proposed.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def sign_metadata(
    context: Context,
    *,
    key: Path | None,
    passphrase_file: Path | None,
    expect: str | None,
    withdraw: bool,
    as_json: bool,
) -> int:
    """Show what is proposed for the federation, or sign it with your facility's key.

    Without --key nothing is signed: it says what will change, who has signed, who must still sign, and
    what happens if nobody does. What is signed is what was read: --expect holds it fast.

    Example: pansoft trust sign-metadata
    """
    if withdraw:
        return ceremonies.finish(folder_of(context.policy))
    if key is None:
        ceremonies.read(context, as_json=as_json)
        return 0
    if expect is None:
        raise UserError(
            "say which proposal you have read: --expect SHA256",
            hint="pansoft trust sign-metadata, without a key, shows it and says its SHA256",
        )
    ceremonies.sign(context, key, passphrase_file=passphrase_file, expect=expect, as_json=as_json)
    return 0
