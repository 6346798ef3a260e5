# SPDX-License-Identifier: BSD-3-Clause
"""The command line: one group of verbs, and the one place that turns an error into words.

Exit 0 done, 1 our bug (with its traceback), 2 the user can mend it, 3 refused by policy.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from core.console import Console
from core.errors import EXIT_USER, UserError
from core.event_log import EventLog
from core.files import FULL, full_disk
from pansoft import __version__, clock
from pansoft.commands import Verbs
from pansoft.context import Context, find_project
from pansoft.explain import explain
from pansoft.reports.trace import trace_of

CHECKOUT = Path(__file__).resolve().parent.parent


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    help="The checkout with recipes/ and trust-policy/; by default the one around you.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where run state lives: inputs, bases, images, keys, the embedded repository. "
    "By default var/ in the project.",
)
@click.option(
    "--local",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where builds in progress and unpacked bases live, on a disk of this machine's own, where "
    "the run state is on a network file system. By default with the run state.",
)
@click.option(
    "--trace",
    metavar="ID",
    help="What the event log calls this run, and others that belong to it. By default what the "
    "variables PANSOFT_TRACE, TRACEPARENT or CI_PIPELINE_ID say, else an id of its own.",
)
@click.version_option(__version__, prog_name="pansoft", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Show every program that is run.")
@click.option("-q", "--quiet", is_flag=True, help="No talk, only answers and errors.")
@click.pass_context
def cli(
    click_context: click.Context,
    *,
    project: Path | None,
    state: Path | None,
    local: Path | None,
    trace: str | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Package and share scientific software: one recipe, one signed image, every facility.

    Begin with `pansoft doctor`, then `pansoft demo`.
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(message)s" if verbose else "%(levelname)s: %(message)s",
    )
    for noisy in ("git", "urllib3", "requests", "charset_normalizer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    root = project.resolve() if project else find_project(Path.cwd(), fallback=CHECKOUT)
    if not (root / "recipes").is_dir():
        raise UserError(
            f"{root} holds no recipes/ folder", hint="name a checkout with --project DIR"
        )
    from builder.state import State  # `--help` does not wait for it

    folder, console = (state or root / "var").absolute(), Console(quiet=quiet)
    click_context.obj = Context(
        project=root,
        state=folder,
        console=console,
        local=local.absolute() if local else None,
        events=EventLog(
            State(folder).events,
            trace=trace_of(trace, os.environ),
            verb=click_context.invoked_subcommand or "",
            at=clock.moment(),
            warn=console.say,
        ),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program and end it with its exit code."""
    # What we write is read by the build user and published; what is secret says so by itself.
    os.umask(0o022)
    sys.exit(invoke(sys.argv[1:] if argv is None else argv))


def invoke(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; say what went wrong on standard error."""
    try:
        status = cli.main(args=list(argv), prog_name="pansoft", standalone_mode=False)
    except UserError as err:
        explain(err)
        return err.exit_code
    except click.ClickException as err:
        err.show()
        return EXIT_USER
    except OSError as err:
        if err.errno not in FULL:
            raise
        explain(full_disk(Path(str(err.filename or Path.cwd()))))
        return EXIT_USER
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; run the same command again to go on", err=True)
        return 130
    return status if isinstance(status, int) else 0
