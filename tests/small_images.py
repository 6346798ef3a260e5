# SPDX-License-Identifier: BSD-3-Clause
"""Images of a few kilobytes that a state takes for built and tested: what comes after is real.

Signing and publishing take every image alike, so what is tried at twenty moments need not weigh 40 MB.
"""

from __future__ import annotations

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
from trust.codec import to_json
from trust.evidence import ScanFacts


def put_built(context: Context, recipe: Recipe) -> BuildPlan:
    """Put a small image into a state, as if it had been built from its plan and passed its tests."""
    state = workspace.state_of(context)
    plan = workspace.plan_of(context, recipe)
    folder = state.image(plan.id)
    folder.mkdir(parents=True)
    sif = folder / f"{recipe.name}.sif"
    with tempfile.TemporaryDirectory() as scratch:
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
    (scratch / name).mkdir()
    (scratch / name / "file").write_text(f"of {name}\n" * 200)
    packed = scratch / f"{name}.squashfs"
    process.run(
        ["mksquashfs", scratch / name, packed, "-quiet", "-no-progress", "-all-time", "1"],
        reason="make a small image",
    )
    return packed


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
