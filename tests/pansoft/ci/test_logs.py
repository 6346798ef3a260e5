# SPDX-License-Identifier: BSD-3-Clause
"""Of a job's log the lines are shown that say why it failed."""

from __future__ import annotations

from pansoft.ci.logs import begun_by, relevant


def test_the_first_error_and_the_end_are_shown() -> None:
    log = [f"line {number}" for number in range(500)]
    log[100] = "error: pip cannot resolve gemmi==0.8"
    log[101] = "hint: every requirement must have a wheel"

    shown = relevant("\n".join(log))

    assert shown == (
        "…",
        "line 98",
        "line 99",
        "error: pip cannot resolve gemmi==0.8",
        "hint: every requirement must have a wheel",
        "line 102",
        "…",
        *(f"line {number}" for number in range(488, 500)),
    )


def test_a_log_full_of_errors_is_cut() -> None:
    shown = relevant("\n".join(f"error: number {number}" for number in range(5000)))

    assert shown[0] == "error: number 0"
    assert shown[-1] == "error: number 4999"
    assert len([line for line in shown if line != "…"]) == 40


def test_what_a_runner_adds_is_taken_away() -> None:
    log = (
        "2026-11-23T19:00:00.000001Z 00O \x1b[0;m$ pansoft ci update\r\n"
        "section_start:1700000000:step_script[collapsed=true]\r\x1b[0Kasks\n"
        " 10 %\r 50 %\r100 %\n\n"
        "2026-11-23T19:00:01.000001Z 01E+\x1b[31merror:\x1b[0m refused\n"
    )

    assert relevant(log) == ("$ pansoft ci update", "asks", "100 %", "error: refused")


def test_secrets_are_hidden() -> None:
    shown = relevant("password=hunter2-hunter2\nuses correct horse", secrets=["correct horse"])

    assert shown == ("password=***", "uses ***")


def test_an_empty_log_says_nothing() -> None:
    assert relevant("\n\n") == ()


def test_names_are_taken_from_the_beginning_of_lines_only() -> None:
    lines = (
        "gemmi: not locked",
        "drawer 1.0 → 1.2: cannot be made",
        "units are wrong: gemmi",
        "error: units",
        "gemmi@0.7.4: not built",
        "gemmi: not locked",
        "stranger: not locked",
    )

    assert begun_by(lines, ["units", "drawer", "gemmi", "gemmi@0.7.4"]) == (
        "gemmi",
        "drawer",
        "gemmi@0.7.4",
    )
