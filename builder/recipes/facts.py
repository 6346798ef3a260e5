# SPDX-License-Identifier: BSD-3-Clause
"""What can be found out about a program before anybody has written its recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """A program as its Python or Debian package describes it; None where that does not say.

    `license` is an SPDX expression, `license_note` what the package says in its own words.
    """

    title: str
    version: str | None = None
    summary: str | None = None
    description: str | None = None
    homepage: str | None = None
    source: str | None = None
    documentation: str | None = None
    license: str | None = None
    license_note: str | None = None
    evidence: str | None = None
    base: str = "debian-12"
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    module: str | None = None
