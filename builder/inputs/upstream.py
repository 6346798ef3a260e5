# SPDX-License-Identifier: BSD-3-Clause
"""Which recipes upstream has something newer for: in the Python index or the Debian archives of this host.

A recipe follows the part of it that has its version: a pinned Python requirement, an sdist that a script
builds, or a Debian package. What has no such part is followed by people, and so is what only a licence holder
can download. Before a release is after nothing: pre-releases, withdrawn ones and those that do not run on
the bases' Python are passed over.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import requests
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from builder.inputs import apt, locking, pip_resolver, python_index
from builder.inputs.lock import PackageLock, standing_package_lock
from builder.inputs.places import Mirrors
from builder.inputs.python_index import Listed
from builder.recipes.from_debian import upstream_version
from builder.recipes.recipe import Install, Recipe, SourceKind
from builder.recipes.step import Step
from builder.state import State
from core.console import Console
from core.errors import InvalidInput, UserError
from core.versions import Scheme, compare

_PARALLEL = 8


class Origin(StrEnum):
    """Where a part of a recipe is had from."""

    PYTHON = "python"
    SDIST = "sdist"
    DEBIAN = "debian"


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a recipe that has its version: a project or a package, and the version it has now.

    `of_sdist` says that no wheel of it is needed. `companions` are projects that are released with it, under
    the same version: they step together, to what all of them have.
    """

    origin: Origin
    name: str
    version: str
    of_sdist: bool = False
    companions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one recipe: the step that it could make, or why none was found.

    Neither is there where it has the newest version. `part` is what it follows.
    """

    recipe: Recipe
    part: Part | None = None
    step: Step | None = None
    why_not: str | None = None


def look(
    recipes: Sequence[Recipe], state: State, *, at: datetime, console: Console
) -> tuple[Look, ...]:
    """Return what upstream has newer for each of some recipes, in their order.

    Raises:
        UserError: the host's archives or indexes cannot be asked.
    """
    parts = {recipe.key: part_of(recipe) for recipe in recipes}
    known = [part for part in parts.values() if isinstance(part, Part)]
    python = _in_indexes([part for part in known if part.origin is not Origin.DEBIAN], console)
    debian = _in_archives(
        [part.name for part in known if part.origin is Origin.DEBIAN],
        state,
        at=at,
        console=console,
    )
    return tuple(_looked(recipe, parts[recipe.key], python, debian) for recipe in recipes)


def part_of(recipe: Recipe) -> Part | str:
    """Return the part that has the recipe's version, or in words why there is none to follow."""
    if recipe.retire is not None:
        return "is retired"
    if recipe.is_kept:
        return "is kept as it is"
    if recipe.install is Install.SITE:
        return "is downloaded by licence holders"
    try:
        lock = standing_package_lock(recipe)
    except InvalidInput as err:
        return f"its lock {err.problems[0].message}"
    except UserError as err:
        return err.message
    candidates = [*_python_parts(recipe, lock), *_debian_parts(recipe, lock)]
    # `+1` behind a version is a second build of the same program
    own = {recipe.version, recipe.version.partition("+")[0]}
    same = [part for part in candidates if _as_released(part) in own]
    named = [part for part in same if canonicalize_name(part.name) == recipe.name]
    if not same:
        return "has a version that none of its parts has"
    found = (*named, *same)[0]
    together = [part.name for part in same if _are_kin(found, part)]
    return replace(found, companions=tuple(together))


def _are_kin(one: Part, other: Part) -> bool:
    """Return whether the names of two Python requirements say that one makes both."""
    first, second = sorted((one.name, other.name))
    pip = one.origin is other.origin is Origin.PYTHON
    return pip and second.startswith(f"{first}-")


def _python_parts(recipe: Recipe, lock: PackageLock) -> list[Part]:
    sdists = {item.name for item in lock.sdists}
    found = []
    for text in recipe.build.pip:
        name, version = _pin(text)
        found.append(Part(Origin.PYTHON, name, version, name in sdists))
    for source in recipe.build.sources:
        if source.kind is SourceKind.PYPI_SDIST:
            found.append(Part(Origin.SDIST, *_pin(source.location), of_sdist=True))
    return [part for part in found if part.version]


def _pin(text: str) -> tuple[str, str]:
    """Return the project and the version of a pinned requirement; no version where it has none."""
    try:
        read = Requirement(text)
    except InvalidRequirement:
        return text, ""
    pins = [each.version for each in read.specifier if each.operator == "=="]
    return canonicalize_name(read.name), pins[0] if len(pins) == 1 else ""


def _debian_parts(recipe: Recipe, lock: PackageLock) -> list[Part]:
    locked = {item.name: item.version for item in lock.debian}
    return [Part(Origin.DEBIAN, name, locked[name]) for name in recipe.build.apt if name in locked]


def _as_released(part: Part) -> str:
    """Return the version of a part as its makers call it."""
    return upstream_version(part.version) if part.origin is Origin.DEBIAN else part.version


# -- what is newer ---------------------------------------------------------------------------------


def _looked(
    recipe: Recipe,
    part: Part | str,
    python: Mapping[Part, Listed | str | None],
    debian: Mapping[str, str],
) -> Look:
    if isinstance(part, str):
        return Look(recipe, why_not=part)
    if part.origin is Origin.DEBIAN:
        if part.name not in debian:
            return Look(
                recipe, part, why_not=f"follows {part.name}, which the archives do not have"
            )
        return Look(recipe, part, _debian_step(recipe, part, debian[part.name]))
    found = python[part]
    if isinstance(found, str):
        return Look(recipe, part, why_not=found)
    if found is None:
        return Look(recipe, part)
    sha256 = found.sha256 if part.origin is Origin.SDIST else None
    names = (part.name, *part.companions)
    step = Step(recipe.version, found.version, names, part.version, found.version, sha256)
    return Look(recipe, part, step)


def _debian_step(recipe: Recipe, part: Part, newest: str) -> Step | None:
    """Return the step to what the archive has; another build of the same program is the next `+N`."""
    if compare(newest, part.version, Scheme.DEBIAN) != 1:
        return None
    upstream = upstream_version(newest)
    if upstream != upstream_version(part.version):
        return Step(recipe.version, upstream)
    build = recipe.version.removeprefix(upstream).removeprefix("+")
    return Step(recipe.version, f"{upstream}+{int(build) + 1 if build.isdecimal() else 1}")


def _in_archives(
    names: Sequence[str], state: State, *, at: datetime, console: Console
) -> Mapping[str, str]:
    """Return the version of each package that this host would install."""
    if not names:
        return {}
    return apt.candidates(locking.host_archives(state, at=at, console=console), sorted(set(names)))


def _in_indexes(parts: Sequence[Part], console: Console) -> Mapping[Part, Listed | str | None]:
    """Return the newest release of each project where it is newer than what is pinned.

    A project that no index has is answered in words: it is gone, or a mirror is not what it should be.
    """
    mirrors = Mirrors()
    different = list(dict.fromkeys(parts))

    def listed(project: str) -> tuple[Listed, ...]:
        try:
            return python_index.listed(
                project, indexes=mirrors.indexes(), session=mirrors.session("python")
            )
        except requests.RequestException as err:
            raise UserError(
                f"the Python index could not be asked for {project} ({type(err).__name__})",
                hint="check the network and pip's configuration, then run it again",
            ) from err

    def newest(part: Part) -> Listed | str | None:
        found = {name: listed(name) for name in (part.name, *part.companions)}
        if lacking := [name for name, files in found.items() if not files]:
            return f"follows {lacking[0]}, which no index has"
        return _newest(part, found[part.name], [found[name] for name in part.companions])

    with (
        console.progress("ask the Python index", len(different)) as progress,
        concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        found: dict[Part, Listed | str | None] = {}
        for part, release in zip(different, pool.map(newest, different), strict=True):
            progress.advance(note=part.name)
            found[part] = release
    return found


def _newest(
    part: Part, listed: Sequence[Listed], others: Sequence[Sequence[Listed]]
) -> Listed | None:
    """Return the newest release that is newer than a part, runs here, and that its companions have."""
    usable = _usable(part, listed)
    for other in others:
        there = {version for version, _ in _usable(part, other)}
        usable = [pair for pair in usable if pair[0] in there]
    try:
        now = Version(part.version)
    except InvalidVersion:
        return None
    newer = [pair for pair in usable if pair[0] > now]
    return max(newer, key=lambda pair: (pair[0], pair[1].is_sdist))[1] if newer else None


def _usable(part: Part, listed: Sequence[Listed]) -> list[tuple[Version, Listed]]:
    """Return the releases that run here, none of them before a release."""
    return [
        (version, item)
        for item in listed
        if (version := _released(item)) is not None and _fits(part, item)
    ]


def _released(item: Listed) -> Version | None:
    try:
        version = Version(item.version)
    except InvalidVersion:
        return None
    return None if version.is_prerelease or version.local else version


def _fits(part: Part, item: Listed) -> bool:
    python = ".".join(str(number) for number in pip_resolver.PYTHON)
    try:
        if not SpecifierSet(item.requires_python).contains(python):
            return False
    except InvalidSpecifier:
        return False
    if item.is_sdist:
        return part.of_sdist and item.filename.endswith(".tar.gz")
    return part.origin is not Origin.SDIST and pip_resolver.is_for_bases(item.filename)
