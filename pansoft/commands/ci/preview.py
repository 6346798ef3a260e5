# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci preview`: the packages of a merge request in a repository of their own, to be tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import click

from catalog.spelling import time_text
from core import process
from core.canonical import readable_json
from core.console import readable_size
from core.errors import UserError
from core.files import write_atomic
from pansoft import clock, previewing, workspace
from pansoft.ci import kept
from pansoft.ci import preview as previews
from pansoft.ci.job import Job, job_of
from pansoft.ci.note import PackageNote, Standing
from pansoft.ci.preview import (
    ADDRESS_VARIABLE,
    DAYS,
    DAYS_VARIABLE,
    MOST_DAYS,
    MOST_NUMBER,
    Preview,
)
from pansoft.context import Context
from pansoft.identity import environment
from pansoft.previewing import Made
from pansoft.shown import shown_by
from pansoft.sizes import parse_size

ROOT_VARIABLE = "PANSOFT_PREVIEW_ROOT"
MOST_VARIABLE = "PANSOFT_PREVIEW_MOST"
_MOST_OF_ARTIFACTS = 100_000_000


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--merge-request",
    "number",
    envvar="CI_MERGE_REQUEST_IID",
    type=click.IntRange(1, MOST_NUMBER),
    help="The number of the merge request; in a pipeline GitLab says it.",
)
@click.option(
    "--root",
    envvar=ROOT_VARIABLE,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of previews that a web server gives out; without it the repository stays in --output.",
)
@click.option("--url", envvar=ADDRESS_VARIABLE, help="The address of that folder.")
@click.option(
    "--days",
    envvar=DAYS_VARIABLE,
    type=click.IntRange(1, MOST_DAYS),
    default=DAYS,
    show_default=True,
    help="For how long clients accept it.",
)
@click.option(
    "--shown",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder with what reports of other jobs left: only what is ready there is published, and no other "
    "image of it.",
)
@click.option(
    "--most",
    metavar="SIZE",
    envvar=MOST_VARIABLE,
    help="How large it may be; by default 100M where it stays in --output, which is GitLab's own limit of "
    "artifacts, and any size in --root.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("preview"),
    show_default=True,
    help="The folder for the public key, preview.json and preview.env.",
)
@click.option("--stop", is_flag=True, help="Remove the preview of the merge request.")
@click.option("--prune", is_flag=True, help="Remove all previews that have ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def preview(
    context: Context,
    *,
    names: tuple[str, ...],
    number: int | None,
    root: Path | None,
    url: str | None,
    days: int,
    shown: Path | None,
    most: str | None,
    output: Path,
    stop: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Publish the packages NAMES of a merge request into a repository of its own, to be mounted and tried.

    It has a name and keys of its own, made now and thrown away, and ends by itself after some days. Run again
    it takes the place of the one before. No policy accepts what is in it: it is for looking.

    Example: pansoft ci preview hdf5-tools --merge-request 7 --output preview
    """
    if stop + prune + bool(names) != 1:
        raise UserError(
            "it takes either NAMES, --stop or --prune",
            hint="pansoft ci preview hdf5-tools --merge-request 7",
        )
    at = clock.now()
    if prune:
        folder = root or output
        gone = previewing.prune(folder, at=at) if folder.is_dir() else ()
        click.echo(readable_json(list(gone)) if as_json else _gone(gone), nl=False)
        return
    if number is None:
        raise UserError(
            "it is not known which merge request this is about",
            hint="in a pipeline GitLab says it; else: --merge-request 7",
        )
    if stop:
        was_there = _stop(root or output, number, at)
        name = previews.name_of(number)
        said = f"{name} is removed" if was_there else f"{name} is not in {root or output}"
        click.echo(readable_json({"removed": was_there}) if as_json else f"{said}\n", nl=False)
        if root is None and not as_json:
            click.echo("what is among the artifacts of a job ends with them", err=True)
        return
    address = _address(root, url, number)
    notes = kept.read(shown) if shown else ()
    wanted = _ready(names, notes) if shown else names
    if not wanted:
        click.echo(f"no preview: none of {', '.join(names)} is ready", err=True)
        return
    with process.ended_by_term():  # a job that is cancelled leaves no key
        made = previewing.make(
            context,
            workspace.recipes_named(context, wanted),
            root or output,
            number=number,
            days=days,
            most=parse_size(most) if most else None if root else _MOST_OF_ARTIFACTS,
            shown=shown_by(notes),
            at=at,
        )
    told = _told(made, address, job_of(environment()))
    _write(told, output, job_of(environment()))
    if as_json:
        click.echo(readable_json(_as_json(made, told)), nl=False)
        return
    size, until = readable_size(made.size), f"{made.expires:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{told.fqrn}: {', '.join(told.packages)}, {size}, until {until}")
    click.echo(previews.to_mount(told))


def _ready(names: Sequence[str], notes: Iterable[PackageNote]) -> tuple[str, ...]:
    """Return the packages that other jobs have built and tested."""
    ready = {note.key for note in notes if note.standing is Standing.READY}
    return tuple(name for name in names if name in ready)


def _stop(folder: Path, number: int, at: datetime) -> bool:
    return folder.is_dir() and previewing.stop(folder, number, at=at)


def _address(root: Path | None, url: str | None, number: int) -> str | None:
    """Return where clients find the preview; None where it lies among artifacts."""
    if (root is None) != (url is None):
        given, missing = (
            (ROOT_VARIABLE, ADDRESS_VARIABLE) if url is None else (ADDRESS_VARIABLE, ROOT_VARIABLE)
        )
        raise UserError(
            f"there is {given}, and no {missing}: the folder of previews and its address go together",
            hint="set both, or neither: docs/operator.md",
        )
    return previews.address_of(url, number) if url else None


def _told(made: Made, address: str | None, job: Job) -> Preview:
    return Preview(
        made.fqrn,
        address,
        f"{job.link}/artifacts/download" if job.link and address is None else None,
        made.public_key,
        time_text(made.expires),
        made.packages,
        previews.told_commands(made.commands),
    )


def _write(told: Preview, output: Path, job: Job) -> None:
    output.mkdir(parents=True, exist_ok=True)
    write_atomic(output / f"{told.fqrn}.pub", told.public_key)
    write_atomic(output / previews.FILE, previews.as_bytes(told))
    page = f"{job.link}/artifacts/browse" if job.link else None
    write_atomic(output / previews.VARIABLES, previews.variables(told, page=page))


def _gone(names: tuple[str, ...]) -> str:
    return "".join(f"{name} has ended and is removed\n" for name in names)


def _as_json(made: Made, told: Preview) -> dict[str, object]:
    return {
        "name": told.fqrn,
        "folder": str(made.folder),
        "url": told.url,
        "expires": told.expires,
        "bytes": made.size,
        "packages": list(told.packages),
    }
