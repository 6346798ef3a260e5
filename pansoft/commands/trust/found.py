# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust found`: the first root of a federation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from core.errors import UserError
from pansoft import ceremonies, clock
from pansoft.context import Context
from pansoft.federation import folder_of
from trust.federation import ceremony, charter, documents
from trust.federation.keys import ONLINE, FederationKey, read_public


@click.command()
@click.option(
    "--seat",
    "seats",
    multiple=True,
    required=True,
    metavar="FACILITY=FILE",
    help="A facility and its public key; once for each.",
)
@click.option(
    "--core",
    "core",
    multiple=True,
    metavar="FACILITY=FILE",
    help="A facility and its key for the list of core packages; by default that of its seat.",
)
@click.option(
    "--online",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    required=True,
    help="The public key of the pipeline that signs the timestamp.",
)
@click.option(
    "--threshold",
    type=click.IntRange(2),
    default=2,
    show_default=True,
    help="How many facilities have to sign a change.",
)
@click.option("--why", default="the founding", show_default=True, help="For the record.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def found(
    context: Context,
    *,
    seats: Sequence[str],
    core: Sequence[str],
    online: Path,
    threshold: int,
    why: str,
    as_json: bool,
) -> None:
    """Propose the first root of a federation: who holds it, and how many of them have to sign.

    The facilities then sign with pansoft trust sign-metadata. Every site gets 1.root.json on a safe way,
    once; whatever changes later, it follows by itself.

    Example: pansoft trust found --seat ESRF=esrf.pub --seat ILL=ill.pub --online online.pub
    """
    if documents.load_agreed(folder_of(context.policy)) is not None:
        raise UserError(
            "there is a federation already",
            hint="change it with pansoft trust delegate, rotate and revoke",
        )
    holders = _keys(seats)
    first = charter.found(
        seats=holders,
        core=_keys(core) or holders,
        online=read_public(online, facility=ONLINE),
        threshold=threshold,
        at=clock.now(),
    )
    made = ceremony.propose(None, first, at=clock.now(), why=why)
    ceremonies.propose(context, None, made, at=clock.now(), as_json=as_json)


def _keys(given: Sequence[str]) -> dict[str, FederationKey]:
    found: dict[str, FederationKey] = {}
    for each in given:
        name, equals, file = each.partition("=")
        if not equals or not name.strip() or name in found:
            raise UserError(
                f"'{each}' does not name a facility and its key, each facility once",
                hint="for example: --seat ESRF=esrf.pub",
            )
        found[name] = read_public(Path(file), facility=name)
    return found
