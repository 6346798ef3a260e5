# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages of a tree, from dpkg's status and the copyright files. The only user of debsbom.

Licences are read from copyright files in Debian's machine-readable form 1.0; about a third of the
packages still have free text there, of which nothing is guessed. debsbom knows how Debian's short
names are written in SPDX; what it does not know becomes a `LicenseRef-Debian-…`, and the text is in
the image under /usr/share/doc.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from debian.copyright import Copyright, MachineReadableFormatError, NotMachineReadableError
from debian.deb822 import Packages
from debsbom.apt.copyright import WELL_KNOWN_EXCEPTIONS, WELL_KNOWN_EXPRESSIONS
from debsbom.dpkg.package import BinaryPackage, DpkgStatus

from builder.evidence.components import Component, Ecosystem
from core import spdx

logging.getLogger("debian.copyright").setLevel(logging.ERROR)  # it warns of http in a header


def debian_components(status: str, copyrights: Mapping[str, str]) -> tuple[Component, ...]:
    """Return the installed packages that a dpkg status lists, sorted.

    Args:
        status: the content of /var/lib/dpkg/status.
        copyrights: the content of /usr/share/doc/<name>/copyright, by the package's name.
    """
    found = [
        _component(package, copyrights.get(package.name))
        for package in _packages(status)
        if package.status is DpkgStatus.INSTALLED
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.version, each.purl)))


def _packages(status: str) -> Iterator[BinaryPackage]:
    for paragraph in Packages.iter_paragraphs(io.StringIO(status), use_apt_pkg=False):
        yield BinaryPackage.from_deb822(paragraph)


def _component(package: BinaryPackage, copyright_: str | None) -> Component:
    source = package.source
    return Component(
        ecosystem=Ecosystem.DEBIAN,
        name=package.name,
        version=str(package.version),
        purl=package.purl().to_string(),
        licence=licence(copyright_) if copyright_ else None,
        source=f"{source.name} {source.version[1]}" if source and source.version else None,
        supplier=package.maintainer,
    )


@cache
def licence(text: str) -> str | None:
    """Return the SPDX expression of a copyright file: all of its files' licences, joined by AND.

    None where the file is not in the machine-readable form.
    """
    if "Format" not in text[:200]:
        return None
    try:
        document = Copyright(text.splitlines(keepends=True), strict=False)
    except (NotMachineReadableError, MachineReadableFormatError, ValueError):
        return None
    paragraphs: list[Any] = [document.header, *document.all_files_paragraphs()]  # Any: descriptors
    stated = [paragraph.license for paragraph in paragraphs]
    names = {each.synopsis for each in stated if each is not None and each.synopsis}
    if not names:
        return None
    parts = sorted({expression(name) for name in names})
    if len(parts) == 1:
        return parts[0]
    return " AND ".join(f"({part})" if " OR " in part else part for part in parts)


def expression(synopsis: str) -> str:
    """Return the SPDX expression of a licence's short name in Debian's words.

    `and` binds more than `or`, and a comma more loosely than both (copyright format 1.0).
    """
    synopsis = " ".join(synopsis.split())
    comma = re.match(r"(.*), (and|or) (.*)$", synopsis)
    if comma:
        left, operator, right = comma[1], comma[2].upper(), comma[3]
        return f"({expression(left)}) {operator} {expression(right)}"
    alternatives = re.split(r" or |\s*/\s*", synopsis)
    choices = [
        " AND ".join(_one(name) for name in alternative.split(" and "))
        for alternative in alternatives
    ]
    joined = " OR ".join(choices)
    # what a person wrote with a slip in it is still one name
    return joined if spdx.parse(joined).is_valid else _reference(synopsis)


def _one(name: str) -> str:
    name = name.strip(" ,")
    known = _exceptions().get(name.lower()) or _known().get(name.lower())
    return known or spdx.canonical(name) or _reference(name)


@cache
def _known() -> Mapping[str, str]:
    """Return debsbom's table where SPDX's list of today agrees.

    A GPL without a number is any of them, by its own words; the table takes it for the first only.
    """
    table = {
        short.lower(): name
        for short, name in WELL_KNOWN_EXPRESSIONS.items()
        if spdx.parse(name).is_valid
    }
    return table | {
        "gpl": "GPL-1.0-or-later",
        "lgpl": "LGPL-2.0-or-later",
        "lgpl+": "LGPL-2.0-or-later",
    }


@cache
def _exceptions() -> Mapping[str, str]:
    return {short.lower(): name for short, name in WELL_KNOWN_EXCEPTIONS.items()}


def _reference(name: str) -> str:
    slug = re.sub("[^A-Za-z0-9.]+", "-", name.replace("+", "-or-later")).strip("-")
    return f"LicenseRef-Debian-{slug[:80] or 'unnamed'}"
