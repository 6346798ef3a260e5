# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo check`: hold it against every rule of the format."""

from __future__ import annotations

import click

from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_REFUSED
from cvmfs.checking.check import check as check_repository
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.option("--all-revisions", is_flag=True, help="Check what tags and the reflog lead to, too.")
@click.option("--orphans", is_flag=True, help="Look for objects that no revision leads to.")
@click.option("--no-contents", is_flag=True, help="Do not read the contents of files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(
    context: Context, *, all_revisions: bool, orphans: bool, no_contents: bool, as_json: bool
) -> int:
    """Read the whole repository and name everything that is not as it should be.

    Example: pansoft repo check --all-revisions
    """
    state = workspace.state_of(context)
    report = check_repository(
        target.read(state, at=clock.now()),
        contents=not no_contents,
        all_revisions=all_revisions,
        storage=target.storage(state) if orphans else None,
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
