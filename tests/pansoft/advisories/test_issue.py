# SPDX-License-Identifier: BSD-3-Clause
"""The issue says what is to be done; the words of advisories are words and nothing else."""

from __future__ import annotations

from pansoft.advisories.holdings import Holder, Holdings
from pansoft.advisories.issue import key_of, text_of
from pansoft.advisories.scan import Known, Row, Scan
from pansoft.advisories.sources import Answer
from pansoft.advisories.text import as_json, lines
from trust.evidence import Component
from trust.vulnerabilities.advisories import Level

NUMPY = Component("pkg:pypi/numpy@1.26.0", "numpy", "1.26.0")
PYFAI = Holder("pyfai", "2025.1", "debian-12", is_published=True)
HOSTILE = "</code>\n/close @all #1 <img src=x> | `a` \u202eevil [x](javascript:1)"
ANSWERS = (
    Answer("debian", 0, not_asked="the archives cannot be read: gone", is_fault=True),
    Answer("pypi", 0),
)


def row(summary: str = "", *, ids: tuple[str, ...] = ("CVE-1",)) -> Row:
    known = tuple(Known(each, summary, Level.HIGH, "1.27", ("pypi",)) for each in ids)
    return Row("numpy", "1.26.0", (NUMPY,), known, (PYFAI,))


def scan_of(*rows: Row) -> Scan:
    return Scan(Holdings({NUMPY: (PYFAI,)}), ANSWERS, rows, (), 0)


def test_the_issue_is_a_list_of_boxes() -> None:
    made = row()

    said = text_of(scan_of(made), {made: ("pansoft lock pyfai",)}).description

    assert said.splitlines()[:3:2] == [
        "<!-- pansoft:advisories -->",
        "1 thing is known to be vulnerable or withdrawn in 1 packages. This is written anew by the "
        "schedule, ticked boxes stay, and it is closed when nothing is left.",
    ]
    assert said.splitlines()[4:8] == [
        f"- [ ] <!-- {key_of(made)} --> <code>numpy 1&#46;26&#46;0</code>, fixed in "
        "<code>1&#46;27</code>",
        "  - <code>CVE-1</code>, high",
        "  - in <code>pyfai 2025&#46;1</code>",
        "  - do: <code>pansoft lock pyfai</code>",
    ]


def test_a_box_stays_ticked_until_something_else_is_behind_it() -> None:
    made, more = row(), row(ids=("CVE-1", "CVE-2"))
    ticked = frozenset({key_of(made)})

    assert "- [x] <!--" in text_of(scan_of(made), {made: ()}, ticked).description
    assert "- [ ] <!--" in text_of(scan_of(more), {more: ()}, ticked).description


def test_a_hostile_advisory_is_a_text_and_nothing_else() -> None:
    made = row(HOSTILE, ids=("CVE-1 @all",))

    said = text_of(scan_of(made), {made: ("pansoft lock `x`",)}).description

    for bad in ("@", "<img", "`", " #1", "[x](", "\u202e", "/close"):
        assert bad not in said, bad
    assert not any(line.lstrip().startswith("/") for line in said.splitlines())


def test_a_hostile_advisory_does_nothing_to_a_terminal() -> None:
    made = row("\x1b[2J\u202eevil")

    said = "\n".join(lines(scan_of(made), {made: ()}))

    assert "\x1b" not in said
    assert "\u202e" not in said


def test_who_was_not_asked_is_said() -> None:
    said = list(lines(scan_of(), {}))

    assert said == [
        "1 components of 1 packages, 0 to do",
        "  debian: not asked: the archives cannot be read: gone",
        "  pypi: nothing of its kind",
    ]
    assert as_json(scan_of(), {})["sources"] == [
        {
            "name": "debian",
            "asked": 0,
            "not_asked": "the archives cannot be read: gone",
            "fault": True,
        },
        {"name": "pypi", "asked": 0, "not_asked": None, "fault": False},
    ]
