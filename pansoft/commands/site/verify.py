# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site verify`: may I run this, and why."""

from __future__ import annotations

from pathlib import Path

import click

from builder.recipes.recipe import Channel
from core.canonical import readable_json
from core.errors import EXIT_REFUSED
from pansoft import clock
from pansoft.context import Context
from pansoft.site import published, reports
from pansoft.site import verify as verifying
from pansoft.site.settings import SitePlaces
from pansoft.site.verify import Answer, OpenSite


@click.command()
@click.argument("what", required=False, metavar="[PATH|NAME]")
@click.option(
    "--mount",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the repository is mounted, if not below /cvmfs.",
)
@click.option(
    "--channel",
    type=click.Choice([str(channel) for channel in Channel]),
    help="The channel that NAME is meant in; by default stable, and testing where it is not there.",
)
@click.option("--full", is_flag=True, help="Read every byte, in place of comparing hashes.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def verify(
    context: Context,
    *,
    what: str | None,
    mount: Path | None,
    channel: str | None,
    full: bool,
    as_json: bool,
) -> int:
    """Say whether software may be run here, and why: the site's policy on the publisher's evidence.

    NAME, or NAME@VERSION, is looked for on the mount; PATH is an image or the folder of a version. Without
    either, every published version is answered in one line. A no ends with 3.

    Example: pansoft site verify hdf5-tools
    """
    at = clock.now()
    site = verifying.open_site(SitePlaces(context.state), mount=mount, at=at)
    if what is None:
        return _all(site, full=full, as_json=as_json)
    path = _path(site, what, Channel(channel) if channel else None)
    answer = verifying.answer(site, path, full=full, at=at)
    if as_json:
        click.echo(readable_json(reports.answer_json(answer)), nl=False)
    else:
        click.echo(reports.answer_text(answer))
    if not answer.accepted and answer.hint:
        context.console.say(f"hint: {answer.hint}")
    return 0 if answer.accepted else EXIT_REFUSED


def _path(site: OpenSite, what: str, channel: Channel | None) -> Path:
    """Return the path that is meant: a name has no slash in it and is nothing that lies here."""
    path = Path(what)
    if "/" in what or path.exists():
        return path
    return published.meant(published.versions(site.mount), what, channel=channel).folder


def _all(site: OpenSite, *, full: bool, as_json: bool) -> int:
    answers: list[Answer] = []
    for version in published.versions(site.mount):
        answer = verifying.answer(site, version.folder, full=full, at=clock.now())
        answers.append(answer)
        if not as_json:
            channel = str(version.entry.channel) if version.entry else None
            click.echo(reports.answer_line(answer, version.title, channel))
    if as_json:
        click.echo(readable_json([reports.answer_json(each) for each in answers]), nl=False)
    return 0 if all(answer.accepted for answer in answers) else EXIT_REFUSED
