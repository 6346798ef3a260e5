# SPDX-License-Identifier: BSD-3-Clause
"""From files to recipes: the only place that makes a `Recipe`, and only from a faultless file.

A file goes through three doors: `core.strict_yaml`, `builder.recipes.schema`, `builder.recipes.rules`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from builder.recipes import schema
from builder.recipes.base_rules import base_problems
from builder.recipes.folders import (
    BASES,
    base_folders,
    folders_in,
    key_of,
    recipe_folders,
    recipes_around,
)
from builder.recipes.image_reference import parse_reference
from builder.recipes.recipe import (
    BaseRecipe,
    Build,
    Channel,
    Command,
    Delivery,
    Desktop,
    Download,
    ExpectedFile,
    Install,
    Jupyter,
    License,
    Limits,
    LocalFile,
    Maintainer,
    Need,
    Recipe,
    Redistribution,
    Release,
    Runtime,
    SiteInstall,
    Source,
    SourceKind,
    Test,
    TestKind,
)
from builder.recipes.rules import recipe_problems
from core import strict_yaml
from core.errors import InvalidInput
from core.problems import Position, Problem, errors, in_order
from core.schema import validate
from core.strict_yaml import Document, Value


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a recipe: the recipe if no error was found, and every problem."""

    recipe: Recipe | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class BaseReading:
    """What came of reading a base: the base if no error was found, and every problem."""

    base: BaseRecipe | None
    problems: tuple[Problem, ...]


def load_recipe(folder: Path, *, bases: Path | None = None) -> Recipe:
    """Return the recipe of a folder.

    Args:
        folder: the recipe's folder.
        bases: the folder of all bases; by default that of the recipes around it.

    Raises:
        InvalidInput: with every problem that was found.
    """
    reading = read_recipe(folder, bases=bases)
    if reading.recipe is None:
        raise InvalidInput(reading.problems)
    return reading.recipe


def load_base(folder: Path) -> BaseRecipe:
    """Return the base of a folder.

    Raises:
        InvalidInput: with every problem that was found.
    """
    reading = read_base(folder)
    if reading.base is None:
        raise InvalidInput(reading.problems)
    return reading.base


def load_chain(folder: Path) -> tuple[BaseRecipe, ...]:
    """Return the base of a folder after those that it stands on, the lowest first.

    Raises:
        InvalidInput: with every problem of the first base that has one.
    """
    chain = [load_base(folder)]
    while (below := chain[0].on) is not None:
        chain.insert(0, load_base(folder.parent / below))  # no circle: its rule was kept
    return tuple(chain)


def load_all(project: Path) -> tuple[Recipe, ...]:
    """Return all recipes of a project by name; kept versions follow the current one.

    Raises:
        InvalidInput: with every problem of every recipe.
    """
    readings = [read_recipe(folder) for folder in recipe_folders(project)]
    problems = [problem for reading in readings for problem in reading.problems]
    if errors(problems):
        raise InvalidInput(in_order(problems))
    return tuple(reading.recipe for reading in readings if reading.recipe)


def load_bases(project: Path) -> tuple[BaseRecipe, ...]:
    """Return all bases of a project, sorted by name.

    Raises:
        InvalidInput: with every problem of every base.
    """
    readings = [read_base(folder) for folder in base_folders(project)]
    problems = [problem for reading in readings for problem in reading.problems]
    if errors(problems):
        raise InvalidInput(in_order(problems))
    return tuple(reading.base for reading in readings if reading.base)


def read_recipe(folder: Path, *, bases: Path | None = None) -> Reading:
    """Read the recipe of a folder, whatever is wrong with it."""
    document, problems = _read(folder / "recipe.yaml")
    if document is None:
        return Reading(None, problems)
    found = list(validate(document, schema.RECIPE))
    known = [base.name for base in folders_in(bases or recipes_around(folder) / BASES)]
    found += recipe_problems(document, folder, bases=known)
    problems = in_order(found)
    if errors(problems):
        return Reading(None, problems)
    return Reading(_recipe(folder, _Fields(document.value)), problems)


def read_base(folder: Path) -> BaseReading:
    """Read the base of a folder, whatever is wrong with it."""
    document, problems = _read(folder / "base.yaml")
    if document is None:
        return BaseReading(None, problems)
    found = list(validate(document, schema.BASE))
    found += base_problems(document, folder)
    problems = in_order(found)
    if errors(problems):
        return BaseReading(None, problems)
    return BaseReading(_base(folder, _Fields(document.value)), problems)


def _read(file: Path) -> tuple[Document | None, tuple[Problem, ...]]:
    if not file.is_file():
        problem = Problem(
            Position(file),
            "recipe-missing",
            f"there is no {file.name} in '{key_of(file.parent)}'",
            hint="run 'pansoft new NAME' to begin one, or remove the folder",
        )
        return None, (problem,)
    if file.parent.is_symlink():
        return None, (strict_yaml.link_problem(file.parent),)
    try:
        return strict_yaml.load(file, follow=False), ()
    except InvalidInput as err:
        return None, err.problems


class _Fields:
    """A mapping whose values have the types that the schema promised."""

    def __init__(self, value: Value) -> None:
        self._value = value if isinstance(value, dict) else {}

    def text(self, name: str) -> str:
        return self.exact_text(name).strip()

    def exact_text(self, name: str) -> str:
        return str(self._value[name])

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if name in self._value else None

    def integer_or_none(self, name: str) -> int | None:
        value = self._value.get(name)
        return value if isinstance(value, int) else None

    def is_true(self, name: str) -> bool:
        return self._value.get(name) is True

    def items(self, name: str) -> list[Value]:
        value = self._value.get(name)
        return value if isinstance(value, list) else []

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(item).strip() for item in self.items(name))

    def mapping(self, name: str) -> _Fields:
        return _Fields(self._value.get(name))

    def has(self, name: str) -> bool:
        return name in self._value

    def mappings(self, name: str) -> tuple[_Fields, ...]:
        return tuple(_Fields(item) for item in self.items(name))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((name, str(value)) for name, value in self._value.items()))


def _recipe(folder: Path, fields: _Fields) -> Recipe:
    license_ = fields.mapping("license")
    release = fields.mapping("release")
    return Recipe(
        folder=folder,
        name=fields.text("name"),
        version=fields.text("version"),
        title=fields.text("title"),
        summary=fields.text("summary"),
        description=fields.text("description"),
        homepage=fields.text("homepage"),
        license=License(
            license_.text("spdx"),
            Redistribution(license_.text("redistribution")),
            license_.text_or_none("evidence"),
        ),
        maintainers=_maintainers(fields),
        base=fields.text("base"),
        build=_build(fields.mapping("build")),
        tests=tuple(_test(test) for test in fields.mappings("tests")),
        source=fields.text_or_none("source"),
        documentation=fields.text_or_none("documentation"),
        citation=fields.text_or_none("citation"),
        facilities=fields.texts("facilities"),
        techniques=fields.texts("techniques"),
        environment=fields.mapping("environment").pairs(),
        commands=tuple(_command(item) for item in fields.items("commands")),
        runtime=_runtime(fields.mapping("runtime")),
        delivery=Delivery(fields.text_or_none("delivery") or Delivery.IMAGE),
        release=Release(
            Channel(release.text_or_none("channel") or Channel.TESTING),
            release.text_or_none("owner"),
            release.text_or_none("supported_until"),
            release.text_or_none("replaced_by"),
        ),
        retire=fields.text_or_none("retire"),
        install=Install(fields.text_or_none("install") or Install.PUBLISHER),
        site=_site(fields.mapping("site")) if fields.has("site") else None,
        licence_text=license_.text_or_none("text"),
    )


def _site(fields: _Fields) -> SiteInstall:
    return SiteInstall(
        terms=fields.text("terms"),
        registration=fields.text("registration"),
        download=tuple(
            Download(item.text("file"), item.texts("sha256"))
            for item in fields.mappings("download")
        ),
    )


def _test(fields: _Fields) -> Test:
    expect = fields.items("expect") or (
        [fields.exact_text("expect")] if fields.has("expect") else []
    )
    return Test(
        name=fields.text("name"),
        kind=TestKind(fields.text("kind")),
        run=fields.text_or_none("run"),
        expect=tuple(str(text) for text in expect),
        status=fields.integer_or_none("status") or 0,
        stdout=fields.text_or_none("stdout"),
        stderr=fields.text_or_none("stderr"),
        files=tuple(_expected_file(item) for item in fields.items("files")),
        prepare=fields.text_or_none("prepare"),
        window=fields.text_or_none("window"),
        modules=fields.texts("modules"),
        cell=fields.text_or_none("cell"),
        timeout_s=fields.integer_or_none("timeout"),
    )


def _expected_file(item: Value) -> ExpectedFile:
    if not isinstance(item, dict):
        return ExpectedFile(str(item))
    fields = _Fields(item)
    size = fields.integer_or_none("size")
    return ExpectedFile(
        fields.text("path"), fields.text_or_none("pattern"), 1 if size is None else size
    )


def _base(folder: Path, fields: _Fields) -> BaseRecipe:
    return BaseRecipe(
        folder=folder,
        name=fields.text("name"),
        title=fields.text("title"),
        summary=fields.text("summary"),
        suite=fields.text_or_none("suite"),
        apt=fields.texts("apt"),
        maintainers=_maintainers(fields),
        on=fields.text_or_none("on"),
        pip=fields.texts("pip"),
        environment=fields.mapping("environment").pairs(),
        image=parse_reference(fields.text("image")) if fields.has("image") else None,
    )


def _maintainers(fields: _Fields) -> tuple[Maintainer, ...]:
    return tuple(
        Maintainer(person.text("name"), person.text_or_none("email"), person.text_or_none("orcid"))
        for person in fields.mappings("maintainers")
    )


def _build(fields: _Fields) -> Build:
    return Build(
        apt=fields.texts("apt"),
        tools=fields.texts("tools"),
        pip=fields.texts("pip"),
        npm=fields.texts("npm"),
        sources=tuple(_source(source) for source in fields.mappings("sources")),
        files=tuple(
            LocalFile(
                file.text("source"),
                file.text("target"),
                int(file.text_or_none("mode") or "0644", 8),
            )
            for file in fields.mappings("files")
        ),
        script=fields.text_or_none("script"),
        limits=_limits(fields.mapping("limits")),
    )


def _limits(fields: _Fields) -> Limits:
    default = Limits()
    return Limits(
        time=fields.integer_or_none("time") or default.time,
        memory=fields.integer_or_none("memory") or default.memory,
        disk=fields.integer_or_none("disk") or default.disk,
    )


def _source(fields: _Fields) -> Source:
    kind = next(kind for kind in SourceKind if fields.has(kind))
    return Source(kind, fields.text(kind), fields.text("sha256"))


def _command(item: Value) -> Command:
    if isinstance(item, dict):
        fields = _Fields(item)
        return Command(fields.text("name"), tuple(shlex.split(fields.text("run"))))
    return Command(str(item), (str(item),))


def _runtime(fields: _Fields) -> Runtime:
    return Runtime(
        gpu=Need(fields.text_or_none("gpu") or Need.NONE),
        mpi=fields.is_true("mpi"),
        cpus=fields.integer_or_none("cpus") or 1,
        memory=fields.integer_or_none("memory"),
        time=fields.integer_or_none("time"),
        desktop=_desktop(fields.mapping("desktop")) if fields.has("desktop") else None,
        jupyter=_jupyter(fields.mapping("jupyter")) if fields.has("jupyter") else None,
    )


def _desktop(fields: _Fields) -> Desktop:
    return Desktop(
        fields.text("command"),
        fields.text("title"),
        fields.text_or_none("icon"),
        fields.texts("categories"),
    )


def _jupyter(fields: _Fields) -> Jupyter:
    return Jupyter(
        fields.text("display_name"),
        fields.text("python"),
        fields.text_or_none("language") or "python",
    )
