# SPDX-License-Identifier: BSD-3-Clause
"""A build plan: pure data, everything that decides an image's bytes, and an id made of it.

Two recipes that would give the same bytes have the same plan; a plan whose id is built is done.
Tests, descriptions and release planning are no part of it: changing them rebuilds nothing.
"""

from __future__ import annotations

import hashlib
import shlex
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from builder.inputs.apt import DebianPackage
from builder.inputs.lock import (
    BaseLock,
    Input,
    LockedSource,
    NodePackage,
    PackageLock,
    PythonArtefact,
    PythonSdist,
    read_base_lock,
)
from builder.recipes.folders import RECIPES, key_of, place_of
from builder.recipes.load import load_chain
from builder.recipes.recipe import DEFAULT_LIMITS, BaseRecipe, Limits, Recipe
from builder.stages import PlanId
from core.canonical import canonical_json, sha256_of
from core.errors import UserError

ENGINE = 3
"""Counts the changes of the build engine that change the bytes it makes."""

ARCHITECTURE = "amd64"
VENV = "/opt/venv"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACE = uuid.UUID("6f1d1d0e-5f0b-5a0e-9c55-0d2b8f3f6a11")


class Retired(UserError):
    """The recipe is retired: what is published of it stays, and nothing is built."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the recipe's folder: its content travels in the plan."""

    target: str
    mode: int
    sha256: str
    content: bytes


@dataclass(frozen=True)
class BasePlan:
    """What a base is made of: a Debian suite, a container image, or a layer over the base `below`."""

    name: str
    suite: str | None
    lock: BaseLock
    below: BasePlan | None = None
    own_environment: tuple[tuple[str, str], ...] = ()

    @cached_property
    def id(self) -> str:
        """Return the sha256 that names the built base."""
        made_of: dict[str, Any] = {"engine": ENGINE, "suite": self.suite, "lock": self.lock.id}
        if self.below is not None:
            made_of["below"] = self.below.id
        if self.own_environment:
            made_of["environment"] = [list(pair) for pair in self.own_environment]
        return sha256_of(made_of)

    @property
    def key(self) -> str:
        """Return what a command line calls its recipe."""
        return self.name

    @property
    def layers(self) -> tuple[BasePlan, ...]:
        """Return the bases that lie on one another, the lowest first and this one last."""
        return (*(self.below.layers if self.below else ()), self)

    @property
    def path(self) -> str:
        """Return where programs of the lowest base are found: as its image says, or as in Debian."""
        image = self.lock.lowest.image
        return (image.path if image else None) or _PATH

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """Return what programs on this base see: its own variables over those from below."""
        image = self.lock.image
        below = {"LC_ALL": "C.UTF-8", "PATH": self.path}
        below |= dict(image.environment) if image else {}
        below |= dict(self.below.environment) if self.below else {}
        if self.lock.python:
            below["PATH"] = f"{VENV}/bin:{self.path}"
        return tuple(sorted((below | dict(self.own_environment)).items()))


@dataclass(frozen=True)
class BuildPlan:
    """What an image is made of, on top of `base`."""

    name: str
    version: str
    license: str
    base: BasePlan
    debian: tuple[DebianPackage, ...]
    tools: tuple[DebianPackage, ...]
    python: tuple[PythonArtefact, ...]
    sources: tuple[LockedSource, ...]
    files: tuple[PlannedFile, ...]
    script: str | None
    environment: tuple[tuple[str, str], ...]
    sdists: tuple[PythonSdist, ...] = ()
    node: tuple[NodePackage, ...] = ()
    # What follows decides no byte and is no part of the id.
    limits: Limits = DEFAULT_LIMITS
    recipe: Path | None = None

    @cached_property
    def id(self) -> PlanId:
        """Return the sha256 of the plan's canonical JSON."""
        return PlanId(hashlib.sha256(canonical_json(self.as_json())).hexdigest())

    @property
    def key(self) -> str:
        """Return what a command line calls its recipe."""
        return key_of(self.recipe.parent) if self.recipe else self.name

    @property
    def place(self) -> str:
        """Return the folder of its recipe in the project."""
        return place_of(self.recipe.parent) if self.recipe else f"{RECIPES}/{self.name}"

    @property
    def identity(self) -> uuid.UUID:
        """Return the id that the image carries in its header."""
        return uuid.uuid5(_NAMESPACE, self.id)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return everything that a build of this plan reads from the input cache."""
        of_builds = [wheel for sdist in self.sdists for wheel in sdist.requires]
        python: tuple[Input, ...] = (*self.python, *self.sdists, *of_builds)
        return (*self.debian, *self.tools, *python, *self.node, *self.sources)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON: what a merge request shows, and what the id is made of."""
        return {
            "schema": 1,
            "engine": ENGINE,
            "architecture": ARCHITECTURE,
            "name": self.name,
            "version": self.version,
            "license": self.license,
            "base": {
                "name": self.base.name,
                "id": self.base.id,
                "layers": [{"name": item.name, "id": item.id} for item in self.base.layers],
            },
            "debian": [asdict(item) for item in self.debian],
            "tools": [asdict(item) for item in self.tools],
            "python": [asdict(item) for item in self.python],
            "sdists": [asdict(item) for item in self.sdists],
            "node": [asdict(item) for item in self.node],
            "sources": [asdict(item) for item in self.sources],
            "files": [[item.target, item.mode, item.sha256] for item in self.files],
            "script": self.script,
            "environment": [list(pair) for pair in self.environment],
        }


def plan_base(recipe: BaseRecipe, lock: BaseLock, below: BasePlan | None = None) -> BasePlan:
    """Return the plan of a base; `below` is that of the base that it stands on."""
    return BasePlan(recipe.name, recipe.suite, lock, below, recipe.environment)


def read_base_plan(folder: Path) -> BasePlan:
    """Return the plan of the base in a folder, from its lock and those of what it stands on.

    Raises:
        InvalidInput: one of the bases is wrong.
        UserError: a lock is missing or stale.
    """
    lowest, *others = load_chain(folder)
    plan = plan_base(lowest, read_base_lock(lowest))
    for recipe in others:
        plan = plan_base(recipe, read_base_lock(recipe, plan.lock), plan)
    return plan


def plan_package(recipe: Recipe, lock: PackageLock, base: BasePlan) -> BuildPlan:
    """Return the plan of a recipe on its base.

    Raises:
        UserError: a local file of the recipe cannot be read.
    """
    return BuildPlan(
        name=recipe.name,
        version=recipe.version,
        license=recipe.license.spdx,
        base=base,
        debian=lock.debian,
        tools=lock.tools,
        python=lock.python,
        sources=lock.sources,
        files=_planned_files(recipe),
        script=recipe.build.script,
        environment=_environment(recipe, base),
        sdists=lock.sdists,
        node=lock.node,
        limits=recipe.build.limits,
        recipe=recipe.file,
    )


def refuse_retired(recipe: Recipe) -> None:
    """Refuse to build what nobody is to begin with any more.

    Raises:
        Retired: with the reason that the recipe gives.
    """
    if recipe.retire is None:
        return
    other = recipe.release.replaced_by
    raise Retired(
        f"{recipe.name} {recipe.version} is retired: {recipe.retire}",
        hint=f"use {other} instead"
        if other
        else f"to have it again, take `retire` out of {recipe.file}",
    )


def environment_script(plan: BuildPlan) -> str:
    """Return the shell script that sets the environment of programs in the image."""
    return export_script(plan.environment)


def export_script(environment: Iterable[tuple[str, str]]) -> str:
    """Return a shell script that exports these variables."""
    lines = ["# made by pansoft"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment]
    return "\n".join(lines) + "\n"


def _environment(recipe: Recipe, base: BasePlan) -> tuple[tuple[str, str], ...]:
    """Return the image's environment: its own PATH first, then what the recipe sets."""
    front = [f"/opt/{recipe.name}/bin"] if recipe.build.script or recipe.build.files else []
    if recipe.build.pip or base.lock.wheels:
        front.append(f"{VENV}/bin")
    if recipe.build.npm:
        front.append("/opt/npm/bin")
    own = {"PATH": ":".join((*front, base.path)), "LC_ALL": "C.UTF-8"}
    return tuple(sorted((own | dict(recipe.environment)).items()))


def _planned_files(recipe: Recipe) -> tuple[PlannedFile, ...]:
    files = []
    for item in sorted(recipe.build.files, key=lambda f: f.target):
        try:
            content = (recipe.folder / item.source).read_bytes()
        except OSError as err:
            raise UserError(
                f"{recipe.file}: {item.source} cannot be read: {err.strerror}",
                hint="build.files names files of the recipe's own folder",
            ) from err
        digest = hashlib.sha256(content).hexdigest()
        files.append(PlannedFile(item.target, item.mode, digest, content))
    return tuple(files)
