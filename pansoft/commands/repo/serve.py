# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo serve`: serve it by HTTP."""

from __future__ import annotations

import click

from cvmfs.repository import open_repository
from cvmfs.serve import serve as serve_repository
from pansoft import embedded, workspace
from pansoft.context import Context


@click.command()
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
