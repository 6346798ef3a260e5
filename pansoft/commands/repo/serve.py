# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo serve`: serve it by HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from cvmfs.mirroring.serve import serve as serve_repositories
from cvmfs.mirroring.server_info import served
from pansoft import embedded, workspace
from pansoft.context import Context


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.pass_obj
def serve(context: Context, *, folders: tuple[Path, ...], host: str, port: int) -> None:
    """Serve repositories by HTTP, as clients and Stratum-1 servers read them, until stopped.

    Without FOLDERS it is the embedded repository. For production see docs/serving/.

    Example: pansoft repo serve --port 8000
    """
    chosen = folders or (embedded.folder_of(workspace.state_of(context)),)
    for folder in chosen:
        name = served(folder).fqrn
        context.console.say(f"serving http://{host}:{port}/cvmfs/{name}, stop with Ctrl-C")
    serve_repositories(*chosen, host=host, port=port)
