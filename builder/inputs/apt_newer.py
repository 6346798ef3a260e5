# SPDX-License-Identifier: BSD-3-Clause
"""Which versions the suites of the host's Debian archives offer: a release, its updates, its security fixes.

Debian's security team puts what it mends into a suite of its own, `bookworm-security`, whose label is
`Debian-Security`; a point release brings it into the release later.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from builder.inputs.apt import AptState, DebianPackage
from builder.inputs.apt_lists import lists_of_suites, stanzas

_FIELD = re.compile(
    r"^(Package|Version|Source|Architecture|Filename|Size|SHA256): (.+)$|^$", re.MULTILINE
)
_NEEDED = frozenset(("Package", "Version", "Architecture", "Filename", "Size", "SHA256"))
_SOURCE = re.compile(r"(\S+)(?: \((\S+)\))?")
_SECURITY_LABEL = "Debian-Security"
_SECURITY_SUITE = "-security"


@dataclass(frozen=True, slots=True)
class Offered:
    """A binary package that a suite has, and the source package that it was built from.

    `suite` is the code name, like `bookworm-updates`.
    """

    package: DebianPackage
    source: str
    source_version: str
    suite: str
    is_security: bool

    @property
    def name(self) -> str:
        """Return the name of the binary package."""
        return self.package.name

    @property
    def version(self) -> str:
        """Return the version of the binary package."""
        return self.package.version

    @property
    def release(self) -> str:
        """Return the code name of the release that the suite belongs to."""
        return self.suite.partition("-")[0]


def offered(state: AptState, names: Collection[str]) -> tuple[Offered, ...]:
    """Return what every suite of an updated state offers of packages with these names."""
    wanted = frozenset(names)
    found: dict[Offered, None] = {}
    for each in lists_of_suites(state, "Packages"):
        is_security = each.label == _SECURITY_LABEL or each.codename.endswith(_SECURITY_SUITE)
        for fields in stanzas(each.text, _FIELD):
            if fields.get("Package") in wanted and fields.keys() >= _NEEDED:
                package = DebianPackage(
                    fields["Package"],
                    fields["Version"],
                    fields["Architecture"],
                    fields["Filename"],
                    int(fields["Size"]),
                    fields["SHA256"],
                )
                source = source_of(package.name, package.version, fields.get("Source"))
                found[Offered(package, *source, each.codename, is_security)] = None
    return tuple(found)


def source_of(name: str, version: str, field: str | None) -> tuple[str, str]:
    """Return the source package of a binary package and its version.

    Args:
        name: of the binary package.
        version: of the binary package.
        field: what its `Source` says, which is left out where it would say the same.
    """
    told = _SOURCE.fullmatch((field or name).strip())
    if told is None:
        return name, version
    # built again from the same source, it is `+b1` behind the version
    return told[1], told[2] or re.sub(r"\+b\d+$", "", version)
