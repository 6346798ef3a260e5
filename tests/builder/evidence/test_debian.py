# SPDX-License-Identifier: BSD-3-Clause
"""Debian's packages from a dpkg status, and its licence names in SPDX's words."""

from __future__ import annotations

import pytest

from builder.evidence.components import Component, Ecosystem
from builder.evidence.debian import debian_components, expression, licence
from core import spdx

STATUS = """\
Package: libx1
Status: install ok installed
Maintainer: Debian X <x@example.org>
Architecture: amd64
Source: libx (1.0-1)
Version: 1.0-1+b1
Description: x

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 3
Description: only its settings are left

Package: x-data
Status: install ok installed
Maintainer: Debian X <x@example.org>
Architecture: all
Version: 2:1.0~rc1
Description: data
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: x

Files: *
Copyright: 2020 X
License: GPL-2+

Files: a.c
Copyright: 2020 A
License: Expat or BSD-3-clause

Files: b.c
Copyright: 2020 B
License: GPL-2+

License: GPL-2+
 Words.
"""


def test_installed_packages_are_listed_with_their_sources() -> None:
    assert debian_components(STATUS, {"libx1": COPYRIGHT, "x-data": "free text"}) == (
        Component(
            Ecosystem.DEBIAN,
            "libx1",
            "1.0-1+b1",
            "pkg:deb/debian/libx1@1.0-1%2Bb1?arch=amd64",
            licence="GPL-2.0-or-later AND (MIT OR BSD-3-Clause)",
            source="libx 1.0-1",
            supplier="Debian X <x@example.org>",
        ),
        Component(
            Ecosystem.DEBIAN,
            "x-data",
            "2:1.0~rc1",
            "pkg:deb/debian/x-data@2:1.0~rc1?arch=all",
            licence=None,
            source="x-data 2:1.0~rc1",
            supplier="Debian X <x@example.org>",
        ),
    )


@pytest.mark.parametrize("text", ["", "It is free.", "Format: what\n\nno fields here", "Format:"])
def test_of_a_copyright_file_in_free_text_nothing_is_guessed(text: str) -> None:
    assert licence(text) is None


@pytest.mark.parametrize(
    ("synopsis", "said"),
    [
        ("Expat", "MIT"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL", "GPL-1.0-or-later"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("Artistic or GPL-1+", "Artistic-1.0 OR GPL-1.0-or-later"),
        ("GPL-2+ and Expat", "GPL-2.0-or-later AND MIT"),
        ("Expat or Zlib, and GPL-3+", "(MIT OR Zlib) AND GPL-3.0-or-later"),
        ("GPL-3+ with Bison exception", "GPL-3.0-or-later WITH Bison-exception-2.2"),
        ("public-domain", "LicenseRef-Debian-public-domain"),
        ("GPL-2+ with OpenSSL exception", "LicenseRef-Debian-GPL-2-or-later-with-OpenSSL-exception"),
        ("a (strange (name", "LicenseRef-Debian-a-strange-name"),
        ("???", "LicenseRef-Debian-unnamed"),
    ],
)  # fmt: skip
def test_a_short_name_becomes_an_expression(synopsis: str, said: str) -> None:
    assert expression(synopsis) == said
    assert spdx.parse(said).is_valid
