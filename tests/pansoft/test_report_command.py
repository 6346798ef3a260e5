# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft report` and the page that it draws, in a real browser too."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from builder.inputs import fetch as fetching
from builder.inputs.fetch import Fetched
from core.errors import UserError
from core.event_log import older
from core.events import Event, Result, Stage, read_events
from core.process import which
from pansoft import cli, clock
from tests.pansoft.reports.event_samples import event, week, write_log
from tests.real_projects import ROOT

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
HOSTILE = (
    "</title></svg><script>alert(1)</script>\"'><img src=//evil.example.org/x onerror=alert(2)>"
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state with a week's log, a day after its last night."""
    monkeypatch.setattr(clock, "now", lambda: AT)
    write_log(tmp_path / "state" / "events" / "events.jsonl", week())
    return tmp_path / "state"


def report(state: Path, *argv: str) -> int:
    return cli.invoke(["--project", str(ROOT), "--state", str(state), "report", *argv])


def page_of(state: Path, *argv: str) -> str:
    assert report(state, *argv) == 0
    return (state / "report" / "timeline.html").read_text(encoding="utf-8")


def test_it_says_in_a_few_lines_what_was_done_and_where_the_files_are(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(state) == 0

    assert capsys.readouterr().out == (
        "7 runs from 2026-11-16T03:00:00Z to 2026-11-22T03:07:55Z: "
        "6 packages built, 6 reused, 1 failed, 2 refused\n"
        "slow: build of tomopy 1.0 took 3:04\n"
        "slow: base of debian-12-python took 1:36\n"
        "slow: build of pyfai 1.0 took 1:11\n"
        "refused: sign of ptypy 1.0: ptypy 1.0 is not signed, the policy refuses it (licence-allowed)\n"
        "refused: sign of nexpy 1.0: nexpy 1.0 is not signed, the policy refuses it (tests-passed)\n"
        "failed: test of nexpy 1.0: 3 of 4 passed\n"
        f"html: {state}/report/timeline.html\n"
        f"openmetrics: {state}/report/metrics.txt\n"
    )


def test_the_page_stands_alone(state: Path) -> None:
    page = page_of(state)

    assert "//" not in page
    assert "<script" not in page
    assert not re.search(r"\b(src|href)=|url\(|@import", page)
    assert page.count("<svg") == 1


def test_the_same_log_gives_the_same_bytes(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = page_of(state, "--since", "4w"), (state / "report" / "metrics.txt").read_bytes()
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=1))

    again = page_of(state, "--since", "4w"), (state / "report" / "metrics.txt").read_bytes()

    assert first == again


def test_what_began_before_is_left_out(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(state, "--since", "50h", "--json") == 0

    facts = json.loads(capsys.readouterr().out)
    assert [run["trace"] for run in facts["runs"]] == ["pipeline-4706", "pipeline-4705"]


def test_the_older_file_is_read_as_well(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = event(-60, Stage.BUILD, "old", trace="earlier", seconds=1)
    write_log(older(state / "events" / "events.jsonl"), [earlier])

    assert report(state, "--json") == 0

    assert json.loads(capsys.readouterr().out)["runs"][-1]["trace"] == "earlier"


def test_another_run_can_be_drawn(state: Path) -> None:
    page = page_of(state, "--run", "pipeline-4701")

    assert "The run: apply" in page
    svg = page[page.index("<svg") : page.index("</svg>")]
    assert "silx 1.0" in svg
    assert "tomopy" not in svg


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--since", "soon"], "error: 'soon' is not an age"),
        (["--run", "pipeline-1"], "error: the log has no run 'pipeline-1' in this time"),
        (["--format", "pdf"], "Invalid value for '--format'"),
    ],
)
def test_what_cannot_be_answered_is_said(
    state: Path, argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(state, *argv) == 2

    assert says in capsys.readouterr().err
    assert not (state / "report").exists()


def test_one_form_alone_goes_where_it_is_asked_for(state: Path, tmp_path: Path) -> None:
    assert report(state, "--format", "openmetrics", "--output", str(tmp_path / "out")) == 0

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["metrics.txt"]
    assert not (state / "report").exists()


def test_without_a_log_there_is_an_empty_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Nothing was recorded" in page_of(tmp_path / "new")

    assert capsys.readouterr().out.startswith("nothing was recorded in this time\n")


def test_damaged_lines_are_told(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (state / "events" / "events.jsonl").open("ab") as stream:
        stream.write(b'garbage\n{"schema":1,"began":"2026-11-2')

    assert "2 lines of the log could not be read" in page_of(state)
    assert "2 lines of the log cannot be read" in capsys.readouterr().err


def test_an_existing_report_of_apply_is_left_alone(state: Path) -> None:
    (state / "report").mkdir()
    (state / "report" / "report.html").write_text("of apply", encoding="utf-8")

    page_of(state)

    assert (state / "report" / "report.html").read_text(encoding="utf-8") == "of apply"


def hostile() -> list[Event]:
    """Return a run in which every text comes from somebody who means ill."""
    bad = {"seconds": 5.0, "version": HOSTILE, "message": HOSTILE, "rule": HOSTILE, "verb": HOSTILE}
    return [
        event(0, stage, HOSTILE, result=result, **bad)  # type: ignore[arg-type]
        for stage in Stage
        for result in Result
    ]


def test_a_strangers_text_stays_text(state: Path) -> None:
    write_log(state / "events" / "events.jsonl", hostile())

    page = page_of(state)

    assert "<script" not in page
    assert "<img" not in page
    assert page.count("</svg>") == 1
    assert "&lt;/svg&gt;&lt;script&gt;" in page


@pytest.mark.needs("chromium")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("events", [week, hostile], ids=["week", "hostile"])
def test_a_browser_draws_it_and_asks_for_nothing(state: Path, events: object, scheme: str) -> None:
    assert callable(events)
    write_log(state / "events" / "events.jsonl", events())
    page_of(state)
    said: list[str] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(
            viewport={"width": 390, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda r: None if r.url.startswith("file://") else said.append(r.url))
        page.goto((state / "report" / "timeline.html").as_uri())
        bars = page.locator("svg rect:not(.lane)").count()
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()

    assert said == []
    assert bars == (len(hostile()) if events is hostile else 22)
    assert overflow <= 0
    assert paper == ("rgb(20, 23, 27)" if scheme == "dark" else "rgb(255, 255, 255)")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_command_leaves_its_events_under_the_id_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    state = tmp_path / "state"
    argv = ["--project", str(ROOT), "--state", str(state), "-q"]
    if by == "option":
        argv += ["--trace", "night-7"]
    else:
        monkeypatch.setenv("PANSOFT_TRACE", "night-7")

    def fetch(*_: object, **__: object) -> Fetched:
        raise UserError("a.deb (named by lock.json) could not be downloaded", hint="")

    monkeypatch.setattr(fetching, "fetch", fetch)
    assert cli.invoke([*argv, "fetch", "hdf5-tools"]) == 2
    monkeypatch.setattr(fetching, "fetch", lambda *_, **__: Fetched(9, 2, 500))
    assert cli.invoke([*argv, "fetch"]) == 0
    assert cli.invoke([*argv, "log", "hdf5-tools"]) == 2  # records nothing

    failed, done = read_events([state / "events" / "events.jsonl"]).events
    assert {(item.trace, item.verb) for item in (failed, done)} == {("night-7", "fetch")}
    assert (failed.package, failed.result) == ("hdf5-tools", Result.FAILED)
    assert failed.message == "a.deb (named by lock.json) could not be downloaded"
    assert (done.package, done.result, done.bytes) == (None, Result.DONE, 500)


def test_a_log_that_cannot_be_read_is_told(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = state / "events" / "events.jsonl"
    log.unlink()
    log.mkdir()

    assert report(state) == 2

    assert f"error: the log {log} cannot be read" in capsys.readouterr().err
