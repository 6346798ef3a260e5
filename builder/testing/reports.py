# SPDX-License-Identifier: BSD-3-Clause
"""How tests went, as JSON (read again), as text for people and as JUnit XML for GitLab and Jenkins."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from builder.recipes.recipe import TestKind
from builder.stages import PlanId, TestAttempt, TestOutcome, TestReport, TestResult
from core.canonical import Json
from core.harmless import harmless

SCHEMA = 2
_SHOWN_LINES = 15
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Kept:
    """A report that was read; `tests` is the hash of what was run."""

    report: TestReport
    tests: str


def as_json(report: TestReport, *, tests: str) -> dict[str, Json]:
    """Return a report as JSON; `tests` is the hash of what was run."""
    return {
        "schema": SCHEMA,
        "plan": report.plan,
        "name": report.name,
        "version": report.version,
        "image_sha256": report.image_sha256,
        "tests": tests,
        "passed": report.passed,
        "results": [
            {
                "name": result.name,
                "kind": result.kind,
                "outcome": result.outcome,
                "seconds": result.seconds,
                "output": result.output,
                "reason": result.reason,
                "evidence": list(result.evidence),
                "attempts": len(result.earlier) + 1,
                "earlier": [
                    {
                        "seconds": item.seconds,
                        "output": item.output,
                        "reason": item.reason,
                        "evidence": list(item.evidence),
                    }
                    for item in result.earlier
                ],
            }
            for result in report.results
        ],
    }


def read(file: Path, *, plan: PlanId) -> Kept | None:
    """Return the report of a file that `as_json` made; None if there is none of this form."""
    try:
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    if data["schema"] != SCHEMA:
        return None
    results = tuple(_result(item) for item in data["results"])
    report = TestReport(plan, data["name"], data["version"], data["image_sha256"], results)
    return Kept(report, data["tests"])


def _result(item: dict[str, Any]) -> TestResult:
    return TestResult(
        name=item["name"],
        kind=TestKind(item["kind"]),
        outcome=TestOutcome(item["outcome"]),
        seconds=item["seconds"],
        output=item["output"],
        reason=item["reason"],
        evidence=tuple(item["evidence"]),
        earlier=tuple(
            TestAttempt(one["seconds"], one["output"], one["reason"], tuple(one["evidence"]))
            for one in item["earlier"]
        ),
    )


def as_text(report: TestReport) -> str:
    """Return a report for people; a failed test shows the end of what it printed."""
    started = [result for result in report.results if _only_starts(result)]
    lines = [
        line
        for result in report.results
        if not _only_starts(result)
        for line in _lines(report, result)
    ]
    if started:
        count = f"{len(started)} command{'' if len(started) == 1 else 's'}"
        seconds = sum(result.seconds for result in started)
        verb = "starts" if len(started) == 1 else "start"
        lines.append(f"passed  {report.name} {report.version}  {count} {verb}  {seconds:.1f} s")
    return "\n".join(lines)


def _only_starts(result: TestResult) -> bool:
    """Return whether this is one of the many results that need no line of their own."""
    return result.passed and result.kind is TestKind.SMOKE and result.name.startswith("command ")


def summary(report: TestReport) -> str:
    """Return how tests went in a few words: `3 of 4 passed, 1 not run`."""
    outcomes = [result.outcome for result in report.results]
    missed = outcomes.count(TestOutcome.NOT_RUN)
    return f"{outcomes.count(TestOutcome.PASSED)} of {len(outcomes)} passed" + (
        f", {missed} not run" if missed else ""
    )


def failures(report: TestReport) -> str:
    """Return the part of `as_text` about what did not pass, or not at the first try."""
    told = [result for result in report.results if not result.passed or result.earlier]
    return "\n".join(line for result in told for line in _lines(report, result))


_MARKS = {
    TestOutcome.PASSED: "passed",
    TestOutcome.FAILED: "FAILED",
    TestOutcome.NOT_RUN: "not run",
}


def _lines(report: TestReport, result: TestResult) -> Sequence[str]:
    again = f", {at_which_try(result)}" if result.earlier else ""
    lines = [
        f"{_MARKS[result.outcome]:<6}  {report.name} {report.version}  {result.name}  "
        f"{result.seconds:.1f} s{again}"
    ]
    for number, item in enumerate(result.earlier, 1):
        lines += _why(f"try {number} failed: {item.reason}", item.output)
    if not result.passed:
        lines += _why(result.reason or "", result.output)
    return lines


def at_which_try(result: TestResult) -> str:
    """Return how often a test was tried, in words: `at the second try`."""
    ordinals = ("first", "second", "third")
    count = len(result.earlier)
    return f"at the {ordinals[count]} try" if count < len(ordinals) else f"at try {count + 1}"


def _why(reason: str, output: str) -> list[str]:
    lines = [f"        | {line}" for line in harmless(output).splitlines()[-_SHOWN_LINES:]]
    return [f"        {harmless(reason)}", *lines]


def as_junit(*tested: TestReport) -> str:
    """Return reports as JUnit XML, a suite for each.

    A test that passed at a later try is a passed one there, with what the first try said in its
    output.
    """
    root = ElementTree.Element("testsuites")
    root.extend(_suite(report) for report in tested)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: TestReport) -> ElementTree.Element:
    outcomes = [result.outcome for result in report.results]
    suite = ElementTree.Element(
        "testsuite",
        name=f"{report.name} {report.version}",
        tests=str(len(report.results)),
        failures=str(outcomes.count(TestOutcome.FAILED)),
        skipped=str(outcomes.count(TestOutcome.NOT_RUN)),
        errors="0",
        time=f"{sum(result.seconds for result in report.results):.3f}",
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{report.name}.{result.kind}",
            name=_xml_safe(result.name),
            time=f"{result.seconds:.3f}",
        )
        before = "".join(
            f"try {number} failed: {item.reason}\n{item.output}\n"
            for number, item in enumerate(result.earlier, 1)
        )
        text = _xml_safe(before + result.output)
        if result.outcome is TestOutcome.NOT_RUN:
            ElementTree.SubElement(case, "skipped", message=_xml_safe(result.reason or ""))
        elif not result.passed:
            failure = ElementTree.SubElement(
                case, "failure", message=_xml_safe(result.reason or "")
            )
            failure.text = text
        elif text:
            ElementTree.SubElement(case, "system-out").text = text
    return suite


def _xml_safe(text: str) -> str:
    """Return the text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)
