# SPDX-License-Identifier: BSD-3-Clause
"""Make the image of jobs: gather, install, pack."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.state import State
from core.console import Console
from core.files import full_disk_explained
from pansoft.ci.image.archive import About, Written, write_archive
from pansoft.ci.image.ingredients import gather
from pansoft.ci.image.layers import make_layers


def make_image(
    project: Path,
    state: State,
    target: Path,
    about: About,
    *,
    tag: str,
    tests: bool,
    user: BuildUser,
    at: datetime,
    console: Console,
) -> Written:
    """Write the image of jobs to an archive and return what it is.

    Args:
        project: the checkout whose setup it has.
        state: for inputs, apt's lists and the folder it is made in.
        target: the archive.
        about: what the image says of itself; no file in it is younger than that says.
        tag: how Docker calls it once it is loaded.
        tests: whether with the programs of Debian that only tests run.
        user: who makes it.
        at: the time, which decides whether lists are read again.
        console: whom to tell.

    Raises:
        UserError: something cannot be fetched or installed, or there is no room.
    """
    with (
        full_disk_explained(state.folder),
        sandbox.scratch_folder(state.scratch, user) as scratch,
    ):
        ingredients = gather(project, state, scratch, tests=tests, at=at, console=console)
        layers = make_layers(
            ingredients, scratch, state.inputs, epoch=about.created, user=user, console=console
        )
        console.status("ci image: packing")
        return write_archive(layers, about, target, tag=tag)
