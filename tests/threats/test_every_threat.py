# SPDX-License-Identifier: BSD-3-Clause
"""docs/trust.md and these tests name the same threats, and every other test that the page names is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.pages import ROOT

PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
HERE = Path(__file__).parent
_TEST = re.compile(r"^def (test_\w+)\(", re.MULTILINE)


def sections() -> dict[str, str]:
    """Return the text about each threat, by the name of its test."""
    text = PAGE.split("\n## Threats\n")[1].split("\n## ")[0]
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    names = [f"test_{re.sub('[^a-z0-9]+', '_', title.lower())}" for title in parts[::2]]
    return dict(zip(names, parts[1::2], strict=True))


def named_in(folder: Path) -> dict[str, set[str]]:
    """Return the tests of each module, by its name."""
    return {
        file.stem: set(_TEST.findall(file.read_text(encoding="utf-8")))
        for file in folder.rglob("test_*.py")
    }


def test_each_threat_has_a_test_of_its_name_and_each_test_a_threat() -> None:
    modules = named_in(HERE)
    del modules[Path(__file__).stem]

    assert set(sections()) == set(modules)
    assert [name for name, tests in modules.items() if name not in tests] == []


def test_of_each_threat_the_page_says_what_is_left_and_how_to_practise() -> None:
    assert len(sections()) == 8
    for name, text in sections().items():
        assert "\nWhat is left: " in text, name
        assert "\nDrill: " in text, name


def test_the_tests_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    known = set().union(*named_in(ROOT / "tests").values())

    assert len(named) >= 16
    assert named - known == set()
