# SPDX-License-Identifier: BSD-3-Clause
"""Which components are held by which packages: those of the published bills, or those that locks name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from packaging.utils import canonicalize_name

from builder.evidence.published_bill import components_of
from builder.evidence.sbom import CYCLONEDX_FILE, archive_component
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import NodePackage, PythonArtefact, PythonSdist
from builder.recipes.folders import BASES
from builder.recipes.load import load_chain
from builder.recipes.recipe import Recipe
from builder.state import State
from catalog.entry import CatalogEntry
from core.errors import InvalidInput, UserError
from cvmfs.reading.reader import Reader
from pansoft import target, workspace
from pansoft.context import Context
from pansoft.published import entries_of, retired_of
from trust.evidence import Component

RELEASES: Mapping[str, str] = {
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
}
"""Debian's releases by code name: advisories know them by number (debian.org/releases)."""


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """A version of a package; `is_published` says that somebody can run it."""

    name: str
    version: str
    base: str
    is_published: bool

    def __str__(self) -> str:
        """Return name and version."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Holdings:
    """Every component once, with who holds it; `unknown` are packages of which nobody can tell, and why."""

    held: Mapping[Component, tuple[Holder, ...]]
    unknown: tuple[str, ...] = ()

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Return the packages, sorted."""
        return tuple(sorted({each for holders in self.held.values() for each in holders}))


def is_published(context: Context, *, at: datetime) -> bool:
    """Return whether there is a repository in which something is published."""
    state = State(context.state)
    if not target.exists(state):
        return False
    with target.read(state, at=at) as reader:
        return bool(entries_of(reader))


def published(context: Context, names: Collection[str], *, at: datetime) -> Holdings:
    """Return what published versions hold that are not retired, of these packages or of all.

    Raises:
        UserError: the repository cannot be read.
    """
    held: dict[Component, list[Holder]] = {}
    unknown = []
    wanted = {name.partition("@")[0] for name in names}
    with target.read(State(context.state), at=at) as reader:
        retired = {each.key for each in retired_of(reader)}
        for entry in entries_of(reader):
            if (entry.name, entry.version) in retired or (wanted and entry.name not in wanted):
                continue
            holder = Holder(entry.name, entry.version, entry.base, is_published=True)
            try:
                _hold(held, holder, _of_bill(reader, entry, _release(context, entry.base)))
            except UserError as err:
                unknown.append(f"{holder}: {_words(err)}")
    return Holdings({each: tuple(holders) for each, holders in held.items()}, tuple(unknown))


def locked(context: Context, names: Sequence[str]) -> Holdings:
    """Return what the locks of recipes name that are in use: these, or all of them.

    Raises:
        UserError: there is no such recipe, or one cannot be read.
    """
    held: dict[Component, list[Holder]] = {}
    unknown = []
    bases: dict[str, BasePlan] = {}
    of_bases: dict[str, tuple[Component, ...]] = {}
    for recipe in workspace.recipes_named(context, names):
        if recipe.retire is not None:
            continue
        holder = Holder(recipe.name, recipe.version, recipe.base, is_published=False)
        try:
            plan = workspace.plan_from_lock(context, recipe, bases)
        except UserError as err:
            unknown.append(f"{holder}: {_words(err)}")
            continue
        if recipe.base not in of_bases:
            of_bases[recipe.base] = tuple(_of_base(plan.base))
        _hold(held, holder, _of_plan(plan, of_bases[recipe.base]))
    return Holdings({each: tuple(holders) for each, holders in held.items()}, tuple(unknown))


def components_in_git(context: Context, recipe: Recipe) -> tuple[Component, ...]:
    """Return what the lock of a recipe names.

    Raises:
        UserError: it has none that fits.
    """
    plan = workspace.plan_from_lock(context, recipe)
    return tuple(_of_plan(plan, tuple(_of_base(plan.base))))


def _words(err: UserError) -> str:
    if isinstance(err, InvalidInput):
        return "; ".join(problem.message for problem in err.problems)
    return err.message


def _hold(
    held: dict[Component, list[Holder]], holder: Holder, components: Iterator[Component]
) -> None:
    for component in dict.fromkeys(components):
        held.setdefault(component, []).append(holder)


def _of_bill(reader: Reader, entry: CatalogEntry, release: str | None) -> Iterator[Component]:
    path = f"{entry.folder}/{CYCLONEDX_FILE}"
    if reader.lookup(path) is None:
        raise UserError(f"{path} is not there")
    for each in components_of(reader.read(path), shown_as=path):
        yield _in_release(each, release)


def _in_release(component: Component, release: str | None) -> Component:
    """Return a Debian package whose URL says of which release it is."""
    is_debian = component.purl.startswith("pkg:deb/")
    if release is None or not is_debian or "distro=" in component.purl:
        return component
    joint = "&" if "?" in component.purl else "?"
    purl = f"{component.purl}{joint}distro=debian-{release}"
    return Component(purl, component.name, component.version, source=component.source)


def _release(context: Context, base: str) -> str | None:
    """Return the number of the Debian release that a base of the project begins with, where it is known."""
    try:
        return RELEASES.get(load_chain(context.recipes / BASES / base)[0].suite or "")
    except UserError:
        return None  # published on a base that the project has no more


def _of_base(base: BasePlan) -> Iterator[Component]:
    release = RELEASES.get(base.layers[0].suite or "")
    for package in base.lock.packages:
        yield _debian(package, release)
    for wheel in base.lock.wheels:
        yield _python(wheel)


def _of_plan(plan: BuildPlan, of_base: Sequence[Component]) -> Iterator[Component]:
    release = RELEASES.get(plan.base.layers[0].suite or "")
    own = (
        *(_debian(package, release) for package in plan.debian),
        *map(_python, plan.python),
        *map(_python, plan.sdists),
        *(_node(item) for item in plan.node),
    )
    instead = {_key(each) for each in own}  # a package that a recipe brings covers the base's
    yield from (each for each in of_base if _key(each) not in instead)
    yield from own
    for source in plan.sources:
        made = archive_component(source)
        yield Component(made.purl, made.name, made.version)


def _key(component: Component) -> tuple[str, str]:
    return component.purl.partition("/")[0], component.name


def _debian(package: DebianPackage, release: str | None) -> Component:
    # the archive keeps the packages of one source in a folder of its name (Debian's archive layout)
    source = package.path.split("/")[-2] if package.path.count("/") > 1 else None
    purl = (
        f"pkg:deb/debian/{quote(package.name)}@{quote(package.version)}?arch={package.architecture}"
    )
    made = Component(purl, package.name, package.version, source=source)
    return _in_release(made, release)


def _python(item: PythonArtefact | PythonSdist) -> Component:
    name = canonicalize_name(item.name)
    return Component(f"pkg:pypi/{quote(name)}@{quote(item.version)}", name, item.version)


def _node(item: NodePackage) -> Component:
    purl = f"pkg:npm/{quote(item.name, safe='/')}@{quote(item.version)}"
    return Component(purl, item.name, item.version)
