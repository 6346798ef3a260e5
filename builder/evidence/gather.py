# SPDX-License-Identifier: BSD-3-Clause
"""Everything that is known of a package, put together as evidence for the judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from builder.evidence.package import kinds_of, package_facts
from builder.images.plan import BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import input_name
from builder.recipes.recipe import Recipe, TestKind
from builder.stages import Findings, Image, PlanId, TestOutcome, TestReport, TestResult
from core.files import sha256_file
from trust.evidence import (
    BuildFacts,
    Evidence,
    Input,
    LicenceFacts,
    ProvenanceFacts,
    Purpose,
    ReleaseFacts,
    TestFacts,
)


def gather(
    recipe: Recipe,
    *,
    purpose: Purpose,
    facts: BuildFacts | None = None,
    expected_plan: PlanId | None = None,
    image: Image | None = None,
    findings: Findings | None = None,
    provenance: ProvenanceFacts | None = None,
    report: TestReport | None = None,
    repository: str | None = None,
    bases: Sequence[str] | None = None,
) -> Evidence:
    """Return the evidence about a package from what is at hand; what is not given stays unknown.

    Args:
        recipe: as it stands in git.
        purpose: what the verdict is for.
        facts: of the lock (merge request) or of the build (image).
        expected_plan: the plan that the recipe and the lock in git give now.
        image: the built image.
        findings: of its build.
        provenance: what its provenance says.
        report: of its tests.
        repository: where it is to be published.
        bases: the base and those that it stands on, the nearest first.
    """
    return Evidence(
        purpose=purpose,
        name=image.name if image else recipe.name,
        version=image.version if image else recipe.version,
        base=image.base if image else recipe.base,
        plan=image.plan if image else None,
        expected_plan=expected_plan,
        image_sha256=image.sha256 if image else None,
        build=facts,
        tests=_tests(report) if report else None,
        scan=findings.scan if findings else None,
        bill=findings.bill if findings else None,
        provenance=provenance,
        licence=licence_facts(recipe),
        release=ReleaseFacts(
            str(recipe.release.channel), recipe.release.supported_until, kept=recipe.is_kept
        ),
        repository=repository,
        bases=tuple(bases) if bases is not None else None,
        package=package_facts(recipe),
    )


def licence_facts(recipe: Recipe) -> LicenceFacts:
    """Return the facts of a recipe's licence, with the hash of its words where they lie beside it."""
    text = recipe.folder / recipe.licence_text if recipe.licence_text else None
    return LicenceFacts(
        spdx=recipe.license.spdx,
        redistribution=str(recipe.license.redistribution),
        text_sha256=sha256_file(text) if text is not None and text.is_file() else None,
    )


def build_facts(plan: BuildPlan, findings: Findings) -> BuildFacts:
    """Return the facts of a build: its plan's inputs, the base's among them, and its findings."""
    every = (*plan.base.lock.inputs, *plan.inputs)
    inputs = [
        Input(f"{item.name} {item.version}", item.sha256)
        if isinstance(item, DebianPackage)
        else Input(input_name(item), item.sha256)
        for item in every
    ]
    inputs += [Input(file.target, file.sha256) for file in plan.files]
    return BuildFacts(
        inputs=tuple(inputs),
        network_off=findings.was_offline,
        risky_files=tuple(sorted({*findings.setuid, *findings.world_writable})),
        cleared=findings.cleared,
    )


def _tests(report: TestReport) -> TestFacts:
    def named(results: Iterable[TestResult]) -> tuple[str, ...]:
        return tuple(result.name for result in results)

    passed = [result for result in report.results if result.passed]
    return TestFacts(
        image_sha256=report.image_sha256,
        passed=named(r for r in passed if r.kind is not TestKind.SMOKE),
        failed=named(r for r in report.results if r.outcome is TestOutcome.FAILED),
        not_run=named(r for r in report.results if r.outcome is TestOutcome.NOT_RUN),
        retried=named(r for r in passed if r.earlier),
        started=named(r for r in passed if r.kind is TestKind.SMOKE),
        kinds=kinds_of(r.kind for r in passed),
    )
