# SPDX-License-Identifier: BSD-3-Clause
"""Build a base once: a Debian root file system, packed, that all its images share.

A base that stands on another is a layer: what it adds, packed by itself, so that the layers below
are the same bytes for all that stands on them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.images.container_files import base_container_files
from builder.images.failure import Subject
from builder.images.plan import BasePlan
from builder.images.sandbox import Stage, names_of, requirements_of, shell_values, wheel_links
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch, locked_in
from builder.inputs.layers import plain_layer
from builder.inputs.oci import OciImage
from builder.recipes.recipe import DEFAULT_LIMITS
from builder.state import State
from core.canonical import readable_json
from core.console import Console, readable_size
from core.errors import UserError
from core.files import (
    atomic_folder,
    exclusive_lock,
    full_disk_explained,
    sha256_file,
    shared_lock,
    write_atomic,
)

ZSTD_LEVEL = (
    9  # a base is packed once and read for ever; beyond 9 the time grows and the gain does not
)


@dataclass(frozen=True, slots=True)
class Base:
    """A built base: the packed file system, the unpacked one that builds lie on, and its hash.

    Of a layer, both hold what it adds to the base `below`. `inode` is the number of the unpacked
    folder: another one says that the base was made anew.
    """

    plan: BasePlan
    squashfs: Path
    root: Path
    sha256: str
    size: int
    inode: int
    below: Base | None = None

    @property
    def layers(self) -> tuple[Base, ...]:
        """Return the built bases that lie on one another, the lowest first and this one last."""
        return (*(self.below.layers if self.below else ()), self)

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the unpacked layers, the highest first, as an overlay takes them."""
        return tuple(layer.root for layer in reversed(self.layers))


def ensure_base(plan: BasePlan, state: State, *, user: BuildUser, console: Console) -> Base:
    """Return the base of a plan, building it and those below it where that was not done yet."""
    below = ensure_base(plan.below, state, user=user, console=console) if plan.below else None
    lock = state.base_lock(plan.id)
    with (
        full_disk_explained(state.folder),
        shared_lock(state.in_use),
        exclusive_lock(lock, purpose=f"build the base {plan.name}", wait=True),
    ):
        built = _built(plan, state, below)
        if built is not None:
            return built
        return _build(plan, state, below, user=user, console=console)


def check_unchanged(base: Base) -> None:
    """Make sure that the layers which a build lay on are still those that it began with.

    Raises:
        UserError: one was removed, made anew or altered meanwhile.
    """
    for layer in base.layers:
        try:
            is_same = layer.root.stat().st_ino == layer.inode
            sha256 = sha256_file(layer.squashfs)
        except FileNotFoundError:
            is_same, sha256 = False, ""
        if not is_same:
            raise UserError(
                f"the base {layer.plan.name} was removed or replaced during the build on it",
                hint="nothing was kept; run the same command again",
            )
        if sha256 != layer.sha256:
            raise UserError(
                f"the base {layer.plan.name} in {layer.squashfs.parent} is damaged",
                hint=f"remove that folder and run the same command again: {layer.squashfs.parent}",
            )


def _built(plan: BasePlan, state: State, below: Base | None) -> Base | None:
    folder = state.base(plan.id)
    try:
        facts = json.loads((folder / "base.json").read_bytes())
        inode = (folder / "root").stat().st_ino
    except FileNotFoundError:
        return None
    return Base(
        plan=plan,
        squashfs=folder / "base.squashfs",
        root=folder / "root",
        sha256=str(facts["sha256"]),
        size=int(facts["size"]),
        inode=inode,
        below=below,
    )


def _build(
    plan: BasePlan, state: State, below: Base | None, *, user: BuildUser, console: Console
) -> Base:
    cache = InputCache(state.inputs)
    locks = locked_in(f"recipes/bases/{plan.name}/lock.json", plan.lock.own_inputs)
    fetch(plan.lock.own_inputs, cache, console=console, locks=locks)
    console.status(f"building the base {plan.name}")
    sandbox.remove_leftovers(state.base(plan.id), user)
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        if plan.lock.image is not None:
            _put_layers(plan.lock.image, scratch, cache, user=user)
        packed = sandbox.build_in_sandbox(
            _kind(plan),
            scratch,
            _stage(plan),
            user=user,
            inputs=state.inputs,
            packages_index=packages_index(plan.lock.own, cache),
            layers=below.roots if below else (),
            settings=_settings(plan),
            subject=Subject(plan.name, DEFAULT_LIMITS, DEFAULT_LIMITS),
            failed_log=state.failed_log(plan.id),
            console=console,
        )
        if below is not None:
            check_unchanged(below)
        facts = {
            "name": plan.name,
            "id": plan.id,
            "layers": [layer.name for layer in plan.layers],
            "sha256": sha256_file(packed.squashfs),
            "size": packed.squashfs.stat().st_size,
        }
        folder = state.base(plan.id)
        with atomic_folder(folder) as new:
            user.own(new)
            packed.squashfs.replace(new / "base.squashfs")
            packed.log.replace(new / "build.log")
            packed.tree.replace(new / "root")
            write_atomic(new / "base.json", readable_json(facts))
    built = _built(plan, state, below)
    if built is None:
        raise UserError(f"the base {plan.name} vanished while it was built")
    console.say(f"built the base {plan.name}: {readable_size(built.size)}")
    return built


def _kind(plan: BasePlan) -> str:
    if plan.below is not None:
        return "layer"
    return "base" if plan.lock.image is None else "image"


def _put_layers(image: OciImage, scratch: Path, cache: InputCache, *, user: BuildUser) -> None:
    """Put the layers of a container image, verified and unpacked, where the sandbox finds them."""
    folder = user.own(scratch / "image-layers")
    for number, layer in enumerate(image.layers):
        tar = folder / f"{number:04}.tar"
        plain_layer(layer, cache, tar)
        user.give(tar)


def _stage(plan: BasePlan) -> Stage:
    on_top = [(package.name, package.version) for package in plan.lock.debian]
    return Stage(
        texts={
            "values.sh": shell_values({"NAME": plan.name}),
            "debian": names_of(on_top),
            "tools": "",
            "requirements.txt": requirements_of(plan.lock.python),
        },
        files=base_container_files(plan),
        links=wheel_links(plan.lock.python),
    )


def _settings(plan: BasePlan) -> Mapping[str, str]:
    return {
        "EPOCH": str(plan.lock.epoch),
        "LEVEL": str(ZSTD_LEVEL),
        "SUITE": plan.suite or "",
        "MINIMAL": ",".join(package.name for package in plan.lock.system),
    }
