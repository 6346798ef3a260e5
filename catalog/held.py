# SPDX-License-Identifier: BSD-3-Clause
"""Packages that are told of and not distributed: each site with a licence makes them for itself.

`images/held.json` of the repository has them, for the catalogue of every channel and for programs.
What is read is not believed: names become parts of pages, links are http or https.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.recipes.recipe import Recipe, Redistribution
from catalog import codec
from core.canonical import Json, readable_json
from core.errors import InvalidInput
from core.problems import Position, Problem, in_order

SCHEMA: Final = 1
PATH: Final = "images/held.json"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]{0,63}")
_LINK: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?")


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


@dataclass(frozen=True, slots=True)
class _Document:
    packages: tuple[HeldPackage, ...]


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
    return readable_json({"schema": SCHEMA, "packages": held_json(packages)}).encode("utf-8")


def read_held(content: bytes, *, file: Path) -> tuple[HeldPackage, ...]:
    """Return the packages that `held.json` tells of; `file` is named in the errors.

    Raises:
        InvalidInput: it is no such file, with everything that is wrong about it.
    """
    try:
        return _decoded(content)
    except codec.Malformed as err:
        raise InvalidInput(
            in_order(
                Problem(Position(file), "held-schema", f"{path} {what}", field=path)
                for path, what in err.faults
            )
        ) from err


def _decoded(content: bytes) -> tuple[HeldPackage, ...]:
    value = codec.parse_json(content)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise codec.Malformed([("schema", f"must be {SCHEMA}")])
    fields: Json = {name: field for name, field in value.items() if name != "schema"}
    packages = codec.from_json(_Document, fields).packages
    if faults := [fault for item in packages for fault in _faults(item)]:
        raise codec.Malformed(faults)
    return packages


def _faults(item: HeldPackage) -> Iterable[codec.Fault]:
    if not _NAME.fullmatch(item.name):
        yield "name", f"{item.name[:80]!r} is not a package's name"
    for field in ("homepage", "terms", "registration"):
        link = getattr(item, field)
        if not _LINK.fullmatch(link):
            yield field, f"{link[:80]!r} is not a link that begins with http:// or https://"
