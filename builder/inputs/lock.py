# SPDX-License-Identifier: BSD-3-Clause
"""`lock.json`: every input of a build by name, version and sha256, and where in an archive it lies.

A lock names no mirror. A .deb is found by its path below any Debian archive, a wheel or an sdist by
its file name in any Python index, so the same lock works behind every mirror. `asked` is the hash of
what was asked for: when the recipe's build inputs or its base change, the lock is stale.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.oci import ImageBlob, ImageLayer, ImagePart, OciImage
from builder.recipes.folders import key_of
from builder.recipes.image_reference import ImageOrigin
from builder.recipes.recipe import BaseRecipe, Recipe, Source, SourceKind
from core.canonical import readable_json, sha256_of
from core.errors import InvalidInput, UserError
from core.files import write_atomic
from core.problems import Position, Problem

SCHEMA = 1

# What a locked item may look like: these texts become paths, and arguments of apt and pip.
_SHAPES = {
    "name": re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*"),
    "version": re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:~!_-]*"),
    "architecture": re.compile(r"[a-z0-9-]+"),
    "path": re.compile(r"(?!.*\.\./)[A-Za-z0-9][A-Za-z0-9+./:~%_-]*"),
    "filename": re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~!_-]*"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "diff_id": re.compile(r"[0-9a-f]{64}"),
}
_NODE = r"(@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*"
_NODE_SHAPES = {
    "name": re.compile(_NODE),
    "version": re.compile(r"[0-9][A-Za-z0-9.+-]*"),
    "tarball": re.compile(rf"{_NODE}/-/[A-Za-z0-9~-][A-Za-z0-9._+~-]*"),
    "folder": re.compile(rf"node_modules/{_NODE}(/node_modules/{_NODE})*"),
    "integrity": re.compile(r"sha(1|256|384|512)-[A-Za-z0-9+/]+=*"),
    "sha256": _SHAPES["sha256"],
}
_COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]*")


@dataclass(frozen=True, slots=True)
class PythonArtefact:
    """A wheel or an sdist: the file name in a Python index, and its sha256."""

    name: str
    version: str
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PythonSdist:
    """An sdist that the build makes a wheel of; `requires` are the wheels that this takes."""

    name: str
    version: str
    filename: str
    sha256: str
    requires: tuple[PythonArtefact, ...]


@dataclass(frozen=True, slots=True)
class NodePackage:
    """A package of an npm registry: its archive's path below the registry, and where it is unpacked.

    `folder` is its place in npm's layout, `commands` the commands that users may get of it, each
    with the file that it runs. `integrity` is npm's own hash of the archive.
    """

    name: str
    version: str
    tarball: str
    folder: str
    integrity: str
    sha256: str
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def filename(self) -> str:
        """Return the archive's file name; of a package with a scope, without that."""
        return self.tarball.rsplit("/", 1)[-1]


LockedSource: TypeAlias = Source | DebianSourceFile
"""An archive for the script, as a lock names it."""

Input: TypeAlias = (
    DebianPackage | PythonArtefact | PythonSdist | NodePackage | LockedSource | ImagePart
)
"""Something that a build reads; each has the sha256 that it is fetched and kept by."""


def input_name(item: Input) -> str:
    """Return the file name that an input is known by."""
    match item:
        case DebianPackage():
            return Path(item.path).name
        case ImagePart():
            return item.name
        case PythonArtefact() | PythonSdist() | NodePackage() | Source() | DebianSourceFile():
            return item.filename


@dataclass(frozen=True)
class BaseLock:
    """The packages of a base: `system` is the minimal Debian, `debian` what comes on top.

    `epoch` is the time, in seconds, that no file of the base or of an image on it is younger than.
    A base that stands on another has what it adds to `below`, and no `system` of its own; nor has one
    that begins with a container `image`. `origin` is where that is had from: it stands in `base.yaml`
    and is no part of the lock.
    """

    name: str
    asked: str
    epoch: int
    system: tuple[DebianPackage, ...]
    debian: tuple[DebianPackage, ...]
    python: tuple[PythonArtefact, ...] = ()
    below: BaseLock | None = None
    image: OciImage | None = None
    origin: ImageOrigin | None = field(default=None, compare=False)

    @property
    def own(self) -> tuple[DebianPackage, ...]:
        """Return the Debian packages that this layer adds to those below it."""
        return (*self.system, *self.debian)

    @property
    def image_parts(self) -> tuple[ImagePart, ...]:
        """Return the parts of the container image that this base begins with."""
        return self.image.parts(self.origin) if self.image and self.origin else ()

    @property
    def own_inputs(self) -> tuple[Input, ...]:
        """Return what a build of this layer reads from the input cache."""
        return (*self.image_parts, *self.own, *self.python)

    @property
    def lowest(self) -> BaseLock:
        """Return the lock of the base that all others here stand on."""
        return self.below.lowest if self.below else self

    @property
    def packages(self) -> tuple[DebianPackage, ...]:
        """Return every Debian package that is installed: a newer one replaces one from below."""
        if self.below is None:
            return self.own
        newer = {(item.name, item.architecture) for item in self.own}
        kept = (x for x in self.below.packages if (x.name, x.architecture) not in newer)
        return (*kept, *self.own)

    @property
    def wheels(self) -> tuple[PythonArtefact, ...]:
        """Return every Python package that is installed, likewise."""
        if self.below is None:
            return self.python
        newer = {item.name for item in self.python}
        return (*(item for item in self.below.wheels if item.name not in newer), *self.python)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return everything that went into the base and into those below it."""
        return (*(self.below.inputs if self.below else ()), *self.own_inputs)

    @cached_property
    def id(self) -> str:
        """Return the sha256 that stands for all of the base's content."""
        return sha256_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the lock as JSON; what a base has none of is left out of it."""
        data: dict[str, Any] = {
            "name": self.name,
            "asked": self.asked,
            "epoch": self.epoch,
            "system": [asdict(item) for item in self.system],
            "debian": [asdict(item) for item in self.debian],
        }
        if self.python:
            data["python"] = [asdict(item) for item in self.python]
        if self.below is not None:
            data["on"] = self.below.id
        if self.image is not None:
            data["image"] = self.image.as_json()
        return data


@dataclass(frozen=True, slots=True)
class PackageLock:
    """The inputs of one package on top of its base; `tools` are removed again after the script."""

    name: str
    asked: str
    base: str
    debian: tuple[DebianPackage, ...] = ()
    tools: tuple[DebianPackage, ...] = ()
    python: tuple[PythonArtefact, ...] = ()
    sources: tuple[LockedSource, ...] = ()
    sdists: tuple[PythonSdist, ...] = ()
    node: tuple[NodePackage, ...] = ()


def base_asked(recipe: BaseRecipe, below: BaseLock | None = None) -> str:
    """Return the hash of what a base asks for on top of the one that it stands on."""
    asked: dict[str, Any] = {"suite": recipe.suite, "apt": sorted(recipe.apt)}
    if below is not None:
        asked["on"] = below.id
    if recipe.pip:
        asked["pip"] = sorted(recipe.pip)
    if recipe.image is not None:  # wherever it is had from
        asked["image"] = recipe.image.sha256
    return sha256_of(asked)


def package_asked(recipe: Recipe, base: BaseLock) -> str:
    """Return the hash of what a recipe asks for on top of its base."""
    build = recipe.build
    asked: dict[str, object] = {
        "base": base.id,
        "apt": sorted(build.apt),
        "tools": sorted(build.tools),
        "pip": sorted(build.pip),
        "sources": [[source.kind, source.location, source.sha256] for source in build.sources],
    }
    if build.npm:  # locks without it are older than it
        asked["npm"] = sorted(build.npm)
    return sha256_of(asked)


def write_base_lock(lock: BaseLock, file: Path) -> None:
    """Write a base's lock."""
    write_atomic(file, readable_json({"schema": SCHEMA, "kind": "base", **lock.as_json()}))


def write_package_lock(lock: PackageLock, file: Path) -> None:
    """Write a package's lock."""
    write_atomic(file, readable_json({"schema": SCHEMA, "kind": "package", **asdict(lock)}))


def read_base_lock(recipe: BaseRecipe, below: BaseLock | None = None) -> BaseLock:
    """Return the lock of a base.

    Args:
        recipe: the base.
        below: the lock of the base that it stands on.

    Raises:
        UserError: there is none, or it is not the lock of this base as it stands.
    """
    lock = standing_base_lock(recipe, below)
    if lock.asked != base_asked(recipe, below):
        raise _stale(recipe.lock_file, recipe.file, recipe.name)
    return lock


def read_package_lock(recipe: Recipe, base: BaseLock) -> PackageLock:
    """Return the lock of a recipe.

    Raises:
        UserError: there is none, or it is not the lock of this recipe on this base as they stand.
    """
    lock = standing_package_lock(recipe)
    if lock.base != base.id:
        raise _on_another_base(recipe, base)
    if lock.asked != package_asked(recipe, base):
        raise _stale(recipe.lock_file, recipe.file, recipe.name)
    return lock


def standing_base_lock(recipe: BaseRecipe, below: BaseLock | None = None) -> BaseLock:
    """Return the lock of a base as it stands, even if the base asks for something else by now.

    Args:
        recipe: the base.
        below: the lock of the base that it stands on.

    Raises:
        UserError: there is none, or it is broken.
    """
    data = _read(recipe.lock_file, "base", recipe.name)
    with _explained(recipe.lock_file):
        return BaseLock(
            name=data["name"],
            asked=data["asked"],
            epoch=int(data["epoch"]),
            system=_debian(data["system"]),
            debian=_debian(data["debian"]),
            python=_python(data.get("python", [])),
            below=below,
            image=_image(data["image"]) if "image" in data else None,
            origin=origin_of(recipe),
        )


def standing_package_lock(recipe: Recipe) -> PackageLock:
    """Return the lock of a recipe as it stands, even if the recipe asks for something else by now.

    Raises:
        UserError: there is none, or it is broken.
    """
    data = _read(recipe.lock_file, "package", recipe.name)
    with _explained(recipe.lock_file):
        return PackageLock(
            name=data["name"],
            asked=data["asked"],
            base=data["base"],
            debian=_debian(data["debian"]),
            tools=_debian(data["tools"]),
            python=_python(data["python"]),
            sources=tuple(_source(item) for item in data["sources"]),
            sdists=tuple(_sdist(item) for item in data.get("sdists", ())),
            node=tuple(_node(item) for item in data.get("node", ())),
        )


def origin_of(recipe: BaseRecipe) -> ImageOrigin | None:
    """Return where a base's container image is had from."""
    return ImageOrigin(recipe.image, recipe.folder) if recipe.image else None


def _source(item: Mapping[str, Any]) -> LockedSource:
    kind = SourceKind(item["kind"])
    if kind is SourceKind.DOWNLOAD:
        raise ValueError("a download of a licence holder stands in no lock")
    if kind is SourceKind.DEBIAN_SOURCE:
        return _sound(DebianSourceFile(**item))
    return _sound(Source(kind, item["location"], item["sha256"]))


def _sdist(item: Mapping[str, Any]) -> PythonSdist:
    requires = tuple(_sound(PythonArtefact(**wheel)) for wheel in item["requires"])
    return _sound(PythonSdist(**{**item, "requires": requires}))


def _node(item: Mapping[str, Any]) -> NodePackage:
    commands = tuple((str(name), str(file)) for name, file in item["commands"])
    for name, file in commands:
        if not (_COMMAND.fullmatch(name) and _SHAPES["path"].fullmatch(file)):
            raise ValueError(f"a command cannot be {name!r}, or run {file!r}")
    return _sound(NodePackage(**{**item, "commands": commands}), shapes=_NODE_SHAPES)


def _debian(items: Sequence[Mapping[str, Any]]) -> tuple[DebianPackage, ...]:
    return tuple(_sound(DebianPackage(**item)) for item in items)


def _python(items: Sequence[Mapping[str, Any]]) -> tuple[PythonArtefact, ...]:
    return tuple(_sound(PythonArtefact(**item)) for item in items)


def _image(data: Mapping[str, Any]) -> OciImage:
    return OciImage(
        manifest=data["manifest"],
        config=_sound(ImageBlob(**data["config"])),
        layers=tuple(_sound(ImageLayer(**item)) for item in data["layers"]),
        environment=tuple((str(name), str(value)) for name, value in data["environment"]),
    )


_Item = TypeVar("_Item", bound=Input | ImageBlob | ImageLayer)


def _sound(item: _Item, *, shapes: Mapping[str, re.Pattern[str]] = _SHAPES) -> _Item:
    """Return a locked item if its values look as they must.

    Raises:
        ValueError: one does not.
    """
    for each in fields(item):
        name, value = each.name, getattr(item, each.name)
        shape = shapes.get(name)
        if shape is not None and not (isinstance(value, str) and shape.fullmatch(value)):
            raise ValueError(f"{name} cannot be {value!r}")
        if name == "size" and type(value) is not int:
            raise ValueError(f"size cannot be {value!r}")
    return item


def _read(file: Path, kind: str, name: str) -> dict[str, Any]:
    if file.is_symlink():
        raise _broken(file, "is a link")
    try:
        data = json.loads(file.read_bytes())
    except FileNotFoundError as err:
        raise UserError(f"{name} has no lock", hint=f"make it with: pansoft lock {name}") from err
    except ValueError as err:
        raise _broken(file, f"is not JSON: {err}") from err
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or data.get("kind") != kind:
        raise _broken(file, f"is not a lock of a {kind} with schema {SCHEMA}")
    if data.get("name") != name:
        raise _broken(file, f"is the lock of '{data.get('name')}', not of '{name}'")
    return data


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn a missing or wrong field of a lock into words."""
    try:
        yield
    except KeyError as err:
        raise _broken(file, f"lacks the field {err}") from err
    except (TypeError, ValueError) as err:
        raise _broken(file, f"has a wrong field: {err}") from err


def _broken(file: Path, what: str) -> InvalidInput:
    name = key_of(file.parent)
    problem = Problem(
        Position(file), "lock-broken", what, hint=f"make it again with: pansoft lock {name}"
    )
    return InvalidInput([problem])


def _stale(lock_file: Path, recipe_file: Path, name: str) -> InvalidInput:
    problem = Problem(
        Position(lock_file),
        "lock-stale",
        f"was made for other build inputs than {recipe_file.name} has now",
        hint=f"make it again with: pansoft lock {name}",
    )
    return InvalidInput([problem])


def _on_another_base(recipe: Recipe, base: BaseLock) -> InvalidInput:
    problem = Problem(
        Position(recipe.lock_file),
        "lock-base",
        f"was made on another lock of the base {base.name}",
        hint=f"make it again with: pansoft lock {recipe.name}",
    )
    return InvalidInput([problem])
