# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust rotate`: another key in the place of one, or the same keys for another year."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import UserError
from pansoft import ceremonies
from pansoft.context import Context
from trust.federation.charter import Charter, keys_named, replace_key
from trust.federation.keys import facility_of, read_public


@click.command()
@click.argument("old", required=False)
@click.argument("new", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--renew", is_flag=True, help="No other key; sign again what is about to expire.")
@click.option("--why", help="For those who sign, and for the record.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def rotate(
    context: Context,
    *,
    old: str | None,
    new: Path | None,
    renew: bool,
    why: str | None,
    as_json: bool,
) -> None:
    """Propose the public key NEW in place of OLD, in every role that has it; sites follow by themselves.

    OLD is the beginning of a key's id, a facility that has one key only, or `online` for the key of the
    timestamp. A lost key needs no signature of its own: the others sign.

    Example: pansoft trust rotate online online-2027.pub --why "the yearly change"
    """
    if renew:
        if old or new:
            raise UserError("--renew changes no key", hint="pansoft trust rotate --renew")
        ceremonies.change(
            context, lambda before: before, why=why or "renewal", renew=True, as_json=as_json
        )
        return
    if old is None or new is None or why is None:
        raise UserError(
            "name the old key, the file of the new one, and why",
            hint='pansoft trust rotate ESRF esrf-2027.pub --why "the old one was lost"',
        )

    def edit(before: Charter) -> Charter:
        found = keys_named(before, old)
        if len(found) > 1:
            ids = ", ".join(key.keyid[:8] for key in found)
            raise UserError(f"{old} has several keys", hint=f"name one of them: {ids}")
        return replace_key(before, found[0], read_public(new, facility=facility_of(found[0])))

    ceremonies.change(context, edit, why=why, as_json=as_json)
