# SPDX-License-Identifier: BSD-3-Clause
"""Build a base once: a Debian root file system, packed, that all its images share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.images.container_files import minimal_container_files
from builder.images.failure import Subject
from builder.images.plan import BasePlan
from builder.images.sandbox import Stage, names_of, shell_values
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch, locked_in
from builder.recipes.recipe import DEFAULT_LIMITS
from builder.state import State
from core.canonical import readable_json
from core.console import Console, readable_size
from core.files import atomic_folder, exclusive_lock, sha256_file, write_atomic

ZSTD_LEVEL = (
    9  # a base is packed once and read for ever; beyond 9 the time grows and the gain does not
)


@dataclass(frozen=True, slots=True)
class Base:
    """A built base: the packed file system, the unpacked one that builds lie on, and its hash."""

    plan: BasePlan
    squashfs: Path
    root: Path
    sha256: str
    size: int


def ensure_base(plan: BasePlan, state: State, *, user: BuildUser, console: Console) -> Base:
    """Return the base of a plan, building it where that was not done yet."""
    lock = state.locks / f"base-{plan.id}"
    with exclusive_lock(lock, purpose=f"build the base {plan.name}", wait=True):
        built = _built(plan, state)
        if built is not None:
            return built
        return _build(plan, state, user=user, console=console)


def _built(plan: BasePlan, state: State) -> Base | None:
    folder = state.base(plan.id)
    try:
        facts = json.loads((folder / "base.json").read_bytes())
    except FileNotFoundError:
        return None
    return Base(
        plan, folder / "base.squashfs", folder / "root", str(facts["sha256"]), int(facts["size"])
    )


def _build(plan: BasePlan, state: State, *, user: BuildUser, console: Console) -> Base:
    cache = InputCache(state.inputs)
    locks = locked_in(f"recipes/bases/{plan.name}/lock.json", plan.lock.packages)
    fetch(plan.lock.packages, cache, console=console, locks=locks)
    console.status(f"building the base {plan.name}")
    sandbox.remove_leftovers(state.base(plan.id), user)
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        packed = sandbox.build_in_sandbox(
            "base",
            scratch,
            _stage(plan),
            user=user,
            inputs=state.inputs,
            packages_index=packages_index(plan.lock.packages, cache),
            base=None,
            settings=_settings(plan),
            subject=Subject(plan.name, DEFAULT_LIMITS, DEFAULT_LIMITS),
            failed_log=state.failed_log(plan.id),
            console=console,
        )
        sha256, size = sha256_file(packed.squashfs), packed.squashfs.stat().st_size
        folder = state.base(plan.id)
        with atomic_folder(folder) as new:
            user.own(new)
            packed.squashfs.replace(new / "base.squashfs")
            packed.log.replace(new / "build.log")
            packed.tree.replace(new / "root")
            facts = {"name": plan.name, "id": plan.id, "sha256": sha256, "size": size}
            write_atomic(new / "base.json", readable_json(facts))
    console.say(f"built the base {plan.name}: {readable_size(size)}")
    return Base(plan, folder / "base.squashfs", folder / "root", sha256, size)


def _stage(plan: BasePlan) -> Stage:
    on_top = [(package.name, package.version) for package in plan.lock.debian]
    return Stage(
        texts={
            "values.sh": shell_values({"NAME": plan.name}),
            "debian": names_of(on_top),
            "tools": "",
            "requirements.txt": "",
        },
        files=minimal_container_files(plan.name),
    )


def _settings(plan: BasePlan) -> Mapping[str, str]:
    return {
        "EPOCH": str(plan.lock.epoch),
        "LEVEL": str(ZSTD_LEVEL),
        "SUITE": plan.suite,
        "MINIMAL": ",".join(package.name for package in plan.lock.system),
    }
