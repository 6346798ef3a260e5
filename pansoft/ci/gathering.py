# SPDX-License-Identifier: BSD-3-Clause
"""What a state folder and the repository know of packages, as the note tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder.evidence.difference import Change as Component
from builder.evidence.difference import changes_in
from builder.evidence.sbom import CYCLONEDX_FILE
from builder.images.built import Built, read_built
from builder.recipes import load
from builder.recipes.folders import key_of, name_of
from builder.recipes.recipe import Recipe, TestKind
from builder.stages import PlanId, TestReport
from builder.state import State
from builder.testing import reports
from builder.testing.run import known_report
from catalog.entry import CatalogEntry
from core.errors import UserError
from core.reports import text as problems_as_text
from cvmfs.errors import NotFound
from pansoft import planning, published, target, workspace
from pansoft.changes import TRIED, Change, Kind, changes_since
from pansoft.ci import kept as kept_packages
from pansoft.ci.note import Moved, PackageNote, Standing
from pansoft.ci.preview import Preview, read
from pansoft.context import Context
from pansoft.planning import Blocked, Planned
from pansoft.reports import run_report
from pansoft.reports.run_report import Ended, Row, RunReport

_STARTS = (TestKind.COMMAND, TestKind.IMPORT)
"""Tests that start an image once and do little in it."""


_LAST_OF_LOG = 1 << 20  # bytes
_MOVES = {
    Kind.PROMOTED: Moved.PROMOTED,
    Kind.RETIRED: Moved.RETIRED,
    Kind.RETURNED: Moved.RETURNED,
    Kind.GONE: Moved.REMOVED,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A package in the note, and what of its image goes beside the note."""

    package: PackageNote
    report: TestReport | None = None
    bill: Path | None = None
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """All packages of a note; `run` is the run of `apply` that it is about, if it is about one.

    `preview` is where they can be mounted before they are merged.
    """

    told: tuple[Told, ...]
    folders: tuple[Path, ...]
    others: int = 0
    run: RunReport | None = None
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What the repository holds: its entries, the oldest first, and the bill of materials of each."""

    entries: tuple[CatalogEntry, ...]
    bill: Callable[[CatalogEntry], bytes | None]

    def of_plan(self, plan: PlanId) -> CatalogEntry | None:
        """Return the entry that was published of a plan."""
        return next((entry for entry in self.entries if entry.plan == plan), None)

    def before(self, name: str, plan: PlanId) -> CatalogEntry | None:
        """Return the newest entry of a package that is not of this plan."""
        found = [each for each in self.entries if each.name == name and each.plan != plan]
        return found[-1] if found else None


def gather(
    context: Context,
    names: Sequence[str],
    *,
    since: str | None = None,
    kept: Path | None = None,
    preview: Path | None = None,
    at: datetime,
) -> Gathered:
    """Return what is known of the named packages, of those that a branch changes, or of the last run.

    Args:
        context: the project and its state.
        names: of recipes.
        since: a revision; what the branch changes since it left that is told as well.
        kept: a folder below which other jobs kept what they know; the state is asked for the rest.
        preview: a folder in which a job left what there is to know of a preview, if it made one.
        at: the time that is told to the policy.

    Raises:
        UserError: there is no such recipe, revision or run, or what was kept cannot be read.
    """
    state = workspace.state_of(context)
    run = None
    moves: dict[str, Change] = {}
    if since is not None:
        found = changes_since(context, since).recipes
        moves = {change.key: change for change in found if change.kind in _MOVES}
        names = [*names, *(change.key for change in found if change.kind in TRIED)]
    elif not names and kept is None:
        run = _last_run(state)
        names = _keys(context, [row for row in run.rows if _is_told(row)])
    folders = workspace.folders_named(context, names) if names else ()
    rows = {row.plan: row for row in run.rows if row.plan} if run else {}
    others = sum(not _is_told(row) for row in run.rows) if run else 0
    there = _published(state, at=at)
    elsewhere = _kept(kept) if kept is not None else {}
    here = [folder for folder in folders if key_of(folder) not in elsewhere]
    told = (*elsewhere.values(), *_told(context, state, here, there, rows, at=at))
    named = {each.package.key for each in told}
    unbuilt = [change for key, change in moves.items() if key not in named]
    return Gathered(
        (
            *(_with_move(each, moves.get(each.package.key)) for each in told),
            *(_with_move(_unmoved(context, change, there), change) for change in unbuilt),
        ),
        folders,
        others,
        run,
        read(preview) if preview else None,
    )


def _with_move(told: Told, change: Change | None) -> Told:
    """Return a package with what a branch says of where it comes to."""
    if change is None:
        return told
    moved = replace(told.package, moved=_MOVES[change.kind], move=change.why[0])
    return replace(told, package=moved)


def _unmoved(context: Context, change: Change, there: Published) -> Told:
    """Return a package of which nothing is built: it is ready as it is."""
    folder = context.project / change.place
    recipe = load.read_recipe(folder).recipe
    name = recipe.name if recipe else name_of(folder)
    before = next((each.version for each in reversed(there.entries) if each.name == name), None)
    package = PackageNote(
        name,
        recipe.version if recipe else "",
        Standing.READY,
        key=change.key,
        before=before,
        licence=recipe.license.spdx if recipe else "",
    )
    return Told(package)


def _kept(folder: Path) -> dict[str, Told]:
    """Return by key what other jobs kept of packages; nothing where there is no such folder."""
    return {package.key: Told(package) for package in kept_packages.read(folder)}


def _last_run(state: State) -> RunReport:
    run = run_report.read(state.report)
    if run is None:
        raise UserError(
            f"there is no report of a run of apply in {state.report}",
            hint="name the packages, or what a branch changes: pansoft ci report --since origin/main",
        )
    return run


def _is_told(row: Row) -> bool:
    return row.ended in (Ended.FAILED, Ended.REFUSED) or row.fresh


def _keys(context: Context, rows: Sequence[Row]) -> list[str]:
    """Return what the command line calls the recipes of rows; those that are gone by now are left out."""
    known = {key_of(folder) for folder in workspace.folders_named(context, [])}
    found = []
    for row in rows:
        kept = f"{row.name}@{row.version}"
        if (key := kept if kept in known else row.name) in known:
            found.append(key)
    return found


def _published(state: State, *, at: datetime) -> Published:
    """Return what the repository of a state holds."""

    def bill(entry: CatalogEntry) -> bytes | None:
        with target.read(state, at=at) as reader:
            try:
                return reader.read(f"{entry.folder}/{CYCLONEDX_FILE}")
            except NotFound:
                return None

    return Published(published.entries_in(state, at=at), bill)


def _told(
    context: Context,
    state: State,
    folders: Sequence[Path],
    there: Published,
    rows: Mapping[str, Row],
    *,
    at: datetime,
) -> Iterator[Told]:
    """Yield what is known of each package, those first whose recipe cannot be read."""
    recipes: list[Recipe] = []
    for folder in folders:
        reading = load.read_recipe(folder)
        if reading.recipe is not None:
            recipes.append(reading.recipe)
            continue
        why = "its recipe is wrong: pansoft check says where"
        output = problems_as_text(reading.problems, root=context.project)
        package = PackageNote(key_of(folder), "", Standing.FAILED, why=why, output=output)
        yield Told(replace(package, key=key_of(folder)))
    found = planning.plan(context, recipes, at=at)
    for blocked in found.blocked:
        yield Told(_stopped(blocked, Standing.FAILED))
    for held in found.for_sites:
        yield Told(_stopped(held, Standing.MISSING))
    for item in found.planned:
        yield _planned(state, item, there, rows.get(item.plan.id))


def _stopped(blocked: Blocked, standing: Standing) -> PackageNote:
    recipe = blocked.recipe
    return PackageNote(
        recipe.name,
        recipe.version,
        standing,
        key=recipe.key,
        licence=recipe.license.spdx,
        why=blocked.why,
    )


def _planned(state: State, item: Planned, there: Published, row: Row | None) -> Told:
    """Return what is known of a package that can be built."""
    plan, recipe = item.plan.id, item.recipe
    entry, before = there.of_plan(plan), there.before(recipe.name, plan)
    package = PackageNote(
        recipe.name,
        recipe.version,
        Standing.MISSING,
        key=recipe.key,
        before=before.version if before else None,
        fresh=row.fresh if row else None,
        licence=recipe.license.spdx,
        accepted=entry.verdict.accepted if entry else None,
        plan=plan,
    )
    made = read_built(plan, state)
    if made is None:
        told = Told(_as_published(package, entry) if entry else _unbuilt(package, state, plan))
    else:
        told = _built(package, made, known_report(recipe, made.image, state), state, entry)
        if told.bill is not None and before is not None:
            changes = changes_of(there.bill(before), told.bill.read_bytes())
            told = replace(told, package=replace(told.package, changes=changes))
    return replace(told, package=_as_it_ended(told.package, row))


def _as_it_ended(package: PackageNote, row: Row | None) -> PackageNote:
    """Return a package as a run of `apply` left it, which knows what came after the tests."""
    match row.ended if row else None:
        case Ended.REFUSED:
            assert row is not None  # noqa: S101 - for mypy
            return replace(package, standing=Standing.REFUSED, accepted=False, why=row.why)
        case Ended.FAILED:
            assert row is not None  # noqa: S101 - for mypy
            return replace(package, standing=Standing.FAILED, why=row.why)
        case _:
            return package


def _as_published(package: PackageNote, entry: CatalogEntry) -> PackageNote:
    """Return a package whose image is in the repository and no longer in the state."""
    return replace(
        package,
        standing=Standing.READY,
        fresh=False,
        tests=len(entry.tests),
        tests_passed=sum(bool(test.passed) for test in entry.tests),
        size=entry.size,
        new_bytes=entry.image.delta_size if entry.has_image else None,
    )


def _unbuilt(package: PackageNote, state: State, plan: PlanId) -> PackageNote:
    log = state.failed_log(plan)
    if not log.is_file():
        return replace(package, why=f"not built: pansoft build {package.key}")
    with log.open("rb") as stream:  # as long as a build may be
        stream.seek(max(0, log.stat().st_size - _LAST_OF_LOG))
        output = stream.read().decode("utf-8", "replace")
    return replace(package, standing=Standing.FAILED, why="its build failed", output=output)


def _built(
    package: PackageNote,
    made: Built,
    report: TestReport | None,
    state: State,
    entry: CatalogEntry | None,
) -> Told:
    folder = state.image(made.image.plan)
    bill = folder / CYCLONEDX_FILE
    package = replace(
        package,
        fresh=entry is None if package.fresh is None else package.fresh,
        build_seconds=made.seconds,
        size=made.image.size,
        new_bytes=made.image.delta_size,
        sha256=made.image.sha256,
    )
    told = Told(package, report, bill if bill.is_file() else None)
    if report is None:
        why = f"not tested: pansoft test {package.key}"
        standing = Standing.MISSING if entry is None else Standing.READY
        return replace(
            told, package=replace(package, standing=standing, why=None if entry else why)
        )
    quick = [each.seconds for each in report.results if each.passed and each.kind in _STARTS]
    tested = replace(
        package,
        standing=Standing.READY if report.passed else Standing.FAILED,
        tests=len(report.results),
        tests_passed=sum(result.passed for result in report.results),
        start_seconds=min(quick, default=None),
        why=None if report.passed else f"tests: {reports.summary(report)}",
        output="" if report.passed else reports.failures(report),
    )
    pictures = tuple(folder / name for name in report.evidence if name.endswith(".png"))
    return replace(
        told, package=tested, pictures=tuple(each for each in pictures if each.is_file())
    )


def changes_of(before: bytes | None, after: bytes) -> tuple[Component, ...]:
    """Return which components two CycloneDX bills differ in; none where one cannot be read."""
    try:
        found = [_components(content) for content in (before or b"", after)]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(changes_in("package", *found))


def _components(content: bytes) -> dict[str, str]:
    """Return versions by kind and name; a component that is there twice has both versions."""
    versions: dict[str, set[str]] = {}
    for item in json.loads(content)["components"]:
        kind = str(item["purl"]).removeprefix("pkg:").partition("/")[0]
        versions.setdefault(f"{kind}:{item['name']}", set()).add(str(item.get("version", "")))
    return {name: ", ".join(sorted(found)) for name, found in versions.items()}
