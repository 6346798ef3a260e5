# SPDX-License-Identifier: BSD-3-Clause
"""A component: one package of any kind that an image holds, as a bill of materials names it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ARCHIVE_OF_LICENCES = "/usr/share/doc/{name}/copyright"


class Ecosystem(StrEnum):
    """Where a component comes from; the values are those of package URLs (purl)."""

    DEBIAN = "deb"
    PYTHON = "pypi"
    NPM = "npm"
    ARCHIVE = "generic"


@dataclass(frozen=True, slots=True)
class Component:
    """One package inside an image.

    Args:
        ecosystem: which kind of package.
        name: in the words of its kind.
        version: likewise.
        purl: the package URL, which names it for every scanner.
        licence: an SPDX expression as its makers declare it, with `LicenseRef-` for what SPDX does
            not list; None where nobody can tell by machine.
        source: the source package that it was built from, `name version`, if that is known.
        supplier: who maintains the package, if it says so.
        path: the folder of its metadata in the image, for what can be removed by removing that.
        sha256: of the file that it was installed from, as the lock has it.
        brought_by: why it is in the image: the components beside it that want it, a field of the
            recipe, or the base.
        origin: whom its file was had from, in the words of `trust.evidence.Component`.
    """

    ecosystem: Ecosystem
    name: str
    version: str
    purl: str
    licence: str | None = None
    source: str | None = None
    supplier: str | None = None
    path: str | None = None
    sha256: str | None = None
    brought_by: tuple[str, ...] = ()
    origin: str | None = None
