# SPDX-License-Identifier: BSD-3-Clause
"""What is to be done: git says what should be published, the repository says what is."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from builder.images.built import read_built
from builder.images.plan import BasePlan, BuildPlan, Retired
from builder.inputs.downloads import NotHeld
from builder.recipes import load
from builder.recipes.folders import BASES, key_of, name_of, recipe_folders
from builder.recipes.recipe import Install, Recipe
from builder.stages import PlanId
from builder.state import State
from catalog.entry import CatalogEntry
from catalog.retired import RetiredPackage
from catalog.spelling import time_text
from core.errors import InvalidInput, UserError
from core.problems import Problem, errors, in_order
from cvmfs.reading.reader import Reader
from pansoft import drift, published, target, workspace
from pansoft.context import Context
from pansoft.plan_cache import Outline, PlanCache, Published, digest_of


class Status(StrEnum):
    """How far a package is on its way."""

    NEW = "new"
    BUILT = "built"
    PUBLISHED = "published"
    BLOCKED = "blocked"
    SITE = "site"
    """For sites whose own licence and download it takes, which are not here."""
    PROMOTED = "promoted"
    """Published, and git says another channel: the same bytes come into it."""
    RETIRING = "retiring"
    """Git has retired it; what is published of it is in use yet."""
    RETURNED = "returned"
    """Published and retired, and git retires it no more."""
    RETIRED = "retired"
    """Out of use: what is published of it stays."""
    ORPHANED = "orphaned"
    """Published and in use, and git has no recipe of that name."""


UNPUBLISHED = (Status.NEW, Status.BUILT)
"""Where an image is to be brought into the repository."""
TODO = (*UNPUBLISHED, Status.PROMOTED, Status.RETIRING, Status.RETURNED)
"""Where something is to be done in the repository."""


_GONE = "it is not there any more"


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe, its plan, and how far it is already; `why` says it in a sentence."""

    recipe: Recipe
    plan: BuildPlan
    status: Status
    why: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A recipe that has no plan, for instance for want of a lock, and why.

    `standing` is, of one that is retired, how far that is.
    """

    recipe: Recipe
    error: UserError
    standing: tuple[Status, str] | None = None

    @property
    def why(self) -> str:
        """Return the sentence for a table."""
        if self.standing is not None:
            return self.standing[1]
        if isinstance(self.error, InvalidInput):
            return "; ".join(problem.message for problem in self.error.problems)
        return self.error.message


@dataclass(frozen=True, slots=True)
class Planning:
    """What is to be done for each recipe, and the recipes for which that cannot be said.

    `for_sites` are those that only a site with a licence of its own can install, `retired` those that
    are not built any more. `lost` are names and versions of which something published is missing.
    """

    planned: tuple[Planned, ...]
    blocked: tuple[Blocked, ...]
    for_sites: tuple[Blocked, ...] = ()
    retired: tuple[Blocked, ...] = ()
    lost: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """A recipe in a table: how far it is and why; `plan` is None where it has none."""

    key: str
    name: str
    version: str
    status: Status
    plan: PlanId | None
    why: str


def plan(context: Context, recipes: Sequence[Recipe], *, at: datetime) -> Planning:
    """Return what is to be done for each recipe, from git and the repository; nothing is changed."""
    state = State(context.state)
    there = _by_name(_with_losses(state, {recipe.name for recipe in recipes}, at=at))
    planned: list[Planned] = []
    blocked: list[Blocked] = []
    for_sites: list[Blocked] = []
    retired: list[Blocked] = []
    bases: dict[str, BasePlan] = {}
    for recipe in recipes:
        try:
            wanted = workspace.plan_of(context, recipe, bases)
        except Retired as err:
            retired.append(Blocked(recipe, err, _retirement(recipe, there)))
        except NotHeld as err:
            for_sites.append(Blocked(recipe, err))
        except UserError as err:
            blocked.append(Blocked(recipe, err))
        else:
            outline = _outline(recipe, wanted)
            planned.append(Planned(recipe, wanted, *_standing(outline, there, context)))
    return Planning(
        tuple(planned),
        tuple(blocked),
        tuple(for_sites),
        tuple(retired),
        frozenset(_lost(planned, there)),
    )


def _lost(planned: Sequence[Planned], there: _ByName) -> Iterator[tuple[str, str]]:
    """Yield name and version of what is published of just this plan and is not whole."""
    for item in planned:
        same = there.get(item.recipe.name, {}).get(item.recipe.version)
        if same is not None and same.damage is not None and same.plan == item.plan.id:
            yield item.recipe.name, item.recipe.version


def lines(found: Planning) -> tuple[Line, ...]:
    """Return a planning as the lines of a table: the blocked ones, those for sites and the retired last."""
    return (
        *(_line(item.recipe, item.status, item.plan.id, item.why) for item in found.planned),
        *(_blocked(item) for item in found.blocked),
        *(_blocked(item, Status.SITE) for item in found.for_sites),
        *(_blocked(item) for item in found.retired),
    )


def overview(context: Context, names: Sequence[str], *, at: datetime) -> tuple[Line, ...]:
    """Return the lines of `plan` for the named recipes, or all, reading only those that changed.

    Where nothing is named, what is published without a recipe comes last.

    Raises:
        UserError: there is no such recipe.
        InvalidInput: one of them is wrong, with every problem.
    """
    state = State(context.state)
    cache = PlanCache(state, context.recipes / BASES)
    everything = _published(state, cache, at=at)
    there = _by_name(everything)
    planned: list[Line] = []
    blocked: list[Line] = []
    for_sites: list[Line] = []
    retired: list[Line] = []
    problems: list[Problem] = []
    bases: dict[str, BasePlan] = {}
    for folder in workspace.folders_named(context, names):
        digest = digest_of(folder)
        outline = cache.get(folder, digest)
        if outline is None:
            reading = load.read_recipe(folder)
            problems += reading.problems
            if (recipe := reading.recipe) is None:
                continue
            try:
                outline = _outline(recipe, workspace.plan_of(context, recipe, bases))
            except Retired as err:
                retired.append(_blocked(Blocked(recipe, err, _retirement(recipe, there))))
                continue
            except NotHeld as err:
                for_sites.append(_blocked(Blocked(recipe, err), Status.SITE))
                continue
            except UserError as err:
                blocked.append(_blocked(Blocked(recipe, err)))
                continue
            if recipe.install is Install.PUBLISHER:  # the others follow from a holder's files too
                cache.put(folder, digest, outline)
        status, why = _standing(outline, there, context)
        planned.append(
            Line(key_of(folder), outline.name, outline.version, status, outline.plan, why)
        )
    if errors(problems):
        raise InvalidInput(in_order(problems))
    folders = recipe_folders(context.project)
    cache.save(folders)
    orphaned = () if names else _orphaned(everything, frozenset(map(name_of, folders)))
    return (*planned, *blocked, *for_sites, *retired, *orphaned)


def orphaned(context: Context, *, at: datetime) -> tuple[Line, ...]:
    """Return the line of each version that is published and in use, of whose name git has no recipe."""
    everything = _with_losses(State(context.state), (), at=at)
    return _orphaned(everything, frozenset(map(name_of, recipe_folders(context.project))))


def _orphaned(everything: Sequence[Published], names: Container[str]) -> tuple[Line, ...]:
    return tuple(
        Line(
            item.name,
            item.name,
            item.version,
            Status.ORPHANED,
            item.plan,
            f"published on {item.published} and in use, and git has no recipe of it; "
            "it goes out of use by a recipe that says retire",
        )
        for item in sorted(everything, key=lambda item: (item.name, item.published))
        if item.name not in names and item.retired is None and item.damage != _GONE
    )


def _blocked(item: Blocked, status: Status = Status.BLOCKED) -> Line:
    return _line(item.recipe, item.standing[0] if item.standing else status, None, item.why)


def _line(recipe: Recipe, status: Status, plan: PlanId | None, why: str) -> Line:
    return Line(recipe.key, recipe.name, recipe.version, status, plan, why)


def _outline(recipe: Recipe, wanted: BuildPlan) -> Outline:
    release = recipe.release
    return Outline(recipe.name, recipe.version, wanted.id, release.replaced_by, release.channel)


def _published(state: State, cache: PlanCache, *, at: datetime) -> tuple[Published, ...]:
    """Return what is published; the repository is read only where its root is another one."""
    if not target.exists(state):
        return ()
    with target.read(state, at=at) as reader:
        root = str(reader.root_hash)
        known = cache.published(root)
        if known is None:
            entries = published.entries_of(reader)
            damaged = {(e.name, e.version): drift.damage(reader, e) for e in entries}
            known = (
                *_as_published(entries, published.retired_of(reader), damaged),
                *_taken_away(reader, entries),
            )
            cache.put_published(root, known)
    return known


def _with_losses(state: State, names: Container[str], *, at: datetime) -> tuple[Published, ...]:
    """Return what is published; the objects that hold packages of these names are looked for as well."""
    if not target.exists(state):
        return ()
    with target.read(state, at=at) as reader:
        entries = published.entries_of(reader)
        retired = published.retired_of(reader)
        gone = _taken_away(reader, entries)
    lost = drift.losses(state, [entry for entry in entries if entry.name in names], at=at)
    return (*_as_published(entries, retired, lost), *gone)


def _taken_away(reader: Reader, entries: Sequence[CatalogEntry]) -> Iterator[Published]:
    """Yield what was published once and is not there any more."""
    for (name, version), decision in drift.taken_away(reader, entries).items():
        if decision.plan is not None:
            yield Published(
                name=name,
                version=version,
                plan=PlanId(decision.plan),
                published=time_text(decision.at),
                damage=_GONE,
            )


def _as_published(
    entries: Sequence[CatalogEntry],
    retired: Sequence[RetiredPackage],
    damaged: Mapping[tuple[str, str], str | None],
) -> tuple[Published, ...]:
    since = {item.key: item.since for item in retired}
    return tuple(
        Published(
            name=entry.name,
            version=entry.version,
            plan=entry.plan,
            published=entry.published,
            channel=entry.channel,
            retired=since.get((entry.name, entry.version)),
            damage=damaged.get((entry.name, entry.version)),
        )
        for entry in entries
    )


_ByName: TypeAlias = Mapping[str, Mapping[str, Published]]  # and by version


def _by_name(entries: Sequence[Published]) -> _ByName:
    found: dict[str, dict[str, Published]] = {}
    for entry in entries:
        found.setdefault(entry.name, {})[entry.version] = entry
    return found


def _retirement(recipe: Recipe, there: _ByName) -> tuple[Status, str]:
    """Return how far the retirement of a recipe is, and in words the reason and that."""
    reason = (recipe.retire or "").rstrip(".")
    same = there.get(recipe.name, {}).get(recipe.version)
    if same is None:
        return Status.RETIRED, f"{reason}; never published"
    if same.damage == _GONE:
        return Status.RETIRED, f"{reason}; published on {same.published}, and {same.damage}"
    if same.retired is not None:
        return Status.RETIRED, f"{reason}; out of use since {same.retired}"
    return Status.RETIRING, f"{reason}; published on {same.published} and in use yet"


def _standing(outline: Outline, there: _ByName, context: Context) -> tuple[Status, str]:
    """Return how far a recipe is, and why in a sentence."""
    versions = there.get(outline.name, {})
    same = versions.get(outline.version)
    is_built = read_built(outline.plan, State(context.state)) is not None
    if same is not None and same.damage is not None:
        differs = "" if same.plan == outline.plan else "; its inputs differ since"
        status = Status.BUILT if is_built else Status.NEW
        return status, f"published on {same.published}, and {same.damage}{differs}"
    if same is not None and same.plan == outline.plan:
        if same.retired is not None:
            return Status.RETURNED, f"out of use since {same.retired}, git retires it no more"
        if same.channel != outline.channel:
            moved = f"in {same.channel}, git says {outline.channel}"
            return Status.PROMOTED, f"published on {same.published} {moved}"
        return Status.PUBLISHED, f"published on {same.published}"
    if is_built:
        return Status.BUILT, "built, not published"
    if same is not None:
        return Status.NEW, "its inputs differ from the published build of this version"
    if versions:
        return Status.NEW, "a version that is not published"
    return Status.NEW, "a package that is not published"
