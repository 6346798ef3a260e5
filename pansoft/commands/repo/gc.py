# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo gc`: remove what no kept revision reaches."""

from __future__ import annotations

from datetime import timedelta

import click

from core.canonical import readable_json
from core.console import readable_size
from cvmfs.keeping.collect import GRACE, Collection, collect
from cvmfs.keeping.retention import Retention
from pansoft import clock, target, workspace
from pansoft.context import Context

_COUNT = click.IntRange(min=0)
_DAYS = click.FloatRange(min=0)


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--grace",
    type=_DAYS,
    default=GRACE / timedelta(days=1),
    show_default=True,
    metavar="DAYS",
    help="Leave what was put, or was current, within so many days.",
)
@click.option(
    "--keep-last", type=_COUNT, default=0, metavar="N", help="Keep the newest N revisions."
)
@click.option("--keep-daily", type=_COUNT, default=0, metavar="N", help="Keep the last of N days.")
@click.option(
    "--keep-weekly", type=_COUNT, default=0, metavar="N", help="Keep the last of N weeks."
)
@click.option(
    "--keep-monthly", type=_COUNT, default=0, metavar="N", help="Keep the last of N months."
)
@click.option("--keep-within", type=_DAYS, metavar="DAYS", help="Keep all of the last DAYS days.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def gc(
    context: Context,
    *,
    dry_run: bool,
    grace: float,
    keep_last: int,
    keep_daily: int,
    keep_weekly: int,
    keep_monthly: int,
    keep_within: float | None,
    as_json: bool,
) -> None:
    """Remove objects that no kept revision reaches.

    Without a --keep option all revisions of the log are kept. With some of them a revision stays that one of
    them keeps, or that has a name: the current and the previous one, and those of `pansoft repo tag`.

    Example: pansoft repo gc --keep-daily 7 --keep-weekly 8 --keep-monthly 12 --dry-run
    """
    rules = Retention(
        last=keep_last,
        daily=keep_daily,
        weekly=keep_weekly,
        monthly=keep_monthly,
        within=None if keep_within is None else timedelta(days=keep_within),
    )
    repository, keys = target.to_change(workspace.state_of(context), at=clock.now())
    done = collect(
        repository,
        keys,
        at=clock.now(),
        grace=timedelta(days=grace),
        rules=rules,
        is_dry_run=dry_run,
    )
    if as_json:
        click.echo(readable_json(_facts(done)), nl=False)
        return
    for tag in done.removed_tags:
        click.echo(f"revision {tag.revision} of {tag.time:%Y-%m-%d %H:%M}: {tag.description}")
    click.echo(_summary(done))


def _summary(done: Collection) -> str:
    swept = done.swept
    verb = "would remove" if done.is_dry_run else "removed"
    text = (
        f"{verb} {len(done.removed_tags)} revisions and {swept.removed} objects "
        f"({readable_size(swept.removed_bytes)}); {done.revisions} revisions stay, "
        f"{swept.kept} objects ({readable_size(swept.kept_bytes)})"
    )
    if swept.young:
        text += f"; {swept.young} ({readable_size(swept.young_bytes)}) are too young to go"
    return text


def _facts(done: Collection) -> dict[str, object]:
    swept = done.swept
    return {
        "fqrn": done.fqrn,
        "is_dry_run": done.is_dry_run,
        "kept_revisions": done.revisions,
        "removed_revisions": [tag.revision for tag in done.removed_tags],
        "catalogs_read": done.catalogs,
        "kept_objects": swept.kept,
        "kept_bytes": swept.kept_bytes,
        "young_objects": swept.young,
        "young_bytes": swept.young_bytes,
        "removed_objects": swept.removed,
        "removed_bytes": swept.removed_bytes,
    }
