# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo status`: several servers of one repository, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from core.canonical import readable_json
from core.errors import EXIT_REFUSED
from cvmfs.mirroring.mirrors import Alarm, Mirror, alarms, look, readable_age
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default that of the site's repository.",
)
@click.option("--fqrn", help="The repository's name, by default the end of each address.")
@click.option(
    "--proxy",
    default="",
    help="Proxies as CVMFS_HTTP_PROXY has them: 'http://a:3128|http://b:3128;DIRECT'.",
)
@click.option(
    "--max-age",
    type=click.FloatRange(min=0),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long a mirror may lack a revision, or go without an update.",
)
@click.option(
    "--warn-days",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    help="How long before its end a whitelist has to be signed anew.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(
    context: Context,
    *,
    urls: tuple[str, ...],
    public_key: Path | None,
    fqrn: str | None,
    proxy: str,
    max_age: float,
    warn_days: float,
    as_json: bool,
) -> int:
    """Compare the servers at URLS: revision, age, whitelist, whether they verify; status 3 for an alarm.

    Example: pansoft repo status http://s0.example.org/cvmfs/software.example.org
    http://s1.example.org/cvmfs/software.example.org --public-key software.example.org.pub
    """
    key = public_key or target.public_key(workspace.state_of(context))
    at = clock.now()
    mirrors = look(urls, key, at=at, fqrn=fqrn, proxies=proxy)
    found = alarms(mirrors, at=at, max_age=timedelta(hours=max_age), warn=timedelta(days=warn_days))
    if as_json:
        click.echo(readable_json(_facts(mirrors, found)), nl=False)
    else:
        _tell(mirrors, found, at)
    return EXIT_REFUSED if found else 0


def _tell(mirrors: Sequence[Mirror], found: Sequence[Alarm], at: datetime) -> None:
    rows: list[tuple[str, ...]] = [
        ("revision", "root", "published", "updated", "whitelist", "answers", "server")
    ]
    rows += [_row(mirror, at) for mirror in mirrors]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
    for alarm in found:
        click.echo(f"{alarm.url}: {alarm.message}")


def _row(mirror: Mirror, at: datetime) -> tuple[str, ...]:
    state = mirror.state
    if state is None:
        return ("-", "-", "-", "-", "-", "-", mirror.url)
    updated = state.last_snapshot
    return (
        str(state.revision),
        state.root_hash[:12],
        f"{readable_age(at - state.published)} ago",
        "original" if updated is None else f"{readable_age(at - updated)} ago",
        f"{readable_age(state.whitelist_expires - at)} left",
        f"{state.latency_s * 1000:.0f} ms",
        mirror.url,
    )


def _facts(mirrors: Sequence[Mirror], found: Sequence[Alarm]) -> dict[str, object]:
    return {
        "mirrors": [_mirror(mirror) for mirror in mirrors],
        "alarms": [{"url": alarm.url, "message": alarm.message} for alarm in found],
    }


def _mirror(mirror: Mirror) -> dict[str, object]:
    state = mirror.state
    if state is None:
        return {"url": mirror.url, "verified": False, "fault": mirror.fault}
    updated = state.last_snapshot
    return {
        "url": mirror.url,
        "verified": True,
        "fqrn": state.fqrn,
        "revision": state.revision,
        "root_hash": str(state.root_hash),
        "published": state.published.isoformat(),
        "whitelist_expires": state.whitelist_expires.isoformat(),
        "last_snapshot": None if updated is None else updated.isoformat(),
        "latency_ms": round(state.latency_s * 1000, 1),
    }
