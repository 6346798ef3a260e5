# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo replicate`: a Stratum 1."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.console import readable_size
from cvmfs.keeping.collect import GRACE
from cvmfs.mirroring.pull import Pulled
from cvmfs.mirroring.replicate import JOBS, Replication, name_in
from cvmfs.mirroring.replicate import replicate as replicate_repository
from cvmfs.storage.places import storage_at
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.argument("url")
@click.argument("place")
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default that of the site's repository.",
)
@click.option("--fqrn", help="The repository's name, by default the end of URL.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=JOBS, show_default=True, help="Connections."
)
@click.option(
    "--proxy",
    default="",
    help="Proxies as CVMFS_HTTP_PROXY has them: 'http://a:3128|http://b:3128;DIRECT'.",
)
@click.option(
    "--thorough", is_flag=True, help="Hash every object of the replica, mend what is bad."
)
@click.option(
    "--prune",
    is_flag=True,
    help=f"Remove what no revision has needed for {GRACE.days} days.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def replicate(
    context: Context,
    *,
    url: str,
    place: str,
    public_key: Path | None,
    fqrn: str | None,
    jobs: int,
    proxy: str,
    thorough: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Make PLACE a replica (Stratum 1) of the repository at URL, or bring it up to date.

    PLACE is a folder that a web server exports as /cvmfs/<fqrn>, or s3://bucket/prefix. All tagged
    revisions are brought; every object is verified. A run that was stopped is taken up by the next.

    Example: pansoft repo replicate http://stratum0.example.org/cvmfs/software.example.org
    /srv/cvmfs/software.example.org --public-key software.example.org.pub
    """
    state, storage = workspace.state_of(context), storage_at(place)
    done = replicate_repository(
        url,
        storage,
        public_key or target.public_key(state),
        at=clock.now(),
        fqrn=fqrn,
        jobs=jobs,
        scratch=None if storage.folder else state.replicating(fqrn or name_in(url)),
        is_thorough=thorough,
        grace=GRACE if prune else None,
        proxies=proxy,
        report=lambda pulled: context.console.status(_progress(pulled)),
    )
    click.echo(readable_json(_facts(done)) if as_json else _sentence(done), nl=not as_json)


def _progress(pulled: Pulled) -> str:
    return (
        f"{pulled.catalogs} catalogs opened, {pulled.objects} objects looked at, "
        f"{pulled.new_objects} fetched, {readable_size(pulled.new_bytes)}"
    )


def _sentence(done: Replication) -> str:
    new = done.pulled.new_objects + done.pulled.new_catalogs
    before = "new replica" if done.was is None else f"was {done.was}"
    gone = f", {done.pruned.removed} removed" if done.pruned.removed else ""
    return (
        f"revision {done.revision} of {done.fqrn} ({before}): "
        f"{new} objects fetched, {readable_size(done.pulled.new_bytes)}{gone}"
    )


def _facts(done: Replication) -> dict[str, object]:
    return {
        "fqrn": done.fqrn,
        "revision": done.revision,
        "root_hash": str(done.root_hash),
        "was": done.was,
        "new_catalogs": done.pulled.new_catalogs,
        "new_objects": done.pulled.new_objects,
        "new_bytes": done.pulled.new_bytes,
        "removed_objects": done.pruned.removed,
        "removed_bytes": done.pruned.removed_bytes,
    }
