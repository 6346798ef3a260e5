# SPDX-License-Identifier: BSD-3-Clause
"""Events as lines: what comes back is what was written, and what cannot be read is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import InvalidInput, UserError
from core.events import (
    Event,
    Result,
    Stage,
    Unreadable,
    checked_trace,
    event_of,
    in_a_line,
    line_of,
    read_events,
    why,
)
from core.problems import Position, Problem

EVENT = Event(
    began=datetime(2026, 11, 23, 3, 0, 0, 250_000, tzinfo=UTC),
    trace="pipeline-4711",
    verb="apply",
    stage=Stage.BUILD,
    result=Result.DONE,
    package="pyfai",
    version="2025.12.1",
    plan="ab" * 32,
    seconds=71.2,
    bytes=4_700_000,
)


def test_a_line_says_all_of_an_event() -> None:
    assert json.loads(line_of(EVENT)) == {
        "schema": 1,
        "began": "2026-11-23T03:00:00.250Z",
        "trace": "pipeline-4711",
        "verb": "apply",
        "stage": "build",
        "result": "done",
        "package": "pyfai",
        "version": "2025.12.1",
        "plan": "ab" * 32,
        "seconds": 71.2,
        "bytes": 4_700_000,
        "rule": None,
        "message": None,
    }


@pytest.mark.parametrize(
    "event",
    [EVENT, Event(EVENT.began, "t", "fetch", Stage.FETCH, Result.FAILED, message="é \U0001f52c")],
    ids=["of a package", "of a run"],
)
def test_what_was_written_comes_back(event: Event) -> None:
    assert event_of(line_of(event).rstrip(b"\n")) == event


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", '","stage":"x', "\ud800", "\x00"])
def test_no_text_makes_a_second_line(text: str) -> None:
    line = line_of(replace(EVENT, package=text))

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert len(line.splitlines()) == 1
    assert (event_of(line).package or "").isprintable()


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(line_of(EVENT)), **fields}).encode()


DAMAGED = {
    "cut": line_of(EVENT)[:80],
    "no JSON": b"kernel: oops",
    "not UTF-8": b"\xff\xfe{}",
    "no object": b"[1]",
    "deep": b"[" * 50_000,
    "long": changed(message="x" * 70_000),
    "a later schema": changed(schema=2),
    "an unknown stage": changed(stage="melt"),
    "an unknown result": changed(result="perhaps"),
    "no time": changed(began="yesterday"),
    "no zone": changed(began="2026-11-23T03:00:00"),
    "no trace": changed(trace=None),
    "a trace with a slash": changed(trace="../../etc"),
    "a package that is a number": changed(package=7),
    "seconds in words": changed(seconds="long"),
    "seconds below zero": changed(seconds=-1),
    "seconds without end": changed(seconds=float("inf")),
    "no number": changed(seconds=float("nan")),
    "bytes that are true": changed(bytes=True),
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_no_event(line: bytes) -> None:
    with pytest.raises(Unreadable):
        event_of(line)


def test_damaged_lines_are_counted_and_the_others_are_read(tmp_path: Path) -> None:
    later = replace(EVENT, began=EVENT.began + timedelta(minutes=1))
    old, new = tmp_path / "events.1.jsonl", tmp_path / "events.jsonl"
    old.write_bytes(line_of(later) + b"{broken\n\n")
    new.write_bytes(line_of(EVENT) + line_of(EVENT)[:40])  # its writer was killed

    log = read_events([old, new])

    assert log.events == (EVENT, later)
    assert log.damaged == 2


def test_what_began_earlier_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    later = replace(EVENT, began=EVENT.began + timedelta(days=1))
    file.write_bytes(line_of(EVENT) + line_of(later))

    assert read_events([file], since=later.began).events == (later,)


def test_a_log_that_is_not_there_is_empty_and_one_that_is_no_file_is_told(tmp_path: Path) -> None:
    assert read_events([tmp_path / "none"]).events == ()
    with pytest.raises(UserError, match="cannot be read"):
        read_events([tmp_path])


SECRETS = {
    "password in an address": "https://bot:hunter22@git.example.org/x",
    "header": "sent Authorization: Basic aHVudGVyMjI=hunter22",
    "bearer": "Bearer hunter22hunter22",
    "query": "https://s3.example.org/a?X-Amz-Signature=hunter22&b=1",
    "variable": "MY_TOKEN=hunter22 make",
    "field": '{"password":"hunter22"}',
    "GitLab": "glpat-hunter22abc",
    "GitHub": "ghp_hunter22abcdef",
    "web token": "eyJhbGciOiJSUzI1NiJ9.hunter22.c2ln",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_not_kept(text: str) -> None:
    said = in_a_line(f"it failed with {text} at the end")

    assert "hunter22" not in said
    assert said.startswith("it failed with")
    assert "***" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\n    and the log", "one"),
        ("the policy refuses it:\n  rule: because\n  other: too", "the policy refuses it: rule: because"),
        ("it failed\n  at recipe.yaml:18: make\n    log", "it failed at recipe.yaml:18: make"),
        ("  many   spaces\there ", "many spaces here"),
        ("right\u202eto left\x1b[31m", "rightto left[31m"),
        ("the token: it has expired", "the token: it has expired"),
        ("x" * 500, "x" * 399 + "…"),
    ],
    ids=["first line", "heading", "place", "spaces", "hidden", "no secret", "long"],
)  # fmt: skip
def test_a_message_is_one_line(text: str, said: str) -> None:
    assert in_a_line(text) == said


def test_faults_in_files_are_told_by_the_first() -> None:
    place = Position(Path("recipe.yaml"))
    problems = [Problem(place, "recipe-name", "too long"), Problem(place, "recipe-base", "none")]

    error = InvalidInput(problems)

    assert (why(error), error.rule) == ("too long, and 1 more", "recipe-name")
    assert (why(UserError("no room\nat all")), UserError("no room").rule) == ("no room", None)


@pytest.mark.parametrize("text", ["", "-x", "a b", "a/b", "a" * 65, "é"])
def test_what_is_no_id_of_a_run_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="id of a run"):
        checked_trace(text)
