# SPDX-License-Identifier: BSD-3-Clause
"""The harness around graphical programs, run on this machine's own virtual screen."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import pytest

from builder.recipes.recipe import Test, TestKind
from builder.testing import gui, screen
from builder.testing.trial import Ended, script
from core import process

pytestmark = pytest.mark.needs("Xvfb", "xwininfo", "xev")


def shown(folder: Path, run: str, *, window: str = "Event Tester", patience_s: int = 60) -> Ended:
    """Return how the harness ends around a program."""
    harness, work = folder / "harness", folder / "work"
    harness.mkdir()
    work.mkdir()
    (harness / "test.sh").write_text(run, encoding="utf-8")
    for name in ("gui.sh", "display.sh"):
        (harness / name).write_text(script(name), encoding="utf-8")
    done = process.run(
        ["sh", harness / "gui.sh", window, str(patience_s)],
        reason="try the harness",
        cwd=work,
        env={"PATH": process.SYSTEM_PATH, "HOME": str(work)},
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, harness, work)


def fault(ended: Ended, *, expect: str | None = None) -> str | None:
    return gui.fault(
        Test("it", TestKind.GUI, expect=(expect,) if expect else (), window="Event Tester"), ended
    )


def is_gone(ended: Ended) -> bool:
    """Wait until the program that wrote its number is no more, or only for its parent to look."""
    stat = Path("/proc", (ended.work / "pid").read_text().strip(), "stat")
    for _ in range(100):
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.1)
    return False


def test_a_program_that_shows_its_window_passes_and_is_ended(tmp_path: Path) -> None:
    ended = shown(tmp_path, "echo ready; echo $$ > pid; exec xev", window="^Event T[a-z]+$")

    assert fault(ended, expect="ready") is None
    assert ended.stdout.startswith("window: Event Tester\nthe program printed:\nready\n")
    assert is_gone(ended)


def test_its_picture_is_kept(tmp_path: Path) -> None:
    ended = shown(tmp_path, "xev")

    png = gui.evidence(ended)["screen.png"]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1280, 1024)
    size = struct.unpack(">I", png[33:37])[0]
    pixels = zlib.decompress(png[41 : 41 + size])
    assert len(pixels) == 1024 * (1 + 3 * 1280)
    assert {0, 255} <= set(pixels)  # the black screen and xev's white window


def test_a_program_that_fails_says_so_with_what_it_printed(tmp_path: Path) -> None:
    ended = shown(tmp_path, "echo 'no such file: image.h5' >&2; exit 7")

    assert fault(ended) == (
        "the program ended with status 7 before a window with the title 'Event Tester' was there"
    )
    assert "no such file: image.h5" in ended.output


def test_a_program_that_ends_without_a_window_fails(tmp_path: Path) -> None:
    assert fault(shown(tmp_path, "true")) == (
        "the program ended with status 0 before a window with the title 'Event Tester' was there"
    )


def test_another_window_is_not_enough_and_is_named(tmp_path: Path) -> None:
    ended = shown(tmp_path, "xev -name 'An error occurred'", patience_s=2)

    assert fault(ended) == "no window with the title 'Event Tester' was there after 2 s"
    assert "the windows that were there:\n  An error occurred\n" in ended.stdout
    assert "screen.png" in gui.evidence(ended)


def test_a_program_that_breaks_down_behind_its_window_fails(tmp_path: Path) -> None:
    run = (
        "xev & until xwininfo -name 'Event Tester'; do sleep 0.1; done; sleep 0.4; kill $!; exit 3"
    )

    assert fault(shown(tmp_path, run)) in {
        "the program ended with status 3 right after its window was there",
        "the program ended with status 3 before a window with the title 'Event Tester' was there",
    }


def test_a_program_that_starts_another_and_leaves_passes(tmp_path: Path) -> None:
    assert fault(shown(tmp_path, "xev > /dev/null 2>&1 & exit 0")) is None


def test_a_program_that_will_not_end_is_killed(tmp_path: Path) -> None:
    ended = shown(
        tmp_path, "trap '' TERM HUP; echo $$ > pid; xev || true; while :; do sleep 0.1; done"
    )

    assert fault(ended) is None
    assert is_gone(ended)


def test_without_a_virtual_screen_the_reason_says_what_is_missing(tmp_path: Path) -> None:
    harness = tmp_path / "harness"
    harness.mkdir()
    for name in ("gui.sh", "display.sh"):
        (harness / name).write_text(script(name), encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "sh"):
        (tools / name).symlink_to(Path("/usr/bin", name))

    process.run(
        ["/bin/sh", harness / "gui.sh", "x", "1"], reason="try", env={"PATH": str(tools)},
        check=False,
    )  # fmt: skip

    assert (harness / "reason").read_text() == (
        "the image has no Xvfb: a test of the kind gui needs a base with a virtual screen\n"
    )


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 200], ids=["empty", "short", "zeros"])
def test_what_is_no_screen_gives_no_picture(content: bytes) -> None:
    assert screen.as_png(content) is None
