# SPDX-License-Identifier: BSD-3-Clause
"""Notebook kernels, `<channel>/share/jupyter/kernels/<name>/kernel.json`.

Jupyter replaces `{resource_dir}` by the folder of the kernel, so a kernel finds its launcher
wherever the repository is mounted.
"""

from __future__ import annotations

from catalog.entry import CatalogEntry
from catalog.profiles.profile import READABLE, ChannelView, Files, ProfileFile
from core.canonical import readable_json

_LAUNCHER = "{resource_dir}/../../../../libexec/pansoft-run"


def render(view: ChannelView) -> Files:
    """Return the kernel of each package that has one."""
    return {
        f"{view.channel}/share/jupyter/kernels/{_folder(entry)}/kernel.json": ProfileFile(
            kernel(entry).encode(), READABLE
        )
        for entry in view.entries
        if entry.runtime.jupyter is not None
    }


def kernel(entry: CatalogEntry) -> str:
    """Return the text of `kernel.json`."""
    jupyter = entry.runtime.jupyter
    if jupyter is None:
        raise ValueError(f"{entry.name} has no kernel")
    program = [jupyter.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return readable_json(
        {
            "argv": [_LAUNCHER, entry.runs, entry.runtime.gpu.value, *program],
            "display_name": f"{jupyter.display_name} {entry.version}",
            "language": jupyter.language,
            "metadata": {"debugger": True, "pansoft": f"{entry.name} {entry.version}"},
        }
    )


def _folder(entry: CatalogEntry) -> str:
    """Return the kernel's id, in which Jupyter allows no '+'."""
    return entry.name.replace("+", "-plus")
