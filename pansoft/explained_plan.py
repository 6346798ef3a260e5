# SPDX-License-Identifier: BSD-3-Clause
"""Why a recipe's plan is what it is: what its image is made of, and what differs from what is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from builder.images.plan import BuildPlan
from builder.recipes.folders import place_of
from builder.recipes.recipe import Recipe
from builder.state import State
from pansoft import planning, published, target, workspace
from pansoft.changes import difference
from pansoft.context import Context
from pansoft.planning import Planning, Status


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """A published version: its plan, its channel, when it was published, and the commit that its recipe
    was of.
    """

    version: str
    plan: str
    channel: str
    published: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How far a recipe is and why.

    `layers` are the bases that it stands on, the lowest first, each with its id; `inputs` says of how
    many inputs of each kind the image is made. `before` is what is published of the package: the same
    version, or the newest. `differs` says in phrases what is another since then; None where nobody can.
    """

    name: str
    version: str
    recipe: str
    status: Status
    why: str
    plan: str | None
    layers: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, int], ...]
    before: PublishedBuild | None
    differs: tuple[str, ...] | None


def explanation_of(context: Context, name: str, *, at: datetime) -> Explanation:
    """Return why the plan of a recipe is what it is.

    Raises:
        UserError: there is no such recipe.
        InvalidInput: it is wrong, with every problem.
    """
    [recipe] = workspace.recipes_named(context, [name])
    found = planning.plan(context, [recipe], at=at)
    before = _published(context, recipe, at=at)
    if not found.planned:
        return _without_plan(recipe, found, before)
    [item] = found.planned
    is_same = before is not None and before.plan == item.plan.id
    differs = None
    if before is not None and before.commit is not None and not is_same:
        differs = difference(context, recipe, before.commit)
    return Explanation(
        name=recipe.name,
        version=recipe.version,
        recipe=place_of(recipe.folder),
        status=item.status,
        why=item.why,
        plan=item.plan.id,
        layers=tuple((layer.name, layer.id) for layer in item.plan.base.layers),
        inputs=tuple(_counted(item.plan)),
        before=before,
        differs=() if is_same else differs,
    )


def in_words(found: Explanation) -> str:
    """Return an explanation as people read it."""
    rows = [("recipe", found.recipe)]
    if found.plan is not None:
        rows.append(("plan", found.plan[:12]))
        rows += [("base", f"{name} {digest[:12]}") for name, digest in reversed(found.layers)]
        made = ", ".join(
            f"{count} {kind}{'s' * (count > 1)}" for kind, count in found.inputs if count
        )
        rows.append(("made of", made or "nothing that its base has not"))
    if found.before is not None:
        rows.append(("published", _told(found.before)))
    if found.differs is None and found.before is not None and found.plan is not None:
        rows.append(
            ("since then", "what is another cannot be told: its commit is not in this clone")
        )
    rows += [("since then", phrase) for phrase in found.differs or ()]
    width = max(len(title) for title, _ in rows)
    head = f"{found.name} {found.version}: {found.status}, {found.why}"
    return "\n".join([head, *(f"  {title:<{width}}  {text}" for title, text in rows)])


def _told(before: PublishedBuild) -> str:
    of = f", of commit {before.commit[:12]}" if before.commit else ""
    return (
        f"{before.version} in {before.channel} on {before.published}, plan {before.plan[:12]}{of}"
    )


def _without_plan(recipe: Recipe, found: Planning, before: PublishedBuild | None) -> Explanation:
    kinds = (
        (found.blocked, Status.BLOCKED),
        (found.for_sites, Status.SITE),
        (found.retired, Status.RETIRED),
    )
    [(item, status)] = [(item, status) for items, status in kinds for item in items]
    return Explanation(
        name=recipe.name,
        version=recipe.version,
        recipe=place_of(recipe.folder),
        status=item.standing[0] if item.standing else status,
        why=item.why,
        plan=None,
        layers=(),
        inputs=(),
        before=before,
        differs=None,
    )


def _counted(plan: BuildPlan) -> Iterator[tuple[str, int]]:
    yield "Debian package", len(plan.debian)
    yield "Python package", len(plan.python) + len(plan.sdists)
    yield "npm package", len(plan.node)
    yield "source archive", len(plan.sources)
    yield "build tool", len(plan.tools)
    yield "local file", len(plan.files)
    yield "script line", len((plan.script or "").splitlines())


def _published(context: Context, recipe: Recipe, *, at: datetime) -> PublishedBuild | None:
    """Return what is published of a package: this version, or else the newest."""
    # imported here: it knows how images are built, which no other plan has to wait for
    from builder.evidence.provenance import FILE_NAME, claimed_commit

    state = State(context.state)
    if not target.exists(state):
        return None
    with target.read(state, at=at) as reader:
        mine = [entry for entry in published.entries_of(reader) if entry.name == recipe.name]
        if not mine:
            return None
        same = [entry for entry in mine if entry.version == recipe.version]
        entry = (same or mine)[-1]
        file = f"{entry.folder}/{FILE_NAME}"
        commit = claimed_commit(reader.read(file)) if reader.lookup(file) else None
    return PublishedBuild(entry.version, entry.plan, entry.channel, entry.published, commit)
