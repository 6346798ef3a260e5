# SPDX-License-Identifier: BSD-3-Clause
"""What a release of pansoft itself says: the section of its version in the changelog.

A tag, the version in `pyproject.toml` and the changelog have to say the same, so that nobody gets another
version than is written on it. Packages are not released by tags: what `main` says is published.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from core.errors import UserError

CHANGELOG = "CHANGELOG.md"
PYPROJECT = "pyproject.toml"
PREFIX = "v"
_HEADING = re.compile(r"^## +\[?(?P<version>[^]\s]+)\]?.*$", re.MULTILINE)


def notes(root: Path, tag: str) -> str:
    """Return what the changelog says of the version of a tag.

    Raises:
        UserError: the tag names no version, another one than `pyproject.toml`, or one that the changelog
            does not know or says nothing of.
    """
    version = _version_of(tag)
    declared = _declared(root / PYPROJECT)
    if version != declared:
        raise UserError(
            f"the tag {tag} is not that of version {declared} in {PYPROJECT}",
            hint=f"set the version there before the tag, or tag it {PREFIX}{declared}",
        )
    section = _section(root / CHANGELOG, version)
    if not section:
        raise UserError(
            f"{CHANGELOG} has no section of version {version}, or nothing in it",
            hint=f"a heading '## {version}' above what changed, in the place of '## Unreleased'",
        )
    return section + "\n"


def _version_of(tag: str) -> str:
    if not re.fullmatch(rf"{PREFIX}\d\S*", tag):
        raise UserError(
            f"{tag!r} is no tag of a release", hint=f"{PREFIX} and the version: {PREFIX}0.2.0"
        )
    return tag.removeprefix(PREFIX)


def _declared(file: Path) -> str:
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise UserError(
            f"{file} does not say which version this is",
            hint="[project] and version = there; a release is made in a checkout of pansoft",
        ) from err


def _section(file: Path, version: str) -> str:
    """Return what stands below the heading of a version, up to the next one."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as err:
        raise UserError(f"{file} cannot be read: {err.strerror}") from err
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        if heading["version"] == version:
            return text[heading.end() : end].strip()
    return ""
