# SPDX-License-Identifier: BSD-3-Clause
"""What the canary leaves to read: its words, `canary.json` for programs, `junit.xml` for GitLab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from builder.recipes.recipe import TestKind
from builder.stages import PlanId, TestOutcome, TestReport, TestResult
from builder.testing import reports
from core.canonical import Json, readable_json
from core.files import write_atomic
from pansoft.ci.canary import Canary, Looked

SCHEMA = 1  # of canary.json
JSON = "canary.json"
JUNIT = "junit.xml"
_SIGNATURE = "signature, bytes and policy"


def write(canary: Canary, folder: Path) -> None:
    """Write both files into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / JSON, readable_json(as_json(canary)))
    write_atomic(folder / JUNIT, reports.as_junit(*map(_as_tests, canary.looked)))


def as_json(canary: Canary) -> dict[str, Json]:
    """Return what a client saw as programs read it; times in seconds."""
    return {
        "schema": SCHEMA,
        "repository": canary.fqrn,
        "revision": canary.revision,
        "since": canary.since,
        "well": canary.is_well,
        "packages": [
            {
                "name": each.name,
                "version": each.version,
                "well": each.is_well,
                "verify_seconds": each.verify_seconds,
                "refused": each.refused,
                "untested": each.untested,
                "tests": [
                    {
                        "name": result.name,
                        "outcome": result.outcome.value,
                        "seconds": result.seconds,
                        "reason": result.reason,
                    }
                    for result in (each.report.results if each.report else ())
                ],
            }
            for each in canary.looked
        ],
        "not_looked_at": [f"{entry.name} {entry.version}" for entry in canary.left],
    }


def lines(canary: Canary) -> Iterator[str]:
    """Yield what a client saw as people read it: a line for each package, those first that are not well."""
    for each in sorted(canary.looked, key=lambda looked: looked.is_well):
        if each.is_well:
            yield f"{each.title}: {_how(each)}"
        else:
            yield from (f"{each.title}: revision {canary.revision}: {why}" for why in _why(each))
    if canary.left:
        names = ", ".join(f"{entry.name} {entry.version}" for entry in canary.left)
        yield f"not looked at, for there are more than were asked for: {names}"
    bad = sum(not each.is_well for each in canary.looked)
    since = "" if canary.since is None else f", new since revision {canary.since}"
    count = len(canary.looked)
    yield (
        f"revision {canary.revision} of {canary.fqrn}: {count} package{'s' * (count != 1)} looked at"
        f"{since}; " + (f"{bad} not well" if bad else "all is well")
    )


def _how(looked: Looked) -> str:
    if looked.report is None:
        return f"verified; not tested: {looked.untested}"
    return f"verified; {reports.summary(looked.report)}"


def _why(looked: Looked) -> Iterator[str]:
    if looked.refused is not None:
        yield f"not believed: {looked.refused}"
    for result in looked.report.results if looked.report else ():
        if result.outcome is TestOutcome.FAILED:
            yield f"the test '{result.name}' failed: {result.reason}"


def _as_tests(looked: Looked) -> TestReport:
    """Return the tests of a package after one of whether it is believed."""
    outcome = TestOutcome.PASSED if looked.refused is None else TestOutcome.FAILED
    believed = TestResult(
        _SIGNATURE, TestKind.SMOKE, outcome, looked.verify_seconds, "", reason=looked.refused
    )
    report = looked.report or TestReport(PlanId(""), looked.name, looked.version, "", ())
    return replace(report, results=(believed, *report.results))
