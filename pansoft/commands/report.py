# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft report`: what was done, what it took and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from catalog import pages
from core.canonical import readable_json
from core.event_log import older
from core.events import Result, read_events
from core.files import write_atomic
from pansoft import clock, workspace
from pansoft.context import Context
from pansoft.days import span_of
from pansoft.reports import event_report, open_metrics, timeline
from pansoft.reports.event_report import EventReport

_FILES = {"html": "timeline.html", "openmetrics": "metrics.txt"}


@click.command()
@click.option("--since", metavar="AGE", help="Only what began so long ago or later: 12h, 7d, 4w.")
@click.option("--run", metavar="ID", help="The run to draw; by default the last one.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for timeline.html and metrics.txt; by default report/ of the state folder.",
)
@click.option(
    "--format",
    "forms",
    type=click.Choice(list(_FILES)),
    multiple=True,
    help="What to write: the page, the metrics, by default both.",
)
@click.option("--json", "as_json", is_flag=True, help="Also print what stands in them, as JSON.")
@click.pass_obj
def report(
    context: Context,
    *,
    since: str | None,
    run: str | None,
    output: Path | None,
    forms: tuple[str, ...],
    as_json: bool,
) -> None:
    """Draw what the event log holds: a timeline, what was slow, what was reused, what went wrong.

    The page needs nothing beside it; the metrics are in the text format of OpenMetrics. Every run of
    `apply`, `build`, `test`, `fetch` and `sign` leaves its events in the state folder.

    Example: pansoft report --since 7d
    """
    state = workspace.state_of(context)
    begin = clock.now() - span_of(since) if since else None
    log = read_events((older(state.events), state.events), since=begin)
    found = event_report.report_of(log, run=run)
    files = write(found, output or state.report, forms or tuple(_FILES))
    if as_json:
        click.echo(readable_json(event_report.as_json(found)), nl=False)
        return
    tell(found)
    for form, file in files.items():
        click.echo(f"{form}: {file}")


def write(found: EventReport, folder: Path, forms: tuple[str, ...]) -> Mapping[str, Path]:
    """Write a report into a folder in these forms, and return the file of each."""
    files = {form: folder / _FILES[form] for form in dict.fromkeys(forms)}
    if "html" in files:
        drawing = timeline.timeline_of(found.last)
        page = pages.page(
            "timeline.html",
            report=found,
            drawing=drawing,
            duration=timeline.duration,
            shape=timeline,
            Result=Result,
        )
        write_atomic(files["html"], page)
    if "openmetrics" in files:
        write_atomic(files["openmetrics"], open_metrics.text(found))
    return files


def tell(found: EventReport) -> None:
    """Print the report in a few lines."""
    if found.began is None:
        click.echo("nothing was recorded in this time")
    else:
        figures, count = found.figures, len(found.runs)
        click.echo(
            f"{count} run{'s' if count != 1 else ''} from {found.began} to {found.ended}: "
            f"{figures.built} packages built, {figures.reused} reused, {figures.failed} failed, "
            f"{figures.refused} refused"
        )
        for slow in found.slowest[:3]:
            took = timeline.duration(slow.seconds)
            name = f"{slow.package} {slow.version}".strip()
            click.echo(f"slow: {slow.stage} of {name} took {took}")
        for wrong in found.open:
            name = f"{wrong.package} {wrong.version}".strip() or "all packages"
            rule = f" ({wrong.rule})" if wrong.rule else ""
            click.echo(f"{wrong.result}: {wrong.stage} of {name}: {wrong.message}{rule}")
    if found.damaged:
        click.echo(f"{found.damaged} lines of the log cannot be read and are left out", err=True)
