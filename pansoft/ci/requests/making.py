# SPDX-License-Identifier: BSD-3-Clause
"""A recipe made of a form: what the package says of itself, and the words of who asked.

Nothing of the package is run, for this happens where a token is: a wheel is had by a pip that starts no
program, and read; a Debian package is signed by its archive, and unpacked. It is locked with wheels alone,
because an sdist would have to be asked what it needs; where that is not enough the recipe has no lock, and a
packager makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from builder.inputs import locking, pip_resolver, python_index
from builder.inputs.lock import write_package_lock
from builder.inputs.places import Mirrors
from builder.inputs.python_index import Listed
from builder.recipes import from_debian, from_pypi
from builder.recipes.facts import Facts
from builder.recipes.folders import BASES, RECIPES
from builder.recipes.load import read_recipe
from builder.recipes.new import recipe_text
from builder.recipes.recipe import Recipe
from builder.recipes.rules import UNKNOWN_LICENSE
from core import process
from core.errors import InvalidInput, UserError
from core.problems import Problem, in_order
from pansoft import workspace
from pansoft.ci.apart import apart
from pansoft.ci.requests.form import NAME_THERE, VERSION, Fault, Form, Origin
from pansoft.context import Context
from pansoft.policy_check import policy_problems

MOST_BYTES = 500_000_000
"""Of a wheel that somebody asks for."""
NO_HOMEPAGE = "https://example.org"
_SHOWN = 3


class NotThere(UserError):
    """There is no such package, or none that a recipe can be made of without a packager: `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.said)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Made:
    """A recipe that was made of a form.

    `files` has its texts by their path in the project, the lock where there is one; `left` says what is left
    to do, and `problems` what `pansoft check` warns of. `no_lock` is why there is no lock.
    """

    form: Form
    recipe: Recipe
    files: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    problems: tuple[str, ...]
    no_lock: str | None


def make(context: Context, form: Form, *, author: str | None, at: datetime) -> Made:
    """Return what a form becomes; `author` is the name of who asked, where that is known.

    Raises:
        NotThere: there is no such package, or it takes a packager.
        UserError: it cannot be looked for, or what it says of itself makes no recipe.
    """
    facts = _facts(form, context)
    with apart(context) as trial:
        folder = trial.recipes / form.name
        folder.mkdir()
        plain, _ = _read(folder, recipe_text(form.name, replace(facts, maintainer=author)))
        recipe, warnings = _read(folder, recipe_text(form.name, _worded(facts, form, author)))
        _check_words(plain, recipe)
        problems = in_order((*warnings, *policy_problems(trial, [recipe], at=at)))
        no_lock = _lock(trial, recipe, at=at)
        return Made(
            form,
            recipe,
            tuple(_files(recipe)),
            tuple(_left(recipe, no_lock)),
            tuple(_said(problem) for problem in problems),
            no_lock,
        )


def _facts(form: Form, context: Context) -> Facts:
    """Return what the package says of itself.

    Raises:
        NotThere: there is none.
        UserError: it cannot be looked for.
    """
    if form.origin is Origin.DEBIAN:
        return _debian(form)
    version = _release(form)
    context.console.status(f"reading the wheel of {form.project} {version}")
    try:
        facts = from_pypi.facts(f"{form.project}=={version}", most_bytes=MOST_BYTES)
    except UserError as err:
        context.console.say(f"{form.project} {version}: {err.message}")
        said = f"its wheel of version {version} cannot be read here: a packager has to look at it"
        raise NotThere(Fault(NAME_THERE, said)) from err
    if canonicalize_name(facts.title) != form.project or not _is(facts.version, version):
        said = f"the wheel of version {version} says that it is something else"
        raise NotThere(Fault(NAME_THERE, said))
    return facts


def _is(stated: str | None, version: str) -> bool:
    try:
        return stated is not None and Version(stated) == Version(version)
    except InvalidVersion:
        return False


def _release(form: Form) -> str:
    """Return the version that is asked for, or the newest that is no pre-release, as the index writes it.

    Raises:
        NotThere: the index has none, or none with a wheel for the Python of the bases.
        UserError: the index cannot be asked.
    """
    mirrors = Mirrors()
    try:
        found = python_index.listed(
            form.project, indexes=mirrors.indexes(), session=mirrors.session("python")
        )
    except requests.RequestException as err:
        raise UserError(
            f"the Python index could not be asked for {form.project} ({type(err).__name__})",
            hint="check the network and pip's configuration, then run it again",
        ) from err
    if not found:
        raise NotThere(Fault(NAME_THERE, "the Python index has no project of this name"))
    listed = tuple(_versions(found))
    releases = sorted({version for version, _ in listed}, reverse=True)
    fitting = {version for version, each in listed if _fits(each)}
    if form.version is not None:
        wanted = Version(form.version)
        if wanted not in releases:
            shown = ", ".join(str(each) for each in releases[:_SHOWN]) or "none"
            raise NotThere(Fault(VERSION, f"there is no such version; the newest: {shown}"))
    else:
        stable = [each for each in releases if each in fitting and not each.is_prerelease]
        wanted = next(iter(stable or releases))
    if wanted not in fitting:
        raise NotThere(
            Fault(
                NAME_THERE,
                f"version {wanted} has no wheel for Python 3.11 on 64-bit Linux: making it takes a packager",
            )
        )
    return str(wanted)


def _versions(found: Sequence[Listed]) -> Iterator[tuple[Version, Listed]]:
    for each in found:
        try:
            yield Version(each.version), each
        except InvalidVersion:
            continue


def _fits(listed: Listed) -> bool:
    """Return whether it is a wheel that runs with the Python of the bases."""
    try:
        has_python = SpecifierSet(listed.requires_python).contains(
            ".".join(map(str, pip_resolver.PYTHON))
        )
    except InvalidSpecifier:
        return False
    return not listed.is_sdist and has_python and pip_resolver.is_for_bases(listed.filename)


def _debian(form: Form) -> Facts:
    lists = process.run(
        ["apt-cache", "madison", "base-files"], reason="ask apt for its lists", check=False
    )
    if not lists.stdout.strip():
        raise UserError("apt has no package lists", hint="read them: sudo apt-get update")
    try:
        facts = from_debian.facts(form.project)
    except UserError as err:
        said = "Debian has no package of this name in the release that is used here"
        raise NotThere(Fault(NAME_THERE, said)) from err
    if form.version is not None and form.version != facts.version:
        raise NotThere(Fault(VERSION, f"Debian has {facts.version} here, and no other"))
    return facts


def _worded(facts: Facts, form: Form, author: str | None) -> Facts:
    """Return facts with the words of who asked in their places."""
    return replace(
        facts,
        summary=form.summary or facts.summary,
        description=form.purpose or facts.description,
        homepage=form.homepage or facts.homepage,
        citation=form.citation,
        maintainer=author,
    )


def _read(folder: Path, text: str) -> tuple[Recipe, tuple[Problem, ...]]:
    """Return the recipe of a text, which stands in its folder then, and what is to be warned of.

    Raises:
        InvalidInput: it is none.
    """
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    reading = read_recipe(folder, bases=folder.parent / BASES)
    if reading.recipe is None:
        raise InvalidInput(reading.problems)
    return reading.recipe, reading.problems


def _check_words(plain: Recipe, worded: Recipe) -> None:
    """Refuse words that would change anything in a recipe but themselves.

    Raises:
        NotThere: they do.
    """
    same = replace(
        plain,
        summary=worded.summary,
        description=worded.description,
        homepage=worded.homepage,
        citation=worded.citation,
    )
    if same != worded:
        said = "its words change more of the recipe than their own fields: a packager has to look at it"
        raise NotThere(Fault("", said))


def _lock(context: Context, recipe: Recipe, *, at: datetime) -> str | None:
    """Let a recipe have a lock of wheels and Debian packages; return why not where that cannot be."""
    try:
        lock = locking.lock_package(
            recipe,
            workspace.base_plan_of(context, recipe.base).lock,
            workspace.state_of(context),
            at=at,
            console=context.console,
            wheels_only=True,
        )
    except UserError as err:
        return err.message
    write_package_lock(lock, recipe.lock_file)
    return None


def _files(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for file in (recipe.file, recipe.lock_file):
        if file.is_file():
            yield f"{RECIPES}/{recipe.name}/{file.name}", file.read_text(encoding="utf-8")


def _left(recipe: Recipe, no_lock: str | None) -> Iterator[str]:
    """Say what a person has to do before it can be merged."""
    yield "Test: the one in the recipe shows that it is there. Make one of what the form says."
    if recipe.license.spdx == UNKNOWN_LICENSE:
        yield "Licence: the package does not say clearly which; find it out, and who may be given it."
    if recipe.homepage == NO_HOMEPAGE:
        yield "Home page: the package names none."
    if no_lock is not None:
        yield f"Lock: it takes more than wheels; make it with: pansoft lock {recipe.name}"


def _said(problem: Problem) -> str:
    return f"{problem.rule}: {problem.message}"
