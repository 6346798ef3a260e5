# SPDX-License-Identifier: BSD-3-Clause
"""Tests of recipes run in a real image: how they pass, how they fail, and what they cannot do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from builder.images import apptainer
from builder.images.build_user import BuildUser
from builder.images.built import Built
from builder.recipes import load
from builder.recipes.recipe import Limits, Recipe, Test, TestKind
from builder.stages import Image, PlanId, TestAttempt, TestOutcome, TestReport, TestResult
from builder.state import State
from builder.testing import gpu, reports
from builder.testing.run import id_of_tests, known_report, test_image
from core.console import Console
from tests.builder.conftest import Builds
from tests.builder.recipes.projects import make_project

needs_apptainer = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")


@pytest.fixture(scope="session")
def made(builds: Builds) -> Built:
    """Return an image with one program, which says hello."""
    return builds.build(
        builds.plan("mkdir $PREFIX/bin; printf '#!/bin/sh\\necho hello\\n' > $PREFIX/bin/hello; "
                    "chmod 755 $PREFIX/bin/hello")
    )  # fmt: skip


def outcome(
    builds: Builds,
    made: Built,
    recipe: Recipe,
    script: str,
    *,
    expect: str | None = None,
    kind: TestKind = TestKind.COMMAND,
    window: str | None = None,
    timeout_s: float = 120,
) -> TestResult:
    """Return how one test goes in the image."""
    tested = replace(
        recipe, tests=(Test("it", kind, script, expect=(expect,) if expect else (), window=window),)
    )
    report = test_image(
        tested, made.image, builds.state, user=builds.user, console=Console(quiet=True),
        timeout_s=timeout_s,
    )  # fmt: skip
    assert list(builds.state.scratch.iterdir()) == []
    return report.results[0]


@needs_apptainer
def test_a_test_passes_that_ends_well(builds: Builds, made: Built, recipe: Recipe) -> None:
    result = outcome(builds, made, recipe, "hello")

    assert (result.passed, result.reason, result.output) == (True, None, "hello\n")


@needs_apptainer
def test_a_test_passes_that_prints_what_is_expected(
    builds: Builds, made: Built, recipe: Recipe
) -> None:
    assert outcome(builds, made, recipe, "hello >&2", expect="hello").passed


@needs_apptainer
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param("exit 3", "ended with status 3", id="status"),
        pytest.param("false; true", "ended with status 1", id="first command"),
        pytest.param("echo $undefined", "ended with status 2", id="unset variable"),
        pytest.param("no-such-program", "ended with status 127", id="no program"),
    ],
)
def test_a_test_fails_by_its_status(
    builds: Builds, made: Built, recipe: Recipe, run: str, reason: str
) -> None:
    result = outcome(builds, made, recipe, run)

    assert (result.passed, result.reason) == (False, reason)


@needs_apptainer
def test_a_test_fails_that_does_not_print_what_is_expected(
    builds: Builds, made: Built, recipe: Recipe
) -> None:
    result = outcome(builds, made, recipe, "hello", expect="goodbye")

    assert (result.passed, result.reason) == (False, "did not print 'goodbye'")


@needs_apptainer
def test_a_test_that_hangs_is_stopped(builds: Builds, made: Built, recipe: Recipe) -> None:
    result = outcome(builds, made, recipe, "echo waiting; sleep 1000", timeout_s=3)

    assert (result.passed, result.reason) == (False, "was stopped: it took longer than 3 s")
    assert result.output == "waiting\n"


@needs_apptainer
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param("yes", "was stopped: it printed more than 64 MB", id="output"),
        pytest.param(
            "head -c 90000000 /dev/urandom > one; cp one two; cp one three; sleep 60",
            "was stopped: it wrote more than 200 MiB",
            id="disk",
        ),
        pytest.param(
            'perl -e \'for (1..1500) { mkdir("d"), chdir("d") }\'; sleep 60',
            None,
            id="nothing: deep folders",
        ),
        pytest.param(
            'perl -e \'for (1..3000) { mkdir("d"), chdir("d") }\'; sleep 60',
            "was stopped: it wrote more than 200 MiB",
            id="folders that are too deep to be measured",
        ),
        pytest.param("head -c 300000000 /dev/zero > one", "ended with status 153", id="a file"),
        pytest.param(
            "perl -e 'for (1..999) { fork // die qq(no more\\n) or do { sleep 60; exit } }'",
            "ended with status 11",
            id="processes",
        ),
    ],
)
def test_a_test_that_takes_too_much_is_stopped(
    builds: Builds,
    made: Built,
    recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    run: str,
    reason: str | None,
) -> None:
    monkeypatch.setattr(apptainer, "PROCESSES", 150)  # enough, and kind to what else runs here
    small = replace(recipe, build=replace(recipe.build, limits=Limits(disk=200)))

    result = outcome(builds, made, small, run.replace("sleep 60", "sleep 5"), timeout_s=60)

    assert result.reason == reason
    assert len(result.output) <= 4000


@needs_apptainer
def test_tests_have_no_network(builds: Builds, made: Built, recipe: Recipe) -> None:
    result = outcome(
        builds, made, recipe, "cut -d: -f1 /proc/net/dev | tail -n +3; getent hosts example.org"
    )

    assert result.output.split() == ["lo"]
    assert result.reason == "ended with status 2"


@needs_apptainer
def test_tests_run_as_an_ordinary_user_in_an_empty_folder(
    builds: Builds, made: Built, recipe: Recipe
) -> None:
    result = outcome(builds, made, recipe, 'id -u; pwd; ls; echo "$HOME"; touch written')

    assert result.output.split() == [str(builds.user.uid), "/work", "/work"]
    assert builds.user.uid != 0


@needs_apptainer
def test_tests_see_nothing_of_the_host(
    builds: Builds, made: Built, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")

    result = outcome(builds, made, recipe, "ls /home /tmp; env | grep -c TOKEN || true")

    assert result.output.split() == ["/home:", "/tmp:", "0"]


@needs_apptainer
def test_a_window_that_does_not_come_is_waited_for_twice(
    builds: Builds, made: Built, recipe: Recipe
) -> None:
    result = outcome(builds, made, recipe, "hello", kind=TestKind.GUI, window="Hello")

    why = "the image has no Xvfb: a test of the kind gui needs a base with a virtual screen"
    assert (result.passed, result.reason) == (False, why)
    assert [item.reason for item in result.earlier] == [why]


@needs_apptainer
def test_the_end_of_a_long_output_is_kept(builds: Builds, made: Built, recipe: Recipe) -> None:
    result = outcome(builds, made, recipe, "seq 1 100000")

    assert result.output.endswith("99999\n100000\n")
    assert len(result.output) == 4000
    [kept] = result.evidence
    whole = (builds.state.image(made.image.plan) / kept).read_text()
    assert (kept, whole[:4], whole[-7:]) == ("tests/1-1/output.txt", "1\n2\n", "100000\n")


def test_a_test_that_needs_a_gpu_is_not_run_where_there_is_none(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "DEVICES", {tmp_path / "nvidia": "--nv"})
    image = Image(PlanId("p"), "x", "1", "b", tmp_path / "none.sif", "0" * 64, 1, 1)
    tested = replace(recipe, tests=(Test("gpu", TestKind.GPU, "true"),), commands=())

    report = test_image(
        tested,
        image,
        State(tmp_path),
        user=BuildUser("me", 1, 1, switches=False),
        console=Console(quiet=True),
    )

    assert not report.passed
    [result] = report.results
    assert (result.outcome, result.reason) == (TestOutcome.NOT_RUN, "this machine has no GPU")
    suite = ElementTree.fromstring(reports.as_junit(report).encode()).find("testsuite")
    assert suite is not None
    assert (suite.get("skipped"), suite.get("failures")) == ("1", "0")
    assert suite.find("testcase/skipped") is not None
    assert reports.as_text(report).splitlines() == [
        "not run  plotter 5.4.4  gpu  0.0 s",
        "        this machine has no GPU",
    ]


@needs_apptainer
def test_a_test_that_needs_a_gpu_is_run_where_there_is_one(
    builds: Builds, made: Built, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "DEVICES", {Path("/dev/null"): "--nv"})

    assert outcome(builds, made, recipe, "hello", kind=TestKind.GPU).passed


class TestReports:
    """What is written of a run of tests, and read again."""

    image = Image(PlanId("p"), "plotter", "1.0", "debian-12", Path("x.sif"), "0" * 64, 1, 1)
    good = TestResult("plots", TestKind.COMMAND, TestOutcome.PASSED, 1.25, "fine\n")
    bad = TestResult(
        "draws\x07",
        TestKind.GUI,
        TestOutcome.FAILED,
        0.5,
        "\x1b[31mred\x00\ufffe <&> \ud800",
        "ended with status 1",
    )

    def report(self, *results: TestResult) -> TestReport:
        return TestReport(self.image.plan, "plotter", "1.0", self.image.sha256, results)

    def keep(self, state: State, recipe: Recipe, report: TestReport) -> None:
        folder = state.image(self.image.plan)
        folder.mkdir(parents=True)
        text = json.dumps(reports.as_json(report, tests=id_of_tests(recipe)))
        (folder / "tests.json").write_text(text)

    def test_junit_is_xml_whatever_a_program_printed(self) -> None:
        xml = reports.as_junit(self.report(self.good, self.bad))

        suite = ElementTree.fromstring(xml.encode()).find("testsuite")
        assert suite is not None
        assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
        failure = suite.find("testcase/failure")
        assert failure is not None
        assert failure.get("message") == "ended with status 1"
        assert failure.text == "[31mred <&> "

    def test_the_text_shows_why_a_test_failed(self) -> None:
        bad = replace(self.bad, name="draws", output="one\ntwo\n")

        assert reports.as_text(self.report(self.good, bad)).splitlines() == [
            "passed  plotter 1.0  plots  1.2 s",
            "FAILED  plotter 1.0  draws  0.5 s",
            "        ended with status 1",
            "        | one",
            "        | two",
        ]

    def test_a_test_that_passed_at_the_second_try_says_so_everywhere(self) -> None:
        again = replace(
            self.good, earlier=(TestAttempt(2.0, "no display\n", "ended with status 1"),)
        )

        assert reports.as_text(self.report(again)).splitlines() == [
            "passed  plotter 1.0  plots  1.2 s, at the second try",
            "        try 1 failed: ended with status 1",
            "        | no display",
        ]
        assert "try 1 failed: ended with status 1\nno display" in reports.as_junit(
            self.report(again)
        )
        assert reports.failures(self.report(again)) == reports.as_text(self.report(again))

    def test_failures_are_told_without_what_went_well(self) -> None:
        bad = replace(self.bad, name="draws", output="")

        assert reports.failures(self.report(self.good)) == ""
        assert reports.failures(self.report(self.good, bad)).splitlines() == [
            "FAILED  plotter 1.0  draws  0.5 s",
            "        ended with status 1",
        ]

    def test_a_run_without_a_test_has_not_passed(self) -> None:
        assert not self.report().passed

    def test_a_report_is_known_for_the_same_image_and_tests(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        state = State(tmp_path)
        self.keep(state, recipe, self.report(self.good))

        assert known_report(recipe, self.image, state) == self.report(self.good)

    def test_a_report_with_earlier_tries_reads_back_whole(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        state = State(tmp_path)
        tried = TestAttempt(2.0, "no display\n", "ended with status 1", ("tests/1-1/screen.png",))
        again = replace(self.good, earlier=(tried,), evidence=("tests/1-2/screen.png",))
        self.keep(state, recipe, self.report(again))

        assert known_report(recipe, self.image, state) == self.report(again)
        assert self.report(again, self.good).evidence == (
            "tests/1-1/screen.png",
            "tests/1-2/screen.png",
        )

    def test_a_report_of_an_older_form_is_not_known(self, recipe: Recipe, tmp_path: Path) -> None:
        state = State(tmp_path)
        self.keep(state, recipe, self.report(self.good))
        file = state.image(self.image.plan) / "tests.json"
        file.write_text(file.read_text().replace('"schema": 2', '"schema": 1'))

        assert known_report(recipe, self.image, state) is None

    def test_a_report_of_another_image_is_not_known(self, recipe: Recipe, tmp_path: Path) -> None:
        state = State(tmp_path)
        self.keep(state, recipe, self.report(self.good))

        other = replace(self.image, sha256="1" * 64)

        assert known_report(recipe, other, state) is None

    def test_a_report_of_other_tests_is_not_known(self, recipe: Recipe, tmp_path: Path) -> None:
        state = State(tmp_path)
        self.keep(state, recipe, self.report(self.good))

        stricter = replace(recipe, tests=(replace(recipe.tests[0], expect=("more",)),))

        assert known_report(stricter, self.image, state) is None

    def test_nothing_is_known_of_an_image_that_was_not_tested(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        assert known_report(recipe, self.image, State(tmp_path)) is None
