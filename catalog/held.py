# SPDX-License-Identifier: BSD-3-Clause
"""Packages that are told of and not distributed: each site with a licence makes them for itself.

`images/held.json` of the repository has them, for the catalogue of every channel and for programs.
What is read is not believed: names become parts of pages, links are http or https.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.recipes.recipe import Recipe, Redistribution
from catalog import codec
from catalog.listing import read_listing, write_listing
from catalog.spelling import LINK, NAME
from core.canonical import Json

PATH: Final = "images/held.json"


@dataclass(frozen=True, slots=True)
class HeldPackage:
    """A package without an image: what it is, and how the holder of a licence comes by it."""

    name: str
    version: str
    title: str
    summary: str
    homepage: str
    licence: str
    redistribution: Redistribution
    terms: str
    registration: str


def held_of(recipe: Recipe) -> HeldPackage:
    """Return what a catalogue tells of a recipe with `install: site`.

    Raises:
        ValueError: the image of the recipe is the publisher's to make.
    """
    if recipe.site is None:
        raise ValueError(f"{recipe.name} is made by its publisher")
    return HeldPackage(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        summary=recipe.summary,
        homepage=recipe.homepage,
        licence=recipe.license.spdx,
        redistribution=recipe.license.redistribution,
        terms=recipe.site.terms,
        registration=recipe.site.registration,
    )


def held_json(packages: Iterable[HeldPackage]) -> list[Json]:
    """Return packages as JSON, by name."""
    return [codec.to_json(item) for item in sorted(packages, key=lambda item: item.name)]


def write_held(packages: Iterable[HeldPackage]) -> bytes:
    """Return the content of `held.json`: equal packages give equal bytes."""
    return write_listing(held_json(packages))


def read_held(content: bytes, *, file: Path) -> tuple[HeldPackage, ...]:
    """Return the packages that `held.json` tells of; `file` is named in the errors.

    Raises:
        InvalidInput: it is no such file, with everything that is wrong about it.
    """
    return read_listing(HeldPackage, content, file=file, rule="held-schema", faults=_faults)


def _faults(item: HeldPackage) -> Iterable[codec.Fault]:
    if not NAME.fullmatch(item.name):
        yield "name", f"{item.name[:80]!r} is not a package's name"
    for field in ("homepage", "terms", "registration"):
        link = getattr(item, field)
        if not LINK.fullmatch(link):
            yield field, f"{link[:80]!r} is not a link that begins with http:// or https://"
