# SPDX-License-Identifier: BSD-3-Clause
"""Talk and progress: lines everywhere, a rewritten line on a terminal only."""

from __future__ import annotations

import io

import pytest

from core.console import Console, readable_size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_there_is_talk_but_no_progress() -> None:
    stream = io.StringIO()
    console = Console(stream)

    console.say("fetching")
    with console.progress("fetch", 2) as progress:
        progress.advance()

    assert stream.getvalue() == "fetching\n"


def test_on_a_terminal_progress_is_rewritten_and_cleared() -> None:
    stream = Terminal()
    console = Console(stream)

    with console.progress("fetch", 2_000_000, unit="bytes") as progress:
        progress.advance(1_000_000, note="gnuplot")
    console.say("done")

    assert "1.0 MB/2.0 MB gnuplot" in stream.getvalue()
    assert stream.getvalue().endswith("\r\033[Kdone\n")


def test_quiet_is_quiet() -> None:
    stream = Terminal()

    Console(stream, quiet=True).say("hello")

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (4_700_000, "4.7 MB"), (2_000_000_000_000_000, "2000.0 TB")],
)
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    assert readable_size(size) == text
