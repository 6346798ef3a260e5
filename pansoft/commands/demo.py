# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft demo`: the whole way on this machine."""

from __future__ import annotations

import os

import click

from core.console import readable_size
from core.errors import EXIT_DONE, EXIT_USER
from pansoft import clock, workspace
from pansoft import demo as whole_way
from pansoft.commands.apply import status_of, tell
from pansoft.context import Context
from pansoft.demo import DemoReport


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=os.cpu_count() or 1, show_default="cores"
)
@click.pass_obj
def demo(context: Context, *, names: tuple[str, ...], jobs: int) -> int:
    """Turn recipes into signed images, publish them, mount the repository and run programs from it.

    A selection of the recipes, or NAMES; `pansoft apply` does all. Stopped at any moment and run
    again, it goes on where it was.

    Example: pansoft demo
    """
    recipes = workspace.recipes_named(context, names or whole_way.PACKAGES)
    report = whole_way.demo(context, recipes, at=clock.now(), jobs=jobs)
    tell(report.loop)
    click.echo()
    _tell(report, context)
    return EXIT_DONE if report.succeeded else status_of(report.loop) or EXIT_USER


def _tell(report: DemoReport, context: Context) -> None:
    click.echo(f"{'package':<28}{'image':>10}{'new in it':>11}")
    outcome = report.loop.outcome
    for entry in sorted(outcome.entries if outcome else (), key=lambda item: item.name):
        title = f"{entry.name} {entry.version}"
        size, delta = readable_size(entry.size), readable_size(entry.image.delta_size)
        click.echo(f"{title:<28}{size:>10}{delta:>11}")
    share = 100 * report.stored / report.images if report.images else 0
    click.echo(
        f"\n{report.packages} packages, {len(report.verified)} signatures verified, "
        f"repository {'sound' if report.check.is_sound else 'NOT SOUND'} "
        f"({report.check.entries} entries in {report.check.catalogs} catalogs)"
    )
    click.echo(
        f"images {readable_size(report.images)} in all, stored in {readable_size(report.stored)} "
        f"({share:.0f} %): a base is stored once"
    )
    click.echo(f"\nrun from the mount, which fetched {readable_size(report.fetched)}:")
    for ran in report.ran:
        click.echo(f"\n$ {ran.line}")
        click.echo(ran.output)
        if ran.returncode != 0:
            click.echo(f"(exit status {ran.returncode})")
    project = f" --state {context.state}" if context.state != context.project / "var" else ""
    click.echo(
        "\nTry next:\n"
        f"  .venv/bin/pansoft{project} repo mount /tmp/software\n"
        "  . /tmp/software/testing/setup.sh && h5ls --version\n"
        "  xdg-open /tmp/software/testing/catalog/index.html\n"
        f"  .venv/bin/pansoft{project} verify /tmp/software/images/gemmi/0.7.5\n"
        f"  .venv/bin/pansoft{project} new mypackage --from-pypi mypackage"
    )
