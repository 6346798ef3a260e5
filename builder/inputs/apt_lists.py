# SPDX-License-Identifier: BSD-3-Clause
"""Everything that the host's Debian archives offer right now, read from apt's package lists at once.

The format is that of a `Packages` file (wiki.debian.org/DebianRepository/Format). One program is
run for each list, not one for each package: a check of all locks asks for thousands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from builder.inputs.apt import AptState, DebianPackage
from core import process

_HELPER = "/usr/lib/apt/apt-helper"  # where every apt has it; it reads lists however packed
_FIELD = re.compile(r"^(Package|Version|Filename|SHA256): (\S+)$|^$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Offer:
    """The .debs of archives: the sha256 of each path, and the versions of each name."""

    sha256: Mapping[str, frozenset[str]]
    versions: Mapping[str, tuple[str, ...]]

    def lacks(self, package: DebianPackage) -> str | None:
        """Return why a locked package cannot be had here any more, or None where it can."""
        found = self.sha256.get(package.path)
        if found is None:
            there = ", ".join(self.versions.get(package.name, ()))
            has = f"which has {there}" if there else "nor is any other version"
            return f"{package.name} {package.version} is no longer in the archive, {has}"
        if package.sha256 not in found:
            return f"{package.name} {package.version} has other bytes in the archive now"
        return None


def offer(state: AptState) -> Offer:
    """Return what the package lists of an updated state hold."""
    hashes: dict[str, set[str]] = {}
    versions: dict[str, set[str]] = {}
    for text in lists(state, "Packages"):
        for fields in stanzas(text, _FIELD):
            if {"Package", "Version", "Filename", "SHA256"} <= fields.keys():
                hashes.setdefault(fields["Filename"], set()).add(fields["SHA256"])
                versions.setdefault(fields["Package"], set()).add(fields["Version"])
    return Offer(
        {path: frozenset(found) for path, found in hashes.items()},
        {name: tuple(sorted(found)) for name, found in versions.items()},
    )


def lists(state: AptState, created_by: str) -> Iterator[str]:
    """Yield the text of each list of a kind, `Packages` or `Sources`, of an updated state."""
    for each in lists_of_suites(state, created_by):
        yield each.text


@dataclass(frozen=True, slots=True)
class SuiteList:
    """A list and the suite that it is of, by its code name (`bookworm-security`) and its label."""

    codename: str
    label: str
    text: str


def lists_of_suites(state: AptState, created_by: str) -> Iterator[SuiteList]:
    """Yield each list of a kind, `Packages` or `Sources`, of an updated state, with its suite."""
    form = ["--format", "$(FILENAME)\t$(CODENAME)\t$(LABEL)", f"Created-By: {created_by}"]
    listed = process.run(
        ["apt-get", *state.options(), "indextargets", *form], reason="find apt's package lists"
    )
    for line in dict.fromkeys(listed.stdout.splitlines()):
        file, codename, label = line.split("\t")
        text = process.run([_HELPER, "cat-file", file], reason="read a package list").stdout
        yield SuiteList(codename, label, text)


def stanzas(text: str, field: re.Pattern[str]) -> Iterator[dict[str, str]]:
    """Yield those fields of each paragraph that are asked for; a whole parser takes a minute.

    Args:
        text: paragraphs of fields, as deb822 has them.
        field: a pattern of a wanted field, whose groups are name and value, or of an empty line.
    """
    fields: dict[str, str] = {}
    for match in field.finditer(text):
        if match[1]:
            fields[match[1]] = match[2]
        elif fields:
            yield fields
            fields = {}
    if fields:
        yield fields
