# SPDX-License-Identifier: BSD-3-Clause
"""The event log: whole lines whoever writes, and nothing that holds the work up."""

from __future__ import annotations

import concurrent.futures
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import process
from core.errors import Refused, UserError
from core.event_log import NOWHERE, EventLog, Note, append, older
from core.events import Event, Result, Stage, read_events

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events" / "events.jsonl"


def log_at(file: Path, warnings: list[str] | None = None) -> EventLog:
    said = [] if warnings is None else warnings
    return EventLog(file, trace="run-1", verb="apply", at=AT, warn=said.append)


def events_in(*files: Path) -> tuple[Event, ...]:
    log = read_events(files)
    assert log.damaged == 0
    return log.events


def test_a_stage_is_recorded_with_what_it_took(file: Path) -> None:
    with log_at(file).stage(Stage.BUILD, "pyfai", "1.0", "ab") as note:
        note.bytes = 5

    [event] = events_in(file)
    assert (event.trace, event.verb, event.stage) == ("run-1", "apply", Stage.BUILD)
    assert (event.package, event.version, event.plan) == ("pyfai", "1.0", "ab")
    assert (event.result, event.bytes, event.message) == (Result.DONE, 5, None)
    assert event.seconds is not None
    assert AT <= event.began < AT + timedelta(minutes=1)


def test_what_was_there_already_is_reused(file: Path) -> None:
    with log_at(file).stage(Stage.BUILD) as note:
        note.reused()
    with log_at(file).stage(Stage.BUILD) as note:
        note.reused(False)

    assert [event.result for event in events_in(file)] == [Result.REUSED, Result.DONE]


class Named(UserError):
    """An error with a rule."""

    @property
    def rule(self) -> str:
        return "network"


@pytest.mark.parametrize(
    ("error", "result", "rule", "message"),
    [
        (UserError("no room\nlog of the build"), Result.FAILED, None, "no room"),
        (Named("no way"), Result.FAILED, "network", "no way"),
        (Refused("the policy says no"), Result.REFUSED, None, "the policy says no"),
        (KeyboardInterrupt(), Result.FAILED, "stopped", "stopped by whoever started it"),
        (ZeroDivisionError("secret"), Result.FAILED, "bug", "a fault of the program: ZeroDivisionError"),
    ],
    ids=["error", "rule", "refusal", "stopped", "bug"],
)  # fmt: skip
def test_what_ends_badly_is_recorded_and_rises(
    file: Path, error: BaseException, result: Result, rule: str | None, message: str
) -> None:
    with pytest.raises(type(error)), log_at(file).stage(Stage.TEST, "pyfai"):
        raise error

    [event] = events_in(file)
    assert (event.result, event.rule, event.message) == (result, rule, message)


def test_what_nobody_measured_has_no_time(file: Path) -> None:
    log_at(file).tell(Stage.PUBLISH, Note(Result.REUSED), "pyfai", "1.0")

    [event] = events_in(file)
    assert (event.seconds, event.result) == (None, Result.REUSED)


def test_without_a_file_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with NOWHERE.stage(Stage.BUILD) as note:
        note.failed("bad")

    assert list(tmp_path.iterdir()) == []


def unwritable(file: Path) -> None:
    file.mkdir(parents=True)


def full(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.symlink_to("/dev/full")


def in_a_file(file: Path) -> None:
    file.parent.write_text("", encoding="utf-8")


@pytest.mark.parametrize("spoil", [unwritable, full, in_a_file])
def test_a_log_that_cannot_be_written_is_told_of_once(file: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(file)
    said: list[str] = []
    log, done = log_at(file, said), []

    for number in range(3):
        with log.stage(Stage.BUILD):
            done.append(number)

    assert done == [0, 1, 2]
    [warning] = said
    assert warning.startswith(f"warning: {file} cannot be written to")


def test_a_cut_line_ends_before_the_next_begins(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b'{"schema":1,"began"')

    log_at(file).tell(Stage.BUILD, Note())

    log = read_events([file])
    assert (len(log.events), log.damaged) == (1, 1)


def test_a_file_that_has_grown_is_put_aside_and_one_older_one_is_kept(file: Path) -> None:
    for number in range(10):
        append(file, f"{number:09}\n".encode(), largest=40)

    assert file.read_bytes() == b"000000008\n000000009\n"
    assert older(file).read_bytes() == b"".join(f"{number:09}\n".encode() for number in range(4, 8))
    assert sorted(path.name for path in file.parent.iterdir()) == ["events.1.jsonl", "events.jsonl"]


def test_a_line_longer_than_a_file_may_be_is_still_written(file: Path) -> None:
    append(file, b"x" * 100 + b"\n", largest=10)

    assert file.stat().st_size == 101


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from core.event_log import EventLog
from core.events import Stage

log = EventLog(Path(sys.argv[1]), trace=sys.argv[2], verb="build", at=datetime.now(UTC),
               warn=sys.exit, largest=int(sys.argv[3]))
for number in range(100):
    with log.stage(Stage.BUILD, f"p{number}", "1.0"):
        pass
"""


def test_processes_write_at_once_and_no_line_is_lost_when_the_file_is_put_aside(file: Path) -> None:
    one = 250  # bytes of a line, about: the file is put aside once
    argv = [sys.executable, "-c", WRITER, str(file)]

    def write(number: int) -> None:
        process.run([*argv, f"run-{number}", str(400 * one)], reason="write", cwd=Path.cwd())

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))

    events = events_in(older(file), file)
    assert older(file).is_file()
    assert sorted((event.trace, event.package) for event in events) == sorted(
        (f"run-{writer}", f"p{number}") for writer in range(6) for number in range(100)
    )


def test_threads_write_whole_lines(file: Path) -> None:
    log = log_at(file)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.tell(Stage.TEST, Note(), f"p{n}"), range(200)))

    assert {event.package for event in events_in(file)} == {f"p{n}" for n in range(200)}
