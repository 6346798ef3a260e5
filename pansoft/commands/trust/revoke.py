# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust revoke`: a key or a facility that has no say any more."""

from __future__ import annotations

from functools import reduce

import click

from pansoft import ceremonies
from pansoft.context import Context
from trust.federation.charter import SEATS, Charter, delegate, keys_named, remove_key


@click.command()
@click.argument("name")
@click.option("--why", required=True, help="For those who sign, and for the record.")
@click.option(
    "--threshold", type=click.IntRange(2), help="How many seats have to sign from then on."
)
@click.option("--weaken", metavar="REASON", help="Why the threshold goes down; it is recorded.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def revoke(
    context: Context,
    *,
    name: str,
    why: str,
    threshold: int | None,
    weaken: str | None,
    as_json: bool,
) -> None:
    """Propose that a key (the beginning of its id) or a facility (all its keys) has no say any more.

    A namespace that nobody else speaks for is delegated no more. What has to be signed again by those who
    stay is part of the proposal.

    Example: pansoft trust revoke ILL --why "ILL leaves the federation"
    """

    def edit(before: Charter) -> Charter:
        after = reduce(remove_key, keys_named(before, name), before)
        return delegate(after, SEATS, None, threshold=threshold) if threshold else after

    ceremonies.change(context, edit, why=why, weaken=weaken, as_json=as_json)
