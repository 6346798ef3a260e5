# SPDX-License-Identifier: BSD-3-Clause
"""Run a recipe's tests in its image: confined, offline, as an ordinary user, each in a fresh folder.

A test that cannot be run here, for want of a GPU, is a failed test. A test with a window that fails
is tried once more, since a screen is shared with time; both tries are in the report.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder.images import apptainer, sandbox
from builder.images.build_user import BuildUser
from builder.recipes.recipe import Recipe, Test, TestKind
from builder.stages import Image, TestAttempt, TestReport, TestResult
from builder.state import State
from builder.testing import command, gui, reports
from builder.testing.trial import HARNESS, Ended, Trial
from core.canonical import readable_json, sha256_of
from core.console import Console
from core.errors import CommandFailed
from core.files import write_atomic

_OUTPUT_CHARACTERS = 4000
_TRIES = {TestKind.GUI: 2}
_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))


def test_image(
    recipe: Recipe,
    image: Image,
    state: State,
    *,
    user: BuildUser,
    console: Console,
    timeout_s: float | None = None,  # noqa: PT028 - a verb, not a test
) -> TestReport:
    """Run every test of a recipe in its image and return how they went, also written beside it.

    A test that takes longer than its kind allows, or than `timeout_s`, is killed and has failed.
    """
    folder = state.image(image.plan)
    shutil.rmtree(folder / "tests", ignore_errors=True)
    results = []
    for number, test in enumerate(recipe.tests, 1):
        console.status(f"testing {recipe.name}: {test.name}")
        tries: list[_Try] = []
        while not tries or (tries[-1].reason and len(tries) < _TRIES.get(test.kind, 1)):
            done = _run(test, image, state, user=user, timeout_s=timeout_s)
            tries.append(_keep(done, folder, f"tests/{number}-{len(tries) + 1}"))
        results.append(_result(test, tries))
    report = TestReport(image.plan, recipe.name, recipe.version, image.sha256, tuple(results))
    text = readable_json(reports.as_json(report, tests=id_of_tests(recipe.tests)))
    write_atomic(folder / "tests.json", text)
    write_atomic(folder / "junit.xml", reports.as_junit(report))
    passed = sum(result.passed for result in results)
    console.say(f"tested {recipe.name} {recipe.version}: {passed} of {len(results)} passed")
    return report


test_image.__test__ = False  # type: ignore[attr-defined]  # a verb, not a test


def known_report(recipe: Recipe, image: Image, state: State) -> TestReport | None:
    """Return the report of an earlier run of exactly these tests on exactly this image, if any."""
    kept = reports.read(state.image(image.plan) / "tests.json", plan=image.plan)
    if kept is None or kept.tests != id_of_tests(recipe.tests):
        return None
    return kept.report if kept.report.image_sha256 == image.sha256 else None


def id_of_tests(tests: Sequence[Test]) -> str:
    """Return what says which tests were run: a hash of all that they say."""
    return sha256_of([[test.name, test.kind, test.run, test.expect, test.window] for test in tests])


@dataclass(frozen=True, slots=True)
class _Try:
    """One run of a test; `reason` is why it failed, `files` is what is kept, and then where."""

    seconds: float
    output: str
    reason: str | None
    files: Mapping[str, bytes]
    evidence: tuple[str, ...] = ()


def _run(
    test: Test, image: Image, state: State, *, user: BuildUser, timeout_s: float | None
) -> _Try:
    """Run one test in a fresh folder."""
    if test.kind is TestKind.GPU and not any(device.exists() for device in _GPU_DEVICES):
        return _Try(0.0, "", "this machine has no GPU", {})
    kind = gui if test.kind is TestKind.GUI and test.window is not None else command
    trial = kind.trial(test)
    limit = trial.timeout_s if timeout_s is None else min(timeout_s, trial.timeout_s)
    with sandbox.scratch_folder(state.scratch, user) as scratch:
        work, harness = user.own(scratch / "work"), user.own(scratch / "harness")
        began = time.monotonic()
        try:
            ended = _in_image(trial, image, work, harness, user=user, timeout_s=limit)
        except CommandFailed as err:
            seconds = round(time.monotonic() - began, 3)
            late = f"was stopped: it took longer than {limit:.0f} s"
            why = late if seconds >= limit else err.message
            return _Try(seconds, _end(err.stderr), why, {})
        seconds = round(time.monotonic() - began, 3)
        reason, kept = kind.fault(test, ended), kind.evidence(ended)
    return _Try(seconds, _end(ended.output), reason, kept)


def _in_image(
    trial: Trial, image: Image, work: Path, harness: Path, *, user: BuildUser, timeout_s: float
) -> Ended:
    for name, text in trial.files.items():
        (harness / name).write_text(text, encoding="utf-8")
    done = apptainer.run_confined(
        image.path,
        trial.argv,
        work=work,
        user=user,
        timeout_s=timeout_s,
        environment={"XDG_RUNTIME_DIR": "/tmp", **trial.environment},  # noqa: S108
        binds={harness: HARNESS},
    )
    return Ended(done.returncode, done.stdout, done.stderr, harness, work)


def _end(output: str) -> str:
    return output[-_OUTPUT_CHARACTERS:]


def _keep(done: _Try, folder: Path, place: str) -> _Try:
    """Write what a try left into a folder beside the report, and say where it is."""
    for name, content in done.files.items():
        write_atomic(folder / place / name, content)
    return replace(done, evidence=tuple(f"{place}/{name}" for name in sorted(done.files)))


def _result(test: Test, tries: Sequence[_Try]) -> TestResult:
    """Return how a test went in the end; the tries before are told with it."""
    *before, last = tries
    return TestResult(
        name=test.name,
        kind=test.kind,
        passed=last.reason is None,
        seconds=last.seconds,
        output=last.output,
        reason=last.reason,
        evidence=last.evidence,
        earlier=tuple(
            TestAttempt(item.seconds, item.output, item.reason or "", item.evidence)
            for item in before
        ),
    )
