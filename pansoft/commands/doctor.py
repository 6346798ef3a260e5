# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft doctor`: what this machine can do, what is missing, how to get it."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.canonical import readable_json
from core.errors import EXIT_USER
from pansoft import doctor as doctoring
from pansoft.context import Context
from pansoft.doctor import Health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def doctor(context: Context, *, as_json: bool) -> int:
    """Look at Apptainer, namespaces, ids, FUSE, tools and disk, and say what mends what is wrong.

    Ends with status 2 where something stops the work.

    Example: pansoft doctor
    """
    findings = doctoring.examine(context.state)
    if as_json:
        click.echo(readable_json([asdict(finding) for finding in findings]), nl=False)
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.health:<8} {finding.check:<{width}}  {finding.message}")
            if finding.mend:
                click.echo(f"{'':8} {'':{width}}  mend: {finding.mend}")
    return EXIT_USER if any(finding.health is Health.BAD for finding in findings) else 0
