# SPDX-License-Identifier: BSD-3-Clause
"""What is left of texts that want more than to be read."""

from __future__ import annotations

import pytest

from core.harmless import harmless


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab\n", "two\nlines\tand a tab\n"),
        ("\x1b[1;31merror\x1b[0m: no", "error: no"),
        (
            "\x1b[0Ksection_start:1:a[collapsed=true]\r\x1b[0KHere",
            "section_start:1:a[collapsed=true]\nHere",
        ),
        ("\x1b]0;title\x07said", "said"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("written\rover", "written\nover"),
        ("windows\r\n", "windows\n"),
        ("bell\a back\b", "bell back"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("half \ud800 a character", "half  a character"),
        ("Ångström ✅", "Ångström ✅"),
        ("an end \x1b", "an end "),
    ],
)
def test_each_character_is_only_itself(text: str, left: str) -> None:
    assert harmless(text) == left
