# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site setup`: from an address and the federation's root to a machine that can use it."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from pansoft import clock
from pansoft.context import Context
from pansoft.site import reports
from pansoft.site import setup as setting_up
from pansoft.site.settings import SitePlaces
from pansoft.site.setup import Request
from pansoft.site.writing import Change
from trust.programs.execution_list import Mode


@click.command()
@click.option(
    "--repository",
    help="Where the repository is: https://HOST/cvmfs/NAME, more servers with ';' between them, or a folder.",
)
@click.option(
    "--root",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The federation's root, from somebody you know; everything else is believed from it.",
)
@click.option(
    "--prefix",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write files of the system below this folder, for the image of a machine. By default /.",
)
@click.option("--proxy", help="What CVMFS_HTTP_PROXY is to be; by default that is left to you.")
@click.option(
    "--ecl",
    type=click.Choice([str(mode) for mode in Mode]),
    help="Apptainer's Execution Control List: run images of the site's signers only. By default off.",
)
@click.option("--namespace", help="Who in the federation has to answer for the repository's key.")
@click.option(
    "--federation",
    help="Where the federation's metadata is, if not in the repository: an address or folder of "
    "trust/federation, or the address of another repository.",
)
@click.option("--dry-run", is_flag=True, help="Show every difference and write nothing.")
@click.option("--force", is_flag=True, help="Write over edited files; a copy of each is kept.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def setup(
    context: Context,
    *,
    repository: str | None,
    root: Path | None,
    prefix: Path | None,
    proxy: str | None,
    ecl: str | None,
    namespace: str | None,
    federation: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Set this machine up to use a repository: keys, CVMFS, Apptainer, and the site's policy.

    Nothing is written before all of it was verified from the federation's root. What somebody has edited is
    not written over. Run again it changes what has changed.

    Example: pansoft site setup --repository https://pan.example.org/cvmfs/x.example.org --root root.json
    """
    request = Request(
        repository=repository,
        root=setting_up.read_root(root) if root else None,
        metadata=federation,
        namespace=namespace,
        prefix=prefix,
        execution_list=Mode(ecl) if ecl else None,
        proxies=proxy,
    )
    run(context, request, dry_run=dry_run, force=force, as_json=as_json)


def run(context: Context, request: Request, *, dry_run: bool, force: bool, as_json: bool) -> None:
    """Set up or look, and tell."""
    places = SitePlaces(context.state)
    kept: tuple[Path, ...] = ()
    if dry_run:
        site = setting_up.look(places, request, at=clock.now())
    else:
        site, kept = setting_up.set_up(places, request, force=force, at=clock.now())
    if as_json:
        told = reports.setup_json(site, kept=kept, is_done=not dry_run)
        click.echo(readable_json(told), nl=False)
        return
    if dry_run:
        for each in site.changes:
            if each.change is not Change.NONE:
                click.echo(each.diff())
    click.echo(reports.setup_text(site, kept=kept, is_done=not dry_run))
