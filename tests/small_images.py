# SPDX-License-Identifier: BSD-3-Clause
"""Images of a few kilobytes that a state takes for built and tested: what comes after is real.

Signing and publishing take every image alike, so what is tried at twenty moments need not weigh 40 MB. One
that is given a program runs it: busybox is all that lies below.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from builder.evidence.components import Component, Ecosystem
from builder.evidence.contents import Contents, write_contents
from builder.evidence.sbom import bill_of, write_bills
from builder.images.built import SCHEMA
from builder.images.plan import ARCHITECTURE, BuildPlan
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from builder.recipes.recipe import Recipe
from builder.stages import Findings, TestOutcome, TestReport, TestResult
from builder.testing import reports
from builder.testing.run import id_of_tests
from core import process
from core.canonical import canonical_json, readable_json
from core.files import sha256_file
from pansoft import workspace
from pansoft.context import Context
from tests.images import BUSYBOX
from trust.codec import to_json
from trust.evidence import ScanFacts


def put_built(context: Context, recipe: Recipe, *, program: str | None = None) -> BuildPlan:
    """Put a small image into a state, as if it had been built from its plan and passed its tests.

    Args:
        context: the project and its state.
        recipe: of the package.
        program: a shell script that is its first command; without one nothing runs in the image.
    """
    state = workspace.state_of(context)
    plan = workspace.plan_of(context, recipe)
    folder = state.image(plan.id)
    folder.mkdir(parents=True)
    sif = folder / f"{recipe.name}.sif"
    with tempfile.TemporaryDirectory() as scratch:
        if program is not None:
            _put_busybox(Path(scratch) / "base")
            _put_program(Path(scratch) / recipe.name / "bin" / recipe.commands[0].name, program)
        base, delta = (_squashfs(Path(scratch), each) for each in ("base", recipe.name))
        write_sif(
            sif,
            (
                SifObject(DataType.GENERIC_JSON, "plan.json", canonical_json(plan.as_json())),
                SifObject(DataType.PARTITION, "base", base, PartitionType.PRIMARY_SYSTEM),
                SifObject(DataType.PARTITION, "delta", delta, PartitionType.OVERLAY),
            ),
            identity=plan.identity,
            epoch=plan.base.lock.epoch,
            architecture=ARCHITECTURE,
        )
        delta_size = delta.stat().st_size
    (folder / "plan.json").write_text(readable_json(plan.as_json()), encoding="utf-8")
    contents = Contents((_component(recipe),), (), 2, 2000)
    write_contents(contents, folder)
    bill = write_bills(bill_of(plan, contents), folder)
    findings = replace(Findings((), (), ("lo",)), scan=ScanFacts(2, ()), bill=bill)
    facts = {
        "schema": SCHEMA,
        "name": plan.name,
        "version": plan.version,
        "base": plan.base.name,
        "sha256": sha256_file(sif),
        "size": sif.stat().st_size,
        "delta_size": delta_size,
        "findings": to_json(findings),
        "seconds": 1.0,
    }
    (folder / "image.json").write_text(readable_json(facts), encoding="utf-8")
    _put_tests(recipe, plan, folder, sif)
    return plan


def _squashfs(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir(exist_ok=True)
    (scratch / name / "file").write_text(f"of {name}\n" * 200)
    packed = scratch / f"{name}.squashfs"
    process.run(
        ["mksquashfs", scratch / name, packed, "-quiet", "-no-progress", "-all-time", "1"],
        reason="make a small image",
    )
    return packed


def _put_busybox(root: Path) -> None:
    """Put a system of one program into a folder, under all the names that it has."""
    for name in ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr/bin", "var/tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    for name in process.run([BUSYBOX, "--list"], reason="list its names").stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")


def _put_program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def _component(recipe: Recipe) -> Component:
    purl = f"pkg:deb/debian/{recipe.name}@{recipe.version}"
    return Component(Ecosystem.DEBIAN, recipe.name, recipe.version, purl, "MIT")


def _put_tests(recipe: Recipe, plan: BuildPlan, folder: Path, sif: Path) -> None:
    results = tuple(
        TestResult(test.name, test.kind, TestOutcome.PASSED, 0.1, "") for test in recipe.tests
    )
    report = TestReport(plan.id, recipe.name, recipe.version, sha256_file(sif), results)
    text = readable_json(reports.as_json(report, tests=id_of_tests(recipe)))
    (folder / "tests.json").write_text(text, encoding="utf-8")
    (folder / "junit.xml").write_text(reports.as_junit(report), encoding="utf-8")
