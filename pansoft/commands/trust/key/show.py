# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key show`: which keys there are, and where their secrets lie."""

from __future__ import annotations

import click

from core.canonical import Json, readable_json
from pansoft import clock
from pansoft.context import Context
from trust.codec import to_json
from trust.keys import life
from trust.keys.life import KnownKey


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def show(context: Context, *, as_json: bool) -> None:
    """Show the keys that can sign from this state folder; no agent and no token is asked.

    Example: pansoft trust key show
    """
    found = list(life.known(context.state, at=clock.now()))
    if as_json:
        click.echo(readable_json([_row(each) for each in found]), nl=False)
        return
    if not found:
        context.console.say(
            "there is no key yet; one for this machine: pansoft trust keygen --local"
        )
    for each in found:
        ends = f"{each.facts.expires:%Y-%m-%d}" if each.facts.expires else "never"
        click.echo(f"{each.name}  {each.facts.fingerprint}  {each.facts.name}")
        click.echo(f"    secret in: {each.kind}; expires: {ends}")


def _row(known: KnownKey) -> dict[str, Json]:
    return {
        "name": known.name,
        "secret_in": known.kind,
        "fingerprint": known.facts.fingerprint,
        "holder": known.facts.name,
        "expires": to_json(known.facts.expires),
    }
