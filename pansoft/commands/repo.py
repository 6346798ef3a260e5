# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo`: the embedded CVMFS repository."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_REFUSED
from cvmfs import history
from cvmfs import mount as mounting
from cvmfs.check import check as check_repository
from cvmfs.repository import open_repository, sign_whitelist
from cvmfs.serve import serve as serve_repository
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.group()
def repo() -> None:
    """The repository: make it, look at it, serve it, mount it."""


@repo.command()
@click.pass_obj
def init(context: Context) -> None:
    """Make the embedded repository and its keys; nothing happens where they are.

    Example: pansoft repo init
    """
    repository, _ = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    click.echo(
        f"{repository.fqrn} is in {repository.storage}, revision {repository.manifest.revision}"
    )


@repo.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.pass_obj
def serve(context: Context, *, host: str, port: int) -> None:
    """Serve the repository by HTTP, as clients and Stratum-1 servers read it, until stopped.

    Example: pansoft repo serve --port 8000
    """
    state = workspace.state_of(context)
    open_repository(state.repository, embedded.FQRN)
    context.console.say(f"serving http://{host}:{port}/cvmfs/{embedded.FQRN}, stop with Ctrl-C")
    serve_repository(state.repository, host, port)


@repo.command()
@click.argument("mountpoint", type=click.Path(file_okay=False, path_type=Path))
@click.option("--source", help="An HTTP address instead of the embedded repository's folder.")
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default the embedded repository's.",
)
@click.option("--fqrn", default=embedded.FQRN, show_default=True, help="The repository's name.")
@click.pass_obj
def mount(
    context: Context, *, mountpoint: Path, source: str | None, public_key: Path | None, fqrn: str
) -> None:
    """Mount the repository read-only at MOUNTPOINT; every byte that is read is verified.

    A partner gives the address and the public key of another facility's repository.

    Example: pansoft repo mount /tmp/software
    """
    state = workspace.state_of(context)
    mounting.start_mount(
        source or state.repository,
        fqrn,
        public_key or embedded.public_key(state),
        mountpoint.absolute(),
        cache=state.folder / "client-cache" if source else None,
        log_file=state.folder / "mount.log",
    )
    click.echo(f"mounted at {mountpoint}; now: . {mountpoint}/testing/setup.sh")


@repo.command()
@click.argument("mountpoint", type=click.Path(file_okay=False, path_type=Path))
def unmount(*, mountpoint: Path) -> None:
    """Unmount what `pansoft repo mount` mounted.

    Example: pansoft repo unmount /tmp/software
    """
    mounting.stop_mount(mountpoint.absolute())


@repo.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def log(context: Context, *, as_json: bool) -> None:
    """List the revisions of the repository, newest first.

    Example: pansoft repo log
    """
    state = workspace.state_of(context)
    tags = history.log(open_repository(state.repository, embedded.FQRN))
    if as_json:
        items = [
            {
                "name": tag.name,
                "revision": tag.revision,
                "root_hash": str(tag.root_hash),
                "timestamp": tag.timestamp,
                "description": tag.description,
            }
            for tag in tags
        ]
        click.echo(readable_json(items), nl=False)
        return
    for tag in tags:
        click.echo(f"{tag.revision:>5}  {tag.time:%Y-%m-%d %H:%M:%S}  {tag.description}")


@repo.command()
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


@repo.command()
@click.pass_obj
def resign(context: Context) -> None:
    """Sign the repository's whitelist anew, for 30 days; needs the master key.

    Example: pansoft repo resign
    """
    repository, keys = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    whitelist = sign_whitelist(repository, keys, at=clock.now())
    click.echo(
        f"the whitelist of {repository.fqrn} is good until {whitelist.expires:%Y-%m-%d %H:%M} UTC"
    )
