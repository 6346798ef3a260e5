# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci canary`: use what is published as a partner does, before partners do."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USER, UserError
from cvmfs.mirroring.replicate import name_in
from pansoft import clock, workspace
from pansoft.context import Context

ALIAS = "proven"
MOST = 20
WAIT_S = 600.0


@click.command()
@click.option(
    "--source",
    envvar="PANSOFT_REPOSITORY_URL",
    required=True,
    help="Where the repository is: http://HOST/cvmfs/NAME, more servers with ';' between them, or a folder.",
)
@click.option(
    "--public-key",
    envvar="PANSOFT_REPOSITORY_KEY",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key.",
)
@click.option("--fqrn", help="The repository's name, by default the end of its address.")
@click.option("--proxy", default="", help="Proxies as CVMFS_HTTP_PROXY has them.")
@click.option(
    "--revision",
    envvar="PANSOFT_REVISION",
    type=click.IntRange(min=1),
    help="The revision to look at, which is waited for; by default what the variable PANSOFT_REVISION says, "
    "else the newest.",
)
@click.option(
    "--since",
    default=ALIAS,
    show_default=True,
    help="The named snapshot after which packages are new; where there is no such name all are.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="How many packages are looked at, those that were published last; the others are named.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the revision.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write canary.json and junit.xml into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def canary(
    context: Context,
    *,
    source: str,
    public_key: Path,
    fqrn: str | None,
    proxy: str,
    revision: int | None,
    since: str,
    most: int,
    wait_s: float,
    output: Path | None,
    as_json: bool,
) -> int:
    """Mount a published revision as a partner does, verify what is new in it and run its tests there.

    It needs the address and the public key of the repository and a checkout, and no key or state of the
    publisher. Ends with status 3 where something is not believed, with 2 where a test fails or the revision
    does not arrive.

    Example: pansoft ci canary --source var/repository --fqrn software.pansoft.local
    --public-key var/keys/repository/software.pansoft.local.pub --most 2
    """
    # imported here: most verbs of a pipeline mount nothing
    from pansoft.ci import canary as canaries
    from pansoft.ci import canary_files as files

    name = fqrn or name_in(source.partition(";")[0])
    if not name:
        raise UserError(
            f"{source} does not end with a repository's name", hint="say it: --fqrn NAME"
        )
    client = canaries.Client(
        source if "://" in source else Path(source),
        name,
        public_key,
        workspace.state_of(context).folder / "canary",
        proxy,
    )
    seen = canaries.look(
        client,
        context.project,
        revision=revision,
        since=since,
        most=most,
        wait_s=wait_s,
        user=workspace.builder_of(context),
        console=context.console,
        now=clock.now,
    )
    if output is not None:
        files.write(seen, output)
    if as_json:
        click.echo(readable_json(files.as_json(seen)), nl=False)
    else:
        for line in files.lines(seen):
            click.echo(line)
    if any(each.refused is not None for each in seen.looked):
        return EXIT_REFUSED
    return EXIT_DONE if seen.is_well else EXIT_USER
