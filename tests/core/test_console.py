# SPDX-License-Identifier: BSD-3-Clause
"""Talk and progress: lines everywhere, a rewritten line on a terminal only."""

from __future__ import annotations

import io
import re
import threading
import time

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


def screen(text: str) -> list[str]:
    """Return the lines that a terminal shows after this was written to it."""
    lines, row = [""], 0
    for part in re.split(r"(\r\x1b\[K|\x1b\[A\x1b\[K|\n)", text):
        if part == "\r\x1b[K":
            lines[row] = ""
        elif part == "\x1b[A\x1b[K":
            row -= 1
            lines[row] = ""
        elif part == "\n":
            row += 1
            lines[row:] = [*lines[row:], ""][: max(1, len(lines) - row)]
        else:
            lines[row] += part
    return lines[: row + 1]


def test_each_task_has_a_line_below_the_count() -> None:
    stream = Terminal()
    console = Console(stream)

    def work(name: str, step: str) -> None:
        with console.task(name):
            console.status(f"{name}: {step}")
            both.wait()

    both = threading.Barrier(3)
    with console.board("build", 3) as board:
        console.say("fetched 7 inputs")
        threads = [
            threading.Thread(target=work, args=("pyfai", "installing 12 Python packages")),
            threading.Thread(target=work, args=("silx", "packing")),
        ]
        for count, thread in enumerate(threads, start=1):
            thread.start()
            while both.n_waiting < count:
                time.sleep(0.01)
        board.advance(failed=True)
        shown = screen(stream.getvalue())
        both.wait()
        for thread in threads:
            thread.join()
    console.say("done")

    assert [line.rstrip() for line in shown] == [
        "fetched 7 inputs",
        "build: 1 of 3 done, 1 failed, 2 running",
        "  pyfai  0:00  installing 12 Python packages",
        "  silx   0:00  packing",
    ]
    assert screen(stream.getvalue())[:2] == ["fetched 7 inputs", "done"]


def test_without_a_terminal_a_board_prints_nothing() -> None:
    stream = io.StringIO()
    console = Console(stream)

    with console.board("build", 1) as board, console.task("pyfai"):
        console.status("pyfai: packing")
        board.advance()

    assert stream.getvalue() == ""
