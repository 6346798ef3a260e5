# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo describe`: who looks after the repository."""

from __future__ import annotations

from dataclasses import replace

import click

from core.canonical import readable_json
from cvmfs.publishing.describe import describe as publish_description
from cvmfs.publishing.describe import metainfo_of
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.option("--administrator", help="Who looks after the repository.")
@click.option("--email", help="Where they are reached.")
@click.option("--organisation", help="For whom.")
@click.option("--description", help="What is in it.")
@click.option("--url", help="Where more is said.")
@click.option("--recommended-stratum0", help="Where replicas copy it from.")
@click.option("--recommended-stratum1", "stratum1s", multiple=True, help="Where clients read it.")
@click.pass_obj
def describe(context: Context, /, *, stratum1s: tuple[str, ...], **texts: str | None) -> None:
    """Publish what the repository says of itself to monitors, and print it; without options only print it.

    What is not named stays as it was.

    Example: pansoft repo describe --email cvmfs@example.org --description "software for photon science"
    """
    repository, keys = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    before = metainfo_of(repository)
    given: dict[str, str | tuple[str, ...]] = {
        name: text for name, text in texts.items() if text is not None
    }
    if stratum1s:
        given["recommended_stratum1s"] = stratum1s
    after = replace(before, **given)  # type: ignore[arg-type]  # click gives each its own type
    if after != before:
        publish_description(repository, keys, after, at=clock.now())
    click.echo(readable_json(after.facts()), nl=False)
