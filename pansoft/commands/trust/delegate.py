# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust delegate`: a say for a facility, in a namespace or in the root."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import UserError
from pansoft import ceremonies
from pansoft.context import Context
from trust.federation import charter
from trust.federation.keys import read_public


@click.command()
@click.argument("role")
@click.option("--facility", help="Who gets a say.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Its public key.",
)
@click.option("--threshold", type=click.IntRange(1), help="How many have to sign from then on.")
@click.option("--why", required=True, help="For those who sign, and for the record.")
@click.option("--weaken", metavar="REASON", help="Why a threshold goes down; it is recorded.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def delegate(
    context: Context,
    *,
    role: str,
    facility: str | None,
    key_file: Path | None,
    threshold: int | None,
    why: str,
    weaken: str | None,
    as_json: bool,
) -> None:
    """Propose that a facility gets a say in ROLE: a namespace like esrf, core, or the root (a seat).

    A new namespace is for what its name says and nothing else. Without a key, a threshold alone changes.

    Example: pansoft trust delegate esrf --facility ESRF --key esrf.pub --why "ESRF joins"
    """
    if (facility is None) != (key_file is None):
        raise UserError("a facility and its key go together", hint="--facility NAME --key FILE")
    if key_file is None and threshold is None:
        raise UserError("nothing would change", hint="name a facility and its key, or a threshold")
    key = read_public(key_file, facility=facility) if key_file and facility else None
    ceremonies.change(
        context,
        lambda before: charter.delegate(before, role, key, threshold=threshold),
        why=why,
        weaken=weaken,
        as_json=as_json,
    )
