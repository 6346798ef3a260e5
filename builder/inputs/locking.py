# SPDX-License-Identifier: BSD-3-Clause
"""Make locks: ask the host's archives and indexes what a recipe's requests mean today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from builder.inputs import apt, python_on_base, sdists
from builder.inputs.apt import AptState, DebianPackage
from builder.inputs.apt_sources import upstream_files
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.ground import Ground
from builder.inputs.image_locking import look_up_image
from builder.inputs.lock import (
    BaseLock,
    LockedSource,
    PackageLock,
    PythonArtefact,
    base_asked,
    origin_of,
    package_asked,
)
from builder.inputs.node import lock_node
from builder.inputs.sdists import Resolved
from builder.recipes.recipe import BaseRecipe, Recipe, SourceKind
from builder.state import State
from core.console import Console
from core.errors import UserError
from core.files import write_atomic

# What a minimal Debian is: everything essential or required, apt to install the rest, and the
# marker that says /usr is merged (its alternative would bring all of perl).
MINIMAL_SYSTEM = (
    "?and(?architecture(amd64),?or(?essential,?priority(required)))",
    "apt",
    "usr-is-merged",
    "ca-certificates",
)


def lock_base(
    recipe: BaseRecipe, below: BaseLock | None, state: State, *, at: datetime, console: Console
) -> BaseLock:
    """Return a fresh lock of a base; `below` is that of the base that it stands on.

    Raises:
        UserError: the host's archives are of another suite, or have no such package.
    """
    image, origin = None, origin_of(recipe)
    system: tuple[DebianPackage, ...] = ()
    if origin is not None:
        image = look_up_image(origin, InputCache(state.inputs), console=console)
    elif below is None:
        system = _minimal_system(recipe, state, at=at, console=console)
    beginning = BaseLock(
        name=recipe.name,
        asked=base_asked(recipe, below),
        epoch=int(at.timestamp()),
        system=system,
        debian=(),
        below=below,
        image=image,
        origin=origin,
    )
    ground = Ground.of(beginning, state, console=console)
    debian: tuple[DebianPackage, ...] = ()
    if recipe.apt:
        on_it = _on(ground, state, wanted=recipe.apt)
        apt.update(on_it, at=at, console=console)
        debian = apt.resolve(on_it, recipe.apt, reason=f"resolve {recipe.name}")
    return replace(beginning, debian=debian, python=_base_python(recipe, ground, console))


def _minimal_system(
    recipe: BaseRecipe, state: State, *, at: datetime, console: Console
) -> tuple[DebianPackage, ...]:
    """Return the minimal Debian of a base's suite."""
    suites = apt.source_suites()
    if recipe.suite not in suites:
        raise UserError(
            f"{recipe.file} wants Debian {recipe.suite}; this host's apt is configured for "
            f"{', '.join(suites) or 'nothing'}",
            hint=f"lock on a host whose apt sources have {recipe.suite}",
        )
    empty = host_archives(state, at=at, console=console)
    system = apt.resolve(
        empty, MINIMAL_SYSTEM, reason=f"resolve the minimal system of {recipe.name}"
    )
    fetch(system, InputCache(state.inputs), console=console)
    return system


def lock_package(
    recipe: Recipe,
    base: BaseLock,
    state: State,
    *,
    at: datetime,
    console: Console,
    wheels_only: bool = False,
) -> PackageLock:
    """Return a fresh lock of a recipe on its base.

    Args:
        recipe: the recipe.
        base: the lock of its base.
        state: where inputs are kept.
        at: the time, which decides whether package lists are read again.
        console: whom to talk to.
        wheels_only: an sdist is an error, and so no build backend of a stranger is asked for anything.

    Raises:
        UserError: an archive or index has no such package, or requests contradict each other.
    """
    build = recipe.build
    debian: tuple[DebianPackage, ...] = ()
    tools: tuple[DebianPackage, ...] = ()
    ground = Ground.of(base, state, console=console)
    if build.apt or build.tools:
        on_base = _on(ground, state, wanted=(*build.apt, *build.tools))
        apt.update(on_base, at=at, console=console)
        debian = apt.resolve(on_base, build.apt, reason=f"resolve build.apt of {recipe.name}")
        both = apt.resolve(
            on_base, (*build.apt, *build.tools), reason=f"resolve build.tools of {recipe.name}"
        )
        debian, tools = _kept_and_tools(debian, both, ground)
    sources = _sources(recipe, state, at=at, console=console)
    python = _python(recipe, ground, state, console, wheels_only=wheels_only)
    return PackageLock(
        name=recipe.name,
        asked=package_asked(recipe, base),
        base=base.id,
        debian=debian,
        tools=tools,
        python=python.wheels,
        sources=sources,
        sdists=python.sdists,
        node=lock_node(build.npm, InputCache(state.inputs), console=console),
    )


def _sources(
    recipe: Recipe, state: State, *, at: datetime, console: Console
) -> tuple[LockedSource, ...]:
    """Return the archives of a recipe; those of a Debian source package as the archive has them."""
    found: list[LockedSource] = []
    for source in recipe.build.sources:
        if source.kind is not SourceKind.DEBIAN_SOURCE:
            found.append(source)
            continue
        name, _, version = source.location.partition("=")
        archives = host_archives(state, at=at, console=console)
        files = upstream_files(name, version, archives, at=at, console=console)
        if files[0].sha256 != source.sha256:
            raise UserError(
                f"{recipe.file} expects the sha256 {source.sha256} of {files[0].filename}; "
                f"the host's Debian archives have {files[0].sha256}",
                hint="if that is the archive you mean, write its sha256 into the recipe",
            )
        found += files
    return tuple(found)


def host_archives(state: State, *, at: datetime, console: Console) -> AptState:
    """Return a fresh view of the host's archives, on a system on which nothing is installed."""
    empty = _apt_state(state, "empty", "")
    apt.update(empty, at=at, console=console)
    return empty


def _base_python(
    recipe: BaseRecipe, ground: Ground, console: Console
) -> tuple[PythonArtefact, ...]:
    """Return the wheels that a base adds to what it stands on; a base has no sdists.

    Raises:
        UserError: pip finds no set of wheels, or they would not run on the base.
    """
    if recipe.pip:
        ground.check_python(recipe.pip)
    there = ground.lock.wheels
    added = python_on_base.resolve(recipe.pip, there)
    _say_what_is_replaced(recipe.name, there, added, console)
    return added


def _python(
    recipe: Recipe, ground: Ground, state: State, console: Console, *, wheels_only: bool
) -> Resolved:
    """Return the wheels and sdists that a recipe adds to its base.

    Raises:
        UserError: pip finds no set of them, or they would not run on the base.
    """
    requirements = recipe.build.pip
    if requirements:
        ground.check_python(requirements)
    there = ground.lock.wheels
    if wheels_only:
        found = Resolved(python_on_base.resolve(requirements, there))
    else:
        found = sdists.resolve(requirements, there, InputCache(state.inputs), console=console)
    _say_what_is_replaced(recipe.name, there, found.wheels, console)
    return found


def _say_what_is_replaced(
    name: str,
    there: Sequence[PythonArtefact],
    added: Sequence[PythonArtefact],
    console: Console,
) -> None:
    for old, new in python_on_base.replaced(there, added):
        console.say(
            f"{name} replaces {old.name} {old.version} of its base by {new.version}: "
            "its image carries both"
        )


def _kept_and_tools(
    debian: tuple[DebianPackage, ...], both: tuple[DebianPackage, ...], ground: Ground
) -> tuple[tuple[DebianPackage, ...], tuple[DebianPackage, ...]]:
    """Return what stays in the image, and the tools that are taken out again after the script.

    A package of the base that a tool needs newer (gcc's libc6-dev wants its very libc6) stays: to
    take it out again would take out the base's.
    """
    newer = {item for item in both if item.name in ground.installed}
    kept = tuple(sorted({*debian, *newer}, key=lambda item: (item.name, item.architecture)))
    return kept, tuple(item for item in both if item not in kept)


def _on(ground: Ground, state: State, *, wanted: Sequence[str]) -> AptState:
    """Return an apt state in which exactly what a base has is installed."""
    return _apt_state(state, ground.lock.name, ground.dpkg_status(wanted))


def _apt_state(state: State, name: str, status: str) -> AptState:
    state.apt.mkdir(parents=True, exist_ok=True)
    file = state.apt / f"{name}.status"
    write_atomic(file, status)
    return AptState(state.apt, file)
