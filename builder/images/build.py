# SPDX-License-Identifier: BSD-3-Clause
"""Build one plan: its inputs from the cache, its base shared, its delta packed, its SIF written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from builder.evidence.contents import Contents, base_contents, contents_of, write_contents
from builder.evidence.sbom import bill_of, sha256s_of, write_bills
from builder.images import kept, sandbox
from builder.images.base import Base, check_unchanged, ensure_base
from builder.images.build_user import BuildUser
from builder.images.built import SCHEMA, Built, built
from builder.images.failure import Subject
from builder.images.plan import ARCHITECTURE, BuildPlan
from builder.images.sandbox import Packed
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from builder.images.staging import package_stage
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch, locked_in
from builder.inputs.site import site_of
from builder.recipes.recipe import UNLIMITED, Limits
from builder.stages import Findings
from builder.state import State
from core.canonical import canonical_json, readable_json
from core.console import Console, readable_size
from core.errors import UserError
from core.files import (
    atomic_folder,
    exclusive_lock,
    full_disk_explained,
    mark_used,
    sha256_file,
    shared_lock,
    write_atomic,
)
from trust.codec import to_json
from trust.evidence import BillFacts, ScanFacts

ZSTD_LEVEL = 6  # measured: a quarter of gzip's time at its size


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build, on which no byte depends.

    `keep` leaves the sandbox for `kept.enter`; no build gets more than `ceiling`, nor than the site
    allows, whatever its recipe asks for.
    """

    keep: bool = False
    ceiling: Limits = UNLIMITED


DEFAULT = BuildOptions()


def build(
    plan: BuildPlan,
    state: State,
    *,
    user: BuildUser,
    console: Console,
    options: BuildOptions = DEFAULT,
) -> Built:
    """Return the image of a plan, building it where that was not done yet.

    Raises:
        UserError: an input cannot be had, or there is no room.
        BuildFailed: the recipe's script fails, or takes more than it may.
    """
    lock = state.locks / f"plan-{plan.id}"
    with (
        full_disk_explained(state.folder),
        shared_lock(state.in_use),
        exclusive_lock(lock, purpose=f"build {plan.name}", wait=True),
    ):
        done = built(plan, state)
        if done is not None:
            mark_used([state.image(plan.id)])
            return done
        locks = locked_in(f"{plan.place}/lock.json", plan.inputs)
        fetch(plan.inputs, InputCache(state.inputs), console=console, locks=locks)
        base = ensure_base(plan.base, state, user=user, console=console)
        cache = InputCache(state.inputs)
        mark_used(cache.path(item.sha256) for item in plan.inputs)
        mark_used(layer.root.parent for layer in base.layers)
        sandbox.remove_leftovers(state.image(plan.id), user)
        began = time.monotonic()
        console.status(f"building {plan.name} {plan.version}")
        with sandbox.scratch_folder(state.scratch, user) as scratch:
            try:
                try:
                    packed = _pack(
                        plan, base, state, scratch, user=user, console=console, options=options
                    )
                finally:
                    check_unchanged(base)  # a failed build may have failed of that
                under = base_contents(base, user=user)
                contents = contents_of(
                    packed.tree, base.roots, under=under, sha256s=sha256s_of(plan), user=user
                )
                with full_disk_explained(state.folder):  # before the scratch folder makes room
                    _keep(plan, base, packed, state, contents=contents, began=began)
            finally:
                if options.keep:
                    kept.keep(scratch, plan, base, state, user=user)
    done = built(plan, state)
    if done is None:  # pragma: no cover - it was written above
        raise UserError(f"the image of {plan.name} vanished while it was built")
    console.say(
        f"built {plan.name} {plan.version}: {readable_size(done.image.size)}, "
        f"{readable_size(done.image.delta_size)} of it new"
    )
    return replace(done, fresh=True)


def _pack(
    plan: BuildPlan,
    base: Base,
    state: State,
    scratch: Path,
    *,
    user: BuildUser,
    console: Console,
    options: BuildOptions,
) -> Packed:
    """Install what the plan names on top of the base, and pack what that added."""
    debs = (*plan.debian, *plan.tools)
    settings: Mapping[str, str] = {
        "EPOCH": str(plan.base.lock.epoch),
        "LEVEL": str(ZSTD_LEVEL),
        "SUITE": "",
        "MINIMAL": "",
    }
    return sandbox.build_in_sandbox(
        "layer",
        scratch,
        package_stage(plan),
        user=user,
        inputs=state.inputs,
        packages_index=packages_index(debs, InputCache(state.inputs)),
        layers=base.roots,
        settings=settings,
        subject=Subject(
            name=plan.name,
            limits=plan.limits.capped(options.ceiling).capped(site_of(state.folder).ceiling),
            allowed=plan.limits,
            script=plan.script,
            recipe=plan.recipe,
        ),
        failed_log=state.failed_log(plan.id),
        console=console,
        keep=options.keep,
    )


def _keep(
    plan: BuildPlan,
    base: Base,
    packed: Packed,
    state: State,
    *,
    contents: Contents,
    began: float,
) -> None:
    """Write the image and what is known of it under the plan's id, all of it or none."""
    with atomic_folder(state.image(plan.id)) as folder:
        sif = folder / f"{plan.name}.sif"
        write_sif(
            sif,
            (
                SifObject(DataType.DEFINITION, "plan", _definition(plan)),
                SifObject(DataType.GENERIC_JSON, "plan.json", canonical_json(plan.as_json())),
                *_partitions(base, packed),
            ),
            identity=plan.identity,
            epoch=plan.base.lock.epoch,
            architecture=ARCHITECTURE,
        )
        sif.chmod(0o755)
        shutil.copyfile(packed.log, folder / "build.log")
        write_atomic(folder / "plan.json", readable_json(plan.as_json()))
        write_contents(contents, folder)
        bill = write_bills(bill_of(plan, contents), folder)
        facts = {
            "schema": SCHEMA,
            "name": plan.name,
            "version": plan.version,
            "base": plan.base.name,
            "sha256": sha256_file(sif),
            "size": sif.stat().st_size,
            "delta_size": packed.squashfs.stat().st_size,
            "findings": to_json(_findings(packed, contents, bill)),
            "seconds": round(time.monotonic() - began, 1),
        }
        write_atomic(folder / "image.json", readable_json(facts))


def _partitions(base: Base, packed: Packed) -> tuple[SifObject, ...]:
    """Return the file systems of an image: the lowest base, the layers over it, the delta.

    Apptainer mounts the overlay partitions in their order, and the later one wins.
    """
    lowest, *others = base.layers
    overlays = [(layer.plan.name, layer.squashfs) for layer in others]
    overlays.append(("delta", packed.squashfs))
    return (
        SifObject(DataType.PARTITION, "base", lowest.squashfs, PartitionType.PRIMARY_SYSTEM),
        *(
            SifObject(DataType.PARTITION, name, squashfs, PartitionType.OVERLAY)
            for name, squashfs in overlays
        ),
    )


def _findings(packed: Packed, contents: Contents, bill: BillFacts) -> Findings:
    """Return all that was seen, by the build and by the look at what it left."""
    return replace(packed.findings, scan=ScanFacts(contents.files, contents.sights), bill=bill)


def _definition(plan: BuildPlan) -> bytes:
    """Return what `apptainer inspect --deffile` shows: how the image was made, in its words."""
    lines = [
        f"# {plan.name} {plan.version}, built by pansoft from plan {plan.id}",
        f"# on the base {plan.base.name} ({plan.base.id});",
        "# 'plan.json' in this image names every input with its sha256.",
        "Bootstrap: pansoft",
        f"From: {plan.base.name}",
    ]
    return ("\n".join(lines) + "\n").encode()
