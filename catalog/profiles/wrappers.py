# SPDX-License-Identifier: BSD-3-Clause
"""A wrapper per command, `<channel>/bin/<command>`, and the launcher that does the work.

A wrapper knows an image and a program; everything else is in `libexec/pansoft-run`, a shell
program of its own in this folder. Both find the repository around them, wherever it is mounted.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from catalog.profiles.profile import EXECUTABLE, ChannelView, Exposed, Files, ProfileFile

_LAUNCHER = Path(__file__).with_name("pansoft-run")


def render(view: ChannelView) -> Files:
    """Return the wrappers of a channel, and the launcher."""
    files = {
        f"{view.channel}/bin/{exposed.command.name}": ProfileFile(
            wrapper(exposed).encode(), EXECUTABLE
        )
        for exposed in view.exposed
    }
    launcher = ProfileFile(_LAUNCHER.read_bytes(), EXECUTABLE)
    return {**files, f"{view.channel}/libexec/pansoft-run": launcher}


def wrapper(exposed: Exposed) -> str:
    """Return the text of one wrapper. No free text of a recipe goes in, but its program, quoted."""
    entry, command = exposed.entry, exposed.command
    words = (entry.runs, entry.runtime.gpu.value, *command.run)
    return (
        "#!/bin/sh\n"
        f"# {command.name} of {entry.name} {entry.version}. Written by pansoft.\n"
        "case $0 in */*) me=$0 ;; *) me=./$0 ;; esac\n"
        'if [ -L "$me" ]; then me=$(readlink -f -- "$me"); fi\n'
        f'exec "${{me%/*}}/../libexec/pansoft-run" {shlex.join(words)} "$@"\n'
    )
