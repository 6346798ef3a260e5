# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo check`: hold it against every rule of the format."""

from __future__ import annotations

import click

from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_REFUSED
from cvmfs.check import check as check_repository
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(context: Context, *, as_json: bool) -> int:
    """Read the whole repository and name everything that is not as it should be.

    Example: pansoft repo check
    """
    state = workspace.state_of(context)
    report = check_repository(embedded.read_repository(state, at=clock.now()))
    if as_json:
        facts = {
            "fqrn": report.fqrn,
            "revision": report.revision,
            "root_hash": str(report.root_hash),
            "catalogs": report.catalogs,
            "entries": report.entries,
            "objects": report.objects,
            "stored_bytes": report.stored_bytes,
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
    return 0 if report.is_sound else EXIT_REFUSED
