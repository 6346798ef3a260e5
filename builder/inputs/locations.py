# SPDX-License-Identifier: BSD-3-Clause
"""Further places of inputs, for when the host's archives have forgotten one or serve other bytes.

A location is never trusted, only asked: what it gives is hashed like everything else. The kinds:

- `folder`: a folder of this machine: files by name, an exported input archive, or a Debian mirror.
- `archive`: an input archive on a web server, as `pansoft fetch --export` writes it.
- `debian`: the root of a Debian mirror, for instance of one day in a snapshot archive.
- `python`: the root of a Python index (PEP 503).
- `npm`: the root of an npm registry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.lock import Input, NodePackage, input_name
from core.errors import UserError

IN_ARCHIVES = (DebianPackage, DebianSourceFile)
"""The inputs that have a path in Debian archives."""


class LocationKind(StrEnum):
    """How inputs lie at a location."""

    FOLDER = "folder"
    ARCHIVE = "archive"
    DEBIAN = "debian"
    PYTHON = "python"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class Location:
    """A place to ask for inputs; `root` is a path of this machine or a web address."""

    kind: LocationKind
    root: str

    @property
    def is_local(self) -> bool:
        """Return whether asking it takes no network."""
        return self.kind is LocationKind.FOLDER


def parse_location(text: str) -> Location:
    """Return the location that a person wrote: `KIND=PLACE`, a folder, or an archive's address.

    Raises:
        UserError: it is none, or its folder does not exist.
    """
    kind, separator, place = text.partition("=")
    if separator and kind in list(LocationKind):
        return checked(Location(LocationKind(kind), place))
    kind_of_it = LocationKind.ARCHIVE if _is_web(text) else LocationKind.FOLDER
    return checked(Location(kind_of_it, text))


def checked(location: Location) -> Location:
    """Return a location if it can be asked, its folder as an absolute path.

    Raises:
        UserError: its folder does not exist, or it is no web address.
    """
    kind, root = location.kind, location.root
    if kind is not LocationKind.FOLDER:
        if _is_web(root):
            return location
        raise UserError(
            f"'{root}' is no web address, which a location of the kind '{kind}' is",
            hint="write https://… or http://…; a folder of this machine is folder=PATH",
        )
    folder = Path(unquote(urlsplit(root).path) if root.startswith("file:") else root)
    if not folder.expanduser().is_dir():
        raise UserError(
            f"there is no folder '{root}' to take inputs from",
            hint="a location is a folder, or KIND=ADDRESS with one of the kinds "
            f"{', '.join(LocationKind)}",
        )
    return Location(kind, str(folder.expanduser().absolute()))


def files_at(location: Location, item: Input) -> Iterator[Path]:
    """Yield the files of a local location that may be the input: by its hash, its name, its path."""
    folder = Path(location.root)
    names = [f"{item.sha256[:2]}/{item.sha256}", item.sha256, input_name(item)]
    if isinstance(item, IN_ARCHIVES):
        names.append(item.path)
    for name in names:
        if (folder / name).is_file():
            yield folder / name


def address_at(location: Location, item: Input) -> str | None:
    """Return where an input is at a location on the web, or None where that has no such inputs.

    Nothing is returned for a Python index, which has to be asked.
    """
    root = location.root.rstrip("/")
    match location.kind:
        case LocationKind.ARCHIVE:
            return f"{root}/{item.sha256[:2]}/{item.sha256}"
        case LocationKind.DEBIAN if isinstance(item, IN_ARCHIVES):
            return f"{root}/{item.path}"
        case LocationKind.NPM if isinstance(item, NodePackage):
            return f"{root}/{item.tarball}"
        case _:
            return None


def _is_web(text: str) -> bool:
    split = urlsplit(text)
    return split.scheme in ("http", "https") and bool(split.netloc)
