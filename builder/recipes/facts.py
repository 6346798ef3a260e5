# SPDX-License-Identifier: BSD-3-Clause
"""What can be found out about a program before anybody has written its recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceArchive:
    """A source archive: its name, its sha256, and its address where everybody can have it."""

    url: str | None
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A program as its Python or Debian package or its sources describe it; None where they do not.

    `license` is an SPDX expression, `license_note` what the package says in its own words;
    `remarks` are for whoever finishes the recipe.
    """

    title: str
    version: str | None = None
    summary: str | None = None
    description: str | None = None
    homepage: str | None = None
    source: str | None = None
    documentation: str | None = None
    citation: str | None = None
    maintainer: str | None = None
    license: str | None = None
    license_note: str | None = None
    evidence: str | None = None
    base: str = "debian-12"
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    archives: tuple[SourceArchive, ...] = ()
    script: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    module: str | None = None
    remarks: tuple[str, ...] = ()
