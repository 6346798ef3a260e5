# SPDX-License-Identifier: BSD-3-Clause
"""The preview of a merge request: its packages in a repository of their own that ends in a few days.

It is made in a state folder with new keys, which is there for the time of one run and removed at its end, and
it has a name that no other repository has. So whoever mounts a preview trusts nothing else by that, and no
policy accepts its images: their signer is listed nowhere.

    <folder>/<fqrn>/         what a web server gives out; it is there whole or not at all
    <folder>/.<fqrn>.*       one that is on its way, or goes
    <folder>/.previews.lock  whose turn it is in this folder
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from builder.executors.executor import named
from builder.images import sandbox
from builder.images.build import build
from builder.images.built import Built
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Channel, Recipe
from builder.stages import TestReport
from builder.state import State
from builder.testing import reports
from core.console import readable_size
from core.errors import Refused, UserError
from core.events import Stage
from core.files import atomic_folder, exclusive_lock, shared_lock, write_atomic
from cvmfs.errors import FormatInvalid
from cvmfs.format.whitelist import WHITELIST, parse
from cvmfs.publishing.repository import sign_whitelist
from pansoft import embedded, loop, workspace
from pansoft.ci.preview import MOST_DAYS, MOST_PACKAGES, is_previewable, name_of, number_in
from pansoft.consent import consent_in
from pansoft.context import Context
from pansoft.loop import Maker
from pansoft.planning import Planned, Status
from pansoft.publish import Candidate, publish
from pansoft.shown import Shown, check_shown
from trust.keys import local_key
from trust.verdict import reasons

CHANNEL = Channel.TESTING
"""Where the packages of a preview are, whatever channel their recipes say."""

_LOCK = ".previews.lock"
_SERVED = (".cvmfspublished", WHITELIST, ".cvmfsreflog", "data")
_MOST_BYTES = 1 << 16
_FEDERATION = "federation*"


@dataclass(frozen=True, slots=True)
class Made:
    """A preview that was put in its place: its folder, the key to trust, when it ends, its bytes."""

    fqrn: str
    folder: Path
    public_key: str
    expires: datetime
    packages: tuple[str, ...]
    commands: tuple[str, ...]
    size: int


def check_previewable(recipes: Sequence[Recipe]) -> None:
    """Refuse packages that whoever finds the address of a preview must not be given.

    Raises:
        UserError: there are none, or more than a preview holds; one may not be handed on to everybody, is
            installed by sites alone, or is retired.
    """
    if not recipes:
        raise UserError("a preview of no package", hint="name them: pansoft ci preview NAME …")
    if len(recipes) > MOST_PACKAGES:
        raise UserError(
            f"a preview holds {MOST_PACKAGES} packages, these are {len(recipes)}",
            hint="name those that people want to try",
        )
    for recipe in recipes:
        if not is_previewable(recipe):
            raise UserError(
                f"{recipe.folder / 'recipe.yaml'}: {recipe.key} cannot be in a preview, which everybody "
                "can read who finds it",
                hint="it takes license.redistribution: allowed, install: publisher, and no retire",
            )


def make(
    context: Context,
    recipes: Sequence[Recipe],
    folder: Path,
    *,
    number: int,
    days: int,
    most: int | None = None,
    shown: Shown | None = None,
    at: datetime,
) -> Made:
    """Publish packages into the preview of a merge request, which takes the place of an earlier one.

    What is not built or tested in the state is, as by `pansoft build` and `pansoft test`.

    Args:
        context: the project and the state of the runner, which has no keys and gets none.
        recipes: of the packages, which `check_previewable` accepts.
        folder: where previews are; one that has ended is removed from it.
        number: of the merge request.
        days: until clients refuse the preview.
        most: bytes that it may take; any number where it is left out.
        shown: what the jobs before showed of images; others are not published.
        at: now.

    Raises:
        UserError: a package cannot be built, fails its tests, or is another one than was shown.
        Refused: the policy does not let it be signed or published.
    """
    check_previewable(recipes)
    state, user = workspace.state_of(context), workspace.builder_of(context)
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        own = State(scratch / "state", own_repository=name_of(number))
        own.folder.mkdir(mode=0o755)
        (own.folder / "images").symlink_to(state.folder.absolute() / "images")
        candidates = tuple(_candidates(context, recipes, own, shown or Shown(), at=at))
        expires = _publish(context, recipes, candidates, own, days=days, at=at)
        size = _size(own.repository)
        if most is not None and size > most:
            raise UserError(
                f"the preview has {readable_size(size)}, and may have {readable_size(most)}",
                hint="let a web server give out a folder and name it in PANSOFT_PREVIEW_ROOT, or allow "
                "more in PANSOFT_PREVIEW_MOST: docs/operator.md",
            )
        public_key = embedded.public_key(own).read_text(encoding="ascii")
        with _turn(folder):
            _prune(folder, at=at)
            place(own, folder)
    return Made(
        name_of(number),
        folder / name_of(number),
        public_key,
        expires,
        tuple(recipe.key for recipe in recipes),
        tuple(command.name for recipe in recipes for command in recipe.commands),
        size,
    )


def place(own: State, folder: Path) -> None:
    """Give a folder of previews the repository of a state, in place of the one before.

    Killed at any moment, it leaves the old one, the new one or none.
    """
    name = embedded.fqrn(own)
    with atomic_folder(folder / name) as new:
        for part in _SERVED:
            source = own.repository / part
            if source.is_dir():
                shutil.copytree(source, new / part, ignore=shutil.ignore_patterns("txn"))
            else:
                shutil.copyfile(source, new / part)
        write_atomic(new / f"{name}.pub", embedded.public_key(own).read_bytes())


def stop(folder: Path, number: int, *, at: datetime) -> bool:
    """Remove the preview of a merge request and return whether there was one; those that ended go as well."""
    with _turn(folder):
        there = folder / name_of(number)
        was_there = there.is_symlink() or there.exists()
        _remove(there)
        _prune(folder, at=at)
    return was_there


def prune(folder: Path, *, at: datetime) -> tuple[str, ...]:
    """Remove the previews that have ended, and what killed runs left; return the names of the former.

    One that is older than any preview may be has ended, whatever it says: it is a stranger's word.
    """
    with _turn(folder):
        return _prune(folder, at=at)


def _candidates(
    context: Context, recipes: Sequence[Recipe], own: State, shown: Shown, *, at: datetime
) -> Iterator[Candidate]:
    """Yield the packages, built and tested in the state of the runner, signed with a key of `own`."""
    state, user = workspace.state_of(context), workspace.builder_of(context)
    key = local_key(own.folder)  # lists itself, so it comes before the policy is read
    policy = loop.policy_of(context, own)
    consent = consent_in(context.policy, policy, at=at, recipes=recipes)
    here = Maker(context, state, user, policy, key, context.console, at, consent, shown)
    maker = replace(here, state=own)
    for recipe in recipes:
        plan = workspace.plan_of(context, recipe)
        made, report = _made(here, recipe, plan)
        item = Planned(recipe, plan, Status.BUILT, "for the preview")
        signed = maker.sign(item, made, report)
        tree = maker.sign_tree(item, signed)
        in_channel = replace(recipe, release=replace(recipe.release, channel=CHANNEL))
        yield Candidate(in_channel, plan.id, signed, report, tree)


def _made(here: Maker, recipe: Recipe, plan: BuildPlan) -> tuple[Built, TestReport]:
    """Return the image of a package, which is the one that was shown and has passed its tests."""
    events, state = here.context.events, here.state
    with here.console.task(recipe.key), shared_lock(state.in_use):
        with events.stage(Stage.BUILD, *named(plan)) as note:
            made = build(plan, state, user=here.user, console=here.console)
            note.reused(not made.fresh)
        check_shown(made.image, here.shown)
        with events.stage(Stage.TEST, *named(plan)) as note:
            report = here.test(recipe, made, note)
    if not report.passed:
        raise UserError(
            f"{recipe.key} is in no preview, its tests fail: {reports.summary(report)}",
            hint=f"see what they said: pansoft test {recipe.key}",
        )
    return made, report


def _publish(
    context: Context,
    recipes: Sequence[Recipe],
    candidates: Sequence[Candidate],
    own: State,
    *,
    days: int,
    at: datetime,
) -> datetime:
    """Publish into the repository of a state and return when its whitelist ends."""
    policy = loop.policy_of(context, own)
    shown_policy = own.folder / "policy"
    # what the facilities have agreed on together is not for a preview to repeat, and it has no key to
    shutil.copytree(
        context.policy, shown_policy, ignore=shutil.ignore_patterns(_FEDERATION), symlinks=True
    )
    outcome = publish(
        candidates,
        own,
        policy=policy,
        policy_folder=shown_policy,
        key=local_key(own.folder),
        at=at,
        consent=consent_in(context.policy, policy, at=at, recipes=recipes),
    )
    if outcome.refused:
        verdict = outcome.refused[0]
        raise Refused(
            f"{verdict.name} {verdict.version} is in no preview, the policy refuses it:\n{reasons(verdict)}"
        )
    # last, for whoever makes the repository gives it the usual thirty days
    repository, keys = embedded.ensure_repository(own, at=at)
    return sign_whitelist(repository, keys, at=at, valid_days=days).expires


def _size(repository: Path) -> int:
    return sum(
        file.stat().st_size
        for part in _SERVED
        for file in ((repository / part), *(repository / part).rglob("*"))
        if file.is_file()
    )


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold a folder of previews for the time of the block: what is unfinished in it is nobody's then."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder / _LOCK, purpose="change the previews", wait=True):
            yield
    except PermissionError as err:
        raise UserError(
            f"the folder of previews {folder} cannot be written to: {err.strerror}",
            hint="it belongs to the user that jobs of merge requests run as: docs/operator.md",
        ) from err


def _prune(folder: Path, *, at: datetime) -> tuple[str, ...]:
    gone = []
    for place in sorted(folder.iterdir()):
        if number_in(place.name) is not None and _has_ended(place, at):
            _remove(place)
            gone.append(place.name)
        elif _is_unfinished(place.name):
            _remove(place)
    return tuple(gone)


def _is_unfinished(name: str) -> bool:
    """Return whether a name is one of a preview that was on its way when its run was killed."""
    of = name[1:].rpartition(".")[0].removesuffix(".old")
    return name.startswith(".") and number_in(of) is not None


def _has_ended(preview: Path, at: datetime) -> bool:
    """Return whether clients refuse a preview by now, or it is older than one may be."""
    file = preview / WHITELIST
    try:
        found = file.lstat()
        if preview.is_symlink() or not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            return True  # nothing that is put here looks like that
        ends = parse(file.read_bytes(), where=str(file)).expires
    except (OSError, FormatInvalid):
        return True
    # nobody can set this time of a file, so no preview stays by what it says of itself
    since = datetime.fromtimestamp(found.st_ctime, UTC)
    return at >= ends or at >= since + timedelta(days=MOST_DAYS)


def _remove(preview: Path) -> None:
    """Remove a preview so that it is there whole or gone; nothing happens where there is none."""
    if preview.is_symlink() or preview.is_file():
        preview.unlink()
        return
    if not preview.exists():
        return
    if not preview.name.startswith("."):
        going = preview.with_name(f".{preview.name}.old.gone")
        shutil.rmtree(going, ignore_errors=True)
        preview = preview.rename(going)
    shutil.rmtree(preview)
