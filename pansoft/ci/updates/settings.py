# SPDX-License-Identifier: BSD-3-Clause
"""`recipes/updates.yaml`: how updates are proposed; without it, each package by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from builder.recipes.folders import RECIPES, hint_at, name_of, recipe_folders
from core import strict_yaml
from core.errors import InvalidInput
from core.problems import Problem, Severity, in_order
from core.schema import Schema, validate
from core.strict_yaml import Document, Path_
from trust.policy import fields

FILE = Path(RECIPES) / "updates.yaml"
MOST = 5
_NAME = "[a-z0-9][a-z0-9-]*"

SETTINGS: Schema = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {
            "description": "The version of this format; 1 is the only one.",
            "hint": "write 'schema: 1'",
        },
    },
    "most": fields.whole_number(
        f"How many merge requests of updates are open at a time; {MOST} unless it is said.",
        min=1,
        max=1000,
    ),
    "groups": fields.listing(
        "Packages whose updates go into one merge request, for they are made together.",
        {
            "type": "dict",
            "schema": {
                "name": fields.text(
                    "What the group and its branch are called.", regex=_NAME, required=True
                ),
                "packages": fields.listing(
                    "Names of packages, or patterns of such names.",
                    fields.text("One of them.", regex=fields.PATTERN),
                    required=True,
                    minlength=1,
                ),
            },
        },
    ),
    "holds": fields.listing(
        "What is not proposed, and why.",
        {
            "type": "dict",
            "schema": {
                "package": fields.text(
                    "A name of a package, or a pattern.", regex=fields.PATTERN, required=True
                ),
                "versions": fields.text(
                    "Which versions, as Python writes it; all of them unless it is said.",
                    example=">=2, <3",
                ),
                "reason": fields.text("Why, for whoever asks.", required=True),
                "until": fields.day("The last day on which it holds; for ever unless it is said."),
            },
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Packages that are updated together, by patterns of their names."""

    name: str
    packages: tuple[str, ...]

    def has(self, package: str) -> bool:
        """Return whether a package belongs to it."""
        return any(fnmatchcase(package, pattern) for pattern in self.packages)


@dataclass(frozen=True, slots=True)
class Hold:
    """What is not proposed; `versions` and `until` are None where it is all of them and for ever."""

    package: str
    reason: str
    versions: SpecifierSet | None = None
    until: date | None = None

    def holds(self, package: str, version: str, on: date) -> bool:
        """Return whether it keeps a version of a package from being proposed on a day."""
        if not fnmatchcase(package, self.package) or (self.until is not None and on > self.until):
            return False
        if self.versions is None:
            return True
        try:
            return self.versions.contains(Version(version))
        except InvalidVersion:  # whoever wrote it meant something; in doubt it holds
            return True


@dataclass(frozen=True, slots=True)
class Settings:
    """How updates are proposed."""

    most: int = MOST
    groups: tuple[Group, ...] = ()
    holds: tuple[Hold, ...] = ()

    def group_of(self, package: str) -> Group | None:
        """Return the first group that a package belongs to."""
        return next((group for group in self.groups if group.has(package)), None)

    def hold_of(self, package: str, version: str, on: date) -> Hold | None:
        """Return the first hold that keeps a version of a package from being proposed on a day."""
        return next((hold for hold in self.holds if hold.holds(package, version, on)), None)


def load(project: Path) -> Settings:
    """Return the settings of a project.

    Raises:
        InvalidInput: its file is wrong, with every problem.
    """
    file = project / FILE
    if not file.exists():
        return Settings()
    document = strict_yaml.load(file, shown_as=FILE, follow=False)
    problems = (*validate(document, SETTINGS), *_faults(document))
    if problems:
        raise InvalidInput(in_order(problems))
    return _settings(document)


def settings_problems(project: Path) -> tuple[Problem, ...]:
    """Return what is wrong with the settings of a project, and warnings of patterns that fit nothing."""
    file = project / FILE
    if not file.exists():
        return ()
    try:
        load(project)
        document = strict_yaml.load(file, shown_as=file, follow=False)
    except InvalidInput as err:
        return tuple(replace(each, where=replace(each.where, file=file)) for each in err.problems)
    names = {name_of(folder) for folder in recipe_folders(project)}
    return tuple(_warnings(document, names))


def _warnings(document: Document, names: Collection[str]) -> Iterator[Problem]:
    patterns: list[tuple[Path_, str]] = []
    for number, group in enumerate(_items(document, "groups")):
        for place, pattern in enumerate(group["packages"]):
            patterns.append((("groups", number, "packages", place), pattern))
    for number, hold in enumerate(_items(document, "holds")):
        patterns.append((("holds", number, "package"), hold["package"]))
    for path, pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            yield Problem(
                document.where(path),
                "updates-nobody",
                f"there is no recipe that '{pattern}' fits",
                hint=hint_at(pattern, names),
                severity=Severity.WARNING,
            )


def _settings(document: Document) -> Settings:
    value: dict[str, Any] = document.value
    return Settings(
        most=value.get("most", MOST),
        groups=tuple(
            Group(item["name"], tuple(item["packages"])) for item in value.get("groups", ())
        ),
        holds=tuple(_hold(item) for item in value.get("holds", ())),
    )


def _hold(item: dict[str, Any]) -> Hold:
    versions, until = item.get("versions"), item.get("until")
    return Hold(
        item["package"],
        item["reason"],
        SpecifierSet(versions) if versions else None,
        fields.day_of(until) if until else None,
    )


def _faults(document: Document) -> Iterator[Problem]:
    """Yield what a schema cannot say: a group that is there twice, a version or a day that is none."""
    names: set[object] = set()
    for number, group in enumerate(_items(document, "groups")):
        if group.get("name") in names:
            where = document.where(("groups", number, "name"))
            yield Problem(where, "updates-group", f"the group {group['name']} is there already")
        names.add(group.get("name"))
    for number, hold in enumerate(_items(document, "holds")):
        versions, until = hold.get("versions"), hold.get("until")
        problems: list[Problem] = []
        fields.read_day(
            document,
            ("holds", number, "until"),
            until if isinstance(until, str) else None,
            problems,
        )
        yield from problems
        try:
            SpecifierSet(versions if isinstance(versions, str) else "")
        except InvalidSpecifier:
            yield Problem(
                document.where(("holds", number, "versions")),
                "updates-versions",
                f"'{versions}' does not say which versions",
                hint="write it as Python does, for instance '>=2, <3'",
            )


def _items(document: Document, field: str) -> Sequence[dict[str, Any]]:
    found = document.value.get(field)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
