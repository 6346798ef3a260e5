# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft cache`: what the state folder holds that can be made again, and making room in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from builder import stored
from builder.stored import Item, Kind, References, Rule
from core.canonical import readable_json
from core.console import readable_size
from core.errors import UserError
from core.files import free_space
from pansoft import clock, workspace
from pansoft.context import Context
from pansoft.days import span_of
from pansoft.sizes import parse_size


@click.group()
def cache() -> None:
    """Inputs, bases, images, kept sandboxes and logs: what there is, and what may go."""


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every item.")
@click.pass_obj
def status(context: Context, *, as_json: bool) -> None:
    """Say how much of what there is, and how much of it the recipes need.

    Example: pansoft cache status
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    items = stored.stored(state, workspace.references(context), user=user)
    if as_json:
        click.echo(readable_json([_row(item) for item in items]), nl=False)
        return
    click.echo(f"{'':9} {'count':>7} {'size':>10} {'needed':>10} {'may go':>10}")
    for kind in Kind:
        _tell(str(kind), [item for item in items if item.kind is kind])
    _tell("all", items)
    click.echo(f"{readable_size(free_space(state.folder))} free where {state.folder} is")


@cache.command()
@click.option("--unused", is_flag=True, help="What no recipe needs as it is now.")
@click.option("--older-than", metavar="AGE", help="What was not used for so long: 12h, 30d, 8w.")
@click.option(
    "--max-size", metavar="SIZE", help="The least recently used, until the rest is at most: 20G."
)
@click.option(
    "--only",
    type=click.Choice([str(kind) for kind in Kind]),
    multiple=True,
    help="Of this part only; may be given several times.",
)
@click.option("--even-needed", is_flag=True, help="Also what recipes need; it is made again.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and remove nothing.")
@click.pass_obj
def prune(
    context: Context,
    *,
    unused: bool,
    older_than: str | None,
    max_size: str | None,
    only: Sequence[str],
    even_needed: bool,
    dry_run: bool,
) -> None:
    """Remove what can be made or fetched again.

    What the recipes of this project need stays, and nothing is removed while builds run. What is
    published is not concerned.

    Example: pansoft cache prune --unused --dry-run
    """
    if not (unused or older_than or max_size):
        raise UserError(
            "say what may go: --unused, --older-than or --max-size",
            hint="look first: pansoft cache status",
        )
    rule = Rule(
        unused=unused,
        used_before=_before(older_than) if older_than else None,
        max_size=parse_size(max_size) if max_size else None,
        even_needed=even_needed,
        kinds=frozenset(map(Kind, only)) if only else frozenset(Kind),
    )
    state, user = workspace.state_of(context), workspace.builder_of(context)
    needed = References() if even_needed else workspace.references(context)
    items = stored.stored(state, needed, user=user)
    gone = stored.choose(items, rule)
    if dry_run:
        for item in gone:
            click.echo(f"{item.kind:8} {readable_size(item.size):>9}  {item.name}")
        click.echo(f"{len(gone)} items would go, {readable_size(sum(i.size for i in gone))}")
        return
    freed = stored.prune(gone, state, user=user)
    click.echo(f"{len(gone)} items removed, {readable_size(freed)} freed")
    left = sum(item.size for item in items) - freed
    if rule.max_size is not None and left > rule.max_size:
        context.console.say(
            f"{readable_size(left)} are left: what recipes need stays without --even-needed"
        )


def _tell(name: str, items: Sequence[Item]) -> None:
    total = sum(item.size for item in items)
    needed = sum(item.size for item in items if item.needed)
    sizes = (f"{readable_size(size):>10}" for size in (total, needed, total - needed))
    click.echo(f"{name:9} {len(items):>7} {' '.join(sizes)}")


def _row(item: Item) -> dict[str, object]:
    return {
        "kind": item.kind,
        "key": item.key,
        "name": item.name,
        "size": item.size,
        "used": datetime.fromtimestamp(item.used, UTC).isoformat(timespec="seconds"),
        "needed": item.needed,
    }


def _before(text: str) -> float:
    return (clock.now() - span_of(text)).timestamp()
