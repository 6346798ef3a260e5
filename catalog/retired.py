# SPDX-License-Identifier: BSD-3-Clause
"""Versions that are retired: they stay where they are and run as before, and nobody is led to them.

`images/retired.json` of the repository has them, for the catalogue of every channel and for programs. Their
commands, menus and kernels are gone, their images and trees are not: what was published stays published.
What is read is not believed: names become parts of pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from builder.recipes.recipe import Recipe
from catalog import codec
from catalog.listing import read_listing, write_listing
from catalog.spelling import NAME, TIME, VERSION, time_text
from core.canonical import Json

PATH: Final = "images/retired.json"


@dataclass(frozen=True, slots=True)
class RetiredPackage:
    """A version that is retired, why, and what takes its place.

    `since` is the time in UTC when a published one was retired; None is one that never was published here.
    """

    name: str
    version: str
    title: str
    reason: str
    replaced_by: str | None
    since: str | None

    @property
    def key(self) -> tuple[str, str]:
        """Return name and version."""
        return self.name, self.version


def retired_of(recipe: Recipe, *, since: datetime | None) -> RetiredPackage:
    """Return what is told of a recipe that says `retire`.

    Raises:
        ValueError: it does not.
    """
    if recipe.retire is None:
        raise ValueError(f"{recipe.name} {recipe.version} is not retired")
    return RetiredPackage(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        reason=recipe.retire,
        replaced_by=recipe.release.replaced_by,
        since=time_text(since) if since else None,
    )


def retired_json(packages: Iterable[RetiredPackage]) -> list[Json]:
    """Return packages as JSON, by name and version."""
    return [codec.to_json(item) for item in sorted(packages, key=lambda item: item.key)]


def write_retired(packages: Iterable[RetiredPackage]) -> bytes:
    """Return the content of `retired.json`: equal packages give equal bytes."""
    return write_listing(retired_json(packages))


def read_retired(content: bytes, *, file: Path) -> tuple[RetiredPackage, ...]:
    """Return the packages that `retired.json` tells of; `file` is named in the errors.

    Raises:
        InvalidInput: it is no such file, with everything that is wrong about it.
    """
    return read_listing(RetiredPackage, content, file=file, rule="retired-schema", faults=_faults)


def _faults(item: RetiredPackage) -> Iterable[codec.Fault]:
    names = {"name": item.name} | ({"replaced_by": item.replaced_by} if item.replaced_by else {})
    for field, name in names.items():
        if not NAME.fullmatch(name):
            yield field, f"{name[:80]!r} is not a package's name"
    if not VERSION.fullmatch(item.version):
        yield "version", f"{item.version[:80]!r} is not a version"
    if item.since is not None and not TIME.fullmatch(item.since):
        yield "since", f"{item.since[:80]!r} is not a time like 2026-01-31T12:00:00Z"
