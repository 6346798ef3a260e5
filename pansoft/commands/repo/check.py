# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo check`: hold it against every rule of the format."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_REFUSED, UserError
from cvmfs.checking.check import check as check_repository
from cvmfs.mirroring.replicate import name_in
from cvmfs.reading.reader import open_reader
from cvmfs.storage.places import storage_at
from cvmfs.storage.storage import Storage
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.option(
    "--source",
    help="A replica's folder, or an address, instead of the site's own repository.",
)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default that of the site's repository.",
)
@click.option("--fqrn", help="The repository's name, by default the end of SOURCE.")
@click.option("--all-revisions", is_flag=True, help="Check what tags and the reflog lead to, too.")
@click.option("--orphans", is_flag=True, help="Look for objects that no revision leads to.")
@click.option("--no-contents", is_flag=True, help="Do not read the contents of files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(
    context: Context,
    *,
    source: str | None,
    public_key: Path | None,
    fqrn: str | None,
    all_revisions: bool,
    orphans: bool,
    no_contents: bool,
    as_json: bool,
) -> int:
    """Read the whole repository and name everything that is not as it should be.

    With --source that of somebody else, or a replica.

    Example: pansoft repo check --all-revisions
    """
    state, at = workspace.state_of(context), clock.now()
    if source is None:
        if public_key is not None or fqrn is not None:
            raise UserError("--public-key and --fqrn go with --source")
        reader, storage = target.read(state, at=at), target.storage(state) if orphans else None
    else:
        key = public_key or target.public_key(state)
        place = source if _is_web(source) else storage_at(source)
        reader = open_reader(place, fqrn or name_in(source), key, at=at)
        storage = _listed(source) if orphans else None
    report = check_repository(
        reader, contents=not no_contents, all_revisions=all_revisions, storage=storage
    )
    if as_json:
        facts = {
            "fqrn": report.fqrn,
            "revision": report.revision,
            "root_hash": str(report.root_hash),
            "revisions": report.revisions,
            "catalogs": report.catalogs,
            "entries": report.entries,
            "objects": report.objects,
            "stored_bytes": report.stored_bytes,
            "unused_objects": report.unused_objects,
            "unused_bytes": report.unused_bytes,
            "findings": [str(finding) for finding in report.findings],
        }
        click.echo(readable_json(facts), nl=False)
    else:
        for finding in report.findings:
            click.echo(str(finding))
        word = "sound" if report.is_sound else f"{len(report.findings)} problems"
        click.echo(
            f"revision {report.revision} of {report.fqrn}: {word}; {report.entries} entries in "
            f"{report.catalogs} catalogs, {report.objects} objects, "
            f"{readable_size(report.stored_bytes)}"
        )
        if report.unused_objects is not None and report.unused_bytes is not None:
            click.echo(
                f"{report.unused_objects} objects ({readable_size(report.unused_bytes)}) belong to no "
                "revision: pansoft repo gc removes them"
            )
    return 0 if report.is_sound else EXIT_REFUSED


def _listed(source: str) -> Storage:
    """Return a place whose files can be listed.

    Raises:
        UserError: a web server shows no list.
    """
    if _is_web(source):
        raise UserError(
            "a web server does not say which objects it has, so --orphans cannot look for them",
            hint="check the folder or the bucket of that repository",
        )
    return storage_at(source)


def _is_web(source: str) -> bool:
    return source.startswith(("http://", "https://"))
