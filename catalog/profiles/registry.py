# SPDX-License-Identifier: BSD-3-Clause
"""All kinds of profile. To add one: a module with `render(view)`, its line here, a golden file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from builder.recipes.recipe import Channel
from catalog.entry import CatalogEntry
from catalog.profiles import desktop, jupyter, setup_sh, wrappers
from catalog.profiles.profile import Conflict, Files, view_of

RENDERERS = (wrappers.render, setup_sh.render, desktop.render, jupyter.render)


@dataclass(frozen=True, slots=True)
class Profiles:
    """The files of a channel, by path in the repository, and the commands that collided."""

    files: Files
    conflicts: tuple[Conflict, ...]


def profiles_for(
    entries: Iterable[CatalogEntry],
    channel: Channel,
    *,
    fqrn: str,
    prefer: Mapping[str, str] = MappingProxyType({}),
) -> Profiles:
    """Return all files that make a channel usable.

    Args:
        entries: what is published, in any channel; the order decides who has a command twice.
        channel: whose files.
        fqrn: the repository's name, for shells that cannot say where `setup.sh` lies.
        prefer: which package has a command, by command, in place of the last one.
    """
    view = view_of(entries, channel, fqrn=fqrn, prefer=prefer)
    files: Files = {}
    for render in RENDERERS:
        files.update(render(view))
    return Profiles(files=dict(sorted(files.items())), conflicts=view.conflicts)
