# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo mount`: mount it, or a partner's."""

from __future__ import annotations

from pathlib import Path

import click

from cvmfs.mounting import mount as mounting
from pansoft import embedded, workspace
from pansoft.context import Context
from pansoft.sizes import parse_size


@click.command()
@click.argument("mountpoint", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--source",
    multiple=True,
    help="An HTTP address instead of the embedded repository's folder; given again, a mirror that is "
    "asked when the ones before it fail.",
)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default the embedded repository's.",
)
@click.option("--fqrn", default=embedded.FQRN, show_default=True, help="The repository's name.")
@click.option(
    "--proxy",
    default="",
    help="Proxies as CVMFS_HTTP_PROXY has them: 'http://a:3128|http://b:3128;DIRECT'.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where fetched objects are kept, by default client-cache in the state.",
)
@click.option("--quota", default="20GB", show_default=True, help="How much the cache may hold.")
@click.option(
    "--tag",
    help="A named snapshot in place of the newest revision, followed when it is moved: proven, for "
    "instance. A number or a date leads to one revision.",
)
@click.pass_obj
def mount(
    context: Context,
    *,
    mountpoint: Path,
    source: tuple[str, ...],
    public_key: Path | None,
    fqrn: str,
    proxy: str,
    cache: Path | None,
    quota: str,
    tag: str | None,
) -> None:
    """Mount the repository read-only at MOUNTPOINT; every byte that is read is verified.

    A partner gives the address and the public key of another facility's repository, and may mount it
    again from what is in the cache while no server answers.

    Example: pansoft repo mount /tmp/software
    """
    state = workspace.state_of(context)
    chosen: str | Path | tuple[str, ...] = source or embedded.readers_source(state)
    mounting.start_mount(
        chosen,
        fqrn,
        public_key or embedded.public_key(state),
        mountpoint.absolute(),
        cache=(cache or state.folder / "client-cache").absolute()
        if not isinstance(chosen, Path)
        else None,
        log_file=state.folder / "mount.log",
        quota=parse_size(quota),
        proxies=proxy,
        tag=tag,
    )
    click.echo(f"mounted at {mountpoint}; now: . {mountpoint}/testing/setup.sh")
