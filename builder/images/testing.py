# SPDX-License-Identifier: BSD-3-Clause
"""Run a recipe's tests in its image: confined, offline, as an ordinary user, each in a fresh folder.

A test is a shell script; it passes when it ends with status 0 and prints what it is expected to.
A test that cannot be run here, for want of a GPU, is a failed test.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from builder.images import apptainer, sandbox
from builder.images.build_user import BuildUser
from builder.recipes.recipe import Recipe, Test, TestKind
from builder.stages import Image, TestReport, TestResult
from builder.state import State
from core.canonical import readable_json, sha256_of
from core.console import Console
from core.errors import CommandFailed
from core.files import write_atomic

TEST_TIMEOUT_S = 600.0
_OUTPUT_CHARACTERS = 4000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
_IN_A_DISPLAY = (
    "exec xvfb-run --auto-servernum --server-args='-screen 0 1280x1024x24' sh -eu test.sh"
)


def test_image(
    recipe: Recipe,
    image: Image,
    state: State,
    *,
    user: BuildUser,
    console: Console,
    timeout_s: float = TEST_TIMEOUT_S,  # noqa: PT028 - a verb, not a test
) -> TestReport:
    """Run every test of a recipe in its image and return how they went, also written beside it.

    A test that takes longer than `timeout_s` is killed and has failed.
    """
    results = []
    for test in recipe.tests:
        console.status(f"testing {recipe.name}: {test.name}")
        results.append(_run(test, image, state, user=user, timeout_s=timeout_s))
    report = TestReport(image.plan, recipe.name, recipe.version, image.sha256, tuple(results))
    folder = state.image(image.plan)
    write_atomic(folder / "tests.json", readable_json(as_json(report, recipe.tests)))
    write_atomic(folder / "junit.xml", as_junit(report))
    passed = sum(result.passed for result in results)
    console.say(f"tested {recipe.name} {recipe.version}: {passed} of {len(results)} passed")
    return report


test_image.__test__ = False  # type: ignore[attr-defined]  # a verb, not a test


def known_report(recipe: Recipe, image: Image, state: State) -> TestReport | None:
    """Return the report of an earlier run of exactly these tests on exactly this image, if any."""
    try:
        data = json.loads((state.image(image.plan) / "tests.json").read_bytes())
    except FileNotFoundError:
        return None
    if data["image_sha256"] != image.sha256 or data["tests"] != _tests_id(recipe.tests):
        return None
    return TestReport(
        image.plan,
        data["name"],
        data["version"],
        data["image_sha256"],
        tuple(
            TestResult(
                name=item["name"],
                kind=TestKind(item["kind"]),
                passed=item["passed"],
                seconds=item["seconds"],
                output=item["output"],
                reason=item["reason"],
            )
            for item in data["results"]
        ),
    )


def as_json(report: TestReport, tests: Sequence[Test]) -> dict[str, object]:
    """Return a report as JSON; `tests` is the hash of what was run."""
    return {
        "schema": 1,
        "plan": report.plan,
        "name": report.name,
        "version": report.version,
        "image_sha256": report.image_sha256,
        "tests": _tests_id(tests),
        "passed": report.passed,
        "results": [
            {
                "name": result.name,
                "kind": result.kind,
                "passed": result.passed,
                "seconds": result.seconds,
                "output": result.output,
                "reason": result.reason,
            }
            for result in report.results
        ],
    }


def as_text(report: TestReport) -> str:
    """Return a report for people; a failed test shows the end of what it printed."""
    lines = []
    for result in report.results:
        mark = "passed" if result.passed else "FAILED"
        lines.append(
            f"{mark}  {report.name} {report.version}  {result.name}  {result.seconds:.1f} s"
        )
        if not result.passed:
            lines.append(f"        {result.reason}")
            lines += [f"        | {line}" for line in result.output.splitlines()[-15:]]
    return "\n".join(lines)


def as_junit(report: TestReport) -> str:
    """Return a report as the JUnit XML that GitLab and Jenkins read."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"{report.name} {report.version}",
        tests=str(len(report.results)),
        failures=str(sum(not result.passed for result in report.results)),
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
        if not result.passed:
            failure = ElementTree.SubElement(
                case, "failure", message=_xml_safe(result.reason or "")
            )
            failure.text = _xml_safe(result.output)
        elif result.output:
            ElementTree.SubElement(case, "system-out").text = _xml_safe(result.output)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _run(
    test: Test, image: Image, state: State, *, user: BuildUser, timeout_s: float
) -> TestResult:
    """Run one test in a fresh folder."""
    if test.kind is TestKind.GPU and not any(device.exists() for device in _GPU_DEVICES):
        return TestResult(test.name, test.kind, False, 0.0, "", "this machine has no GPU")
    with sandbox.scratch_folder(state.scratch, user) as work:
        (work / "test.sh").write_text(test.run, encoding="utf-8")
        argv = ["sh", "-eu", "test.sh"]
        if test.kind is TestKind.GUI:
            argv = ["sh", "-c", _IN_A_DISPLAY]
        began = time.monotonic()
        try:
            done = apptainer.run_confined(
                image.path, argv, work=work, user=user, timeout_s=timeout_s,
                environment={"XDG_RUNTIME_DIR": "/tmp"},  # noqa: S108
            )  # fmt: skip
        except CommandFailed as err:
            seconds = round(time.monotonic() - began, 3)
            late = f"was stopped: it took longer than {timeout_s:.0f} s"
            why = late if seconds >= timeout_s else err.message
            return TestResult(test.name, test.kind, False, seconds, err.stderr, why)
    seconds = round(time.monotonic() - began, 3)
    output = (done.stdout + done.stderr)[-_OUTPUT_CHARACTERS:]
    reason = None
    if done.returncode != 0:
        reason = f"ended with status {done.returncode}"
    elif test.expect is not None and test.expect not in done.stdout + done.stderr:
        reason = f"did not print {test.expect!r}"
    return TestResult(test.name, test.kind, reason is None, seconds, output, reason)


def _tests_id(tests: Sequence[Test]) -> str:
    return sha256_of([[test.name, test.kind, test.run, test.expect] for test in tests])


def _xml_safe(text: str) -> str:
    """Return the text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)
