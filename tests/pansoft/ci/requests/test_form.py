# SPDX-License-Identifier: BSD-3-Clause
"""What a form asks for, and what a stranger cannot make of it."""

from __future__ import annotations

import time

import pytest

from pansoft.ci.requests.form import (
    CITED,
    HEADINGS,
    HOMEPAGE,
    LONGEST,
    MARK,
    MARKER,
    NAME_THERE,
    PURPOSE,
    SUMMARY,
    TEMPLATE,
    TEST,
    VERSION,
    WHERE,
    Fault,
    Form,
    Origin,
    read,
)
from tests.pansoft.ci.requests import forms
from tests.pansoft.ci.requests.forms import filled
from tests.real_projects import ROOT


def form(text: str) -> Form:
    """Return the form of a text that is in order."""
    reading = read(text)
    assert reading.faults == ()
    assert reading.form is not None
    return reading.form


def faults(text: str) -> list[str]:
    """Return below which headings something is wrong."""
    reading = read(text)
    assert reading.form is None
    return [fault.heading for fault in reading.faults]


def test_the_template_begins_with_the_marker_and_has_the_headings() -> None:
    lines = (ROOT / TEMPLATE).read_text(encoding="utf-8").splitlines()

    assert lines[0] == MARKER
    assert [line[4:] for line in lines if line.startswith("### ")] == list(HEADINGS)
    assert [line[6:] for line in lines if line.startswith("- [ ] ")] == [o.value for o in Origin]


def test_the_empty_form_lacks_what_is_needed() -> None:
    assert faults(forms.empty()) == [WHERE, NAME_THERE, TEST]


def test_a_form_with_all_that_is_needed() -> None:
    assert form(filled()) == Form(Origin.PYPI, "drawer", None, None, None, forms.TEST, None, None)


def test_a_form_with_all_there_is() -> None:
    text = filled(
        Name="`Draw_er.Kit`",
        Version="1.0rc1",
        Summary='Draws: lines & "circles"',
        Purpose="It draws.\n\nIt colours as well.",
        Home_page="https://drawer.example.org/a?b=c#d",
        Citation="doi:10.1107/S1600576715004306",
    )

    assert form(text) == Form(
        Origin.PYPI,
        "draw-er-kit",
        "1.0rc1",
        'Draws: lines & "circles"',
        "It draws.\n\nIt colours as well.",
        forms.TEST,
        "https://drawer.example.org/a?b=c#d",
        "https://doi.org/10.1107/S1600576715004306",
    )


def test_a_debian_package_keeps_its_name() -> None:
    assert form(filled("Debian", Name="libfoo1.0++")).name == "libfoo1.0++"


def test_windows_line_ends_are_line_ends() -> None:
    assert form(filled().replace("\n", "\r\n")) == form(filled())


def test_the_digest_is_of_what_is_asked_for() -> None:
    assert form(filled() + "\n\n<!-- hello -->\n").digest == form(filled()).digest
    assert form(filled(Version="2")).digest != form(filled()).digest


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["Python", "Debian"])
@pytest.mark.parametrize(
    "name",
    [
        "$(touch x)",
        "`id` x",
        "a;b",
        "a b",
        "a|b",
        "-r/etc/passwd",
        "--index-url=http://evil.example.org",
        "../../.gitlab-ci",
        "recipes/../x",
        "/etc/passwd",
        ".hidden",
        "a\\b",
        "drawer==1.0",
        "drawer[all]",
        "drawer @ https://evil.example.org/x.whl",
        "https://pypi.example.org/project/drawer",
        "git+https://evil.example.org/x",
        "drawer/bookworm",
        "drawer=1.0",
        "dra\u202ewer",
        "dra\u200bwer",
        "dr\u0430wer",  # its a is Cyrillic
        "drawer\nother",
        "{{ name }}",
        "a: b",
        "@all",
        "#1",
        "x" * 65,
        "x" * 10_000,
        "bases",
        "drawer\x00",
    ],
)
def test_what_is_no_name_is_refused(where: str, name: str) -> None:
    assert faults(filled(where, Name=name)) == [NAME_THERE]


@pytest.mark.parametrize("name", ["foo.zip", "foo.whl", "foo.tar.gz"])
def test_the_name_of_a_project_is_never_that_of_a_file(name: str) -> None:
    assert form(filled(Name=name)).project == name.replace(".", "-")


@pytest.mark.parametrize(
    "version",
    ["latest", ">=1", "1.0; os_name", "1.0+local.zip", "1 2", "$(id)", "--pre", "1.0 @ x", "../1"],
)
def test_what_is_no_version_is_refused(version: str) -> None:
    assert faults(filled(Version=version)) == [VERSION]


# -- free texts -------------------------------------------------------------------------------------


def test_what_hides_or_reorders_text_is_taken_out() -> None:
    found = form(filled(Summary="dr\u202eaw\u2066s\u200b \x1b[31mred\x07\u2028lines\ufeff"))

    assert found.summary == "draws [31mred lines"


def test_a_text_that_is_only_such_is_none() -> None:
    assert form(filled(Summary="\u202e\u200b")).summary is None


@pytest.mark.parametrize(
    ("below", "heading"),
    [
        ({"Summary": "x" * 161}, SUMMARY),
        ({"Summary": "one\ntwo"}, SUMMARY),
        ({"Purpose": "x" * 2001}, PURPOSE),
        ({"Test": "x" * 2001}, TEST),
        ({"Test": "works"}, TEST),
        ({"Test": "\u200b" * 100}, TEST),
        ({"Home_page": "javascript:alert(1)"}, HOMEPAGE),
        ({"Home_page": "https://a.example.org/ x"}, HOMEPAGE),
        ({"Home_page": "https://a.example.org@evil.example.org"}, HOMEPAGE),
        ({"Home_page": "https://a.example.org/" + "x" * 300}, HOMEPAGE),
        ({"Citation": "Smith et al."}, CITED),
        ({"Citation": "10.1107/a b"}, CITED),
        ({"Citation": "10.1107/" + "x" * 300}, CITED),
    ],
)
def test_what_does_not_belong_below_a_heading_is_refused(
    below: dict[str, str], heading: str
) -> None:
    assert faults(filled(**below)) == [heading]


@pytest.mark.parametrize(
    "mend",
    [
        lambda text: text.replace("- [ ] Debian", "- [x] Debian"),
        lambda text: text.replace("- [x] Python", "- [ ] Python"),
        lambda text: text.replace("- [x] Python Package Index (PyPI)", "- [x] Conda"),
    ],
)
def test_it_comes_from_one_of_two_places(mend: object) -> None:
    assert callable(mend)
    assert faults(mend(filled())) == [WHERE]


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = filled(Name="$(id)", Version="x", Home_page="no")

    assert read(text).faults == (
        Fault(
            NAME_THERE,
            "this is no such name: letters, digits, '.', '+' and '-', at most 64, and no address or version",
            "$(id)",
        ),
        Fault(VERSION, "this is no version: write it as 1.2.3, or nothing for the newest", "x"),
        Fault(HOMEPAGE, "this is no web address: https://… and nothing else", "no"),
    )


# -- the form itself --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its first line has to be"),
        ("Please package drawer.", "its first line has to be"),
        (f"Hello.\n{filled()}", "its first line has to be"),
        (filled() + filled(), "more than once"),
        (filled(Purpose=MARKER), "more than once"),
        (filled(Purpose=f"<!-- {MARK} other -->"), "more than once"),
        (filled().replace("### Test", "### Proof"), "headings are missing"),
        (filled(Purpose="x\n### Name\n\nother"), "the heading 'Name' stands there twice"),
        (filled() + "<!-- never ends", "does not end"),
        (filled(Purpose="<!-<!--x-->- hidden -<!--y-->->"), "comments in comments"),
        ("x" * (LONGEST + 1), f"more than {LONGEST} characters"),
    ],
)
def test_what_is_not_the_form_is_said_once(text: str, said: str) -> None:
    reading = read(text)

    assert reading.form is None
    assert [said in fault.said for fault in reading.faults] == [True]
    assert [fault.heading for fault in reading.faults] == [""]


def test_a_comment_cannot_hide_what_is_asked_for() -> None:
    assert form(filled(Name="<!-- evil -->drawer<!-- -->")).project == "drawer"


def test_a_heading_of_somebodys_own_is_text() -> None:
    assert form(filled(Purpose="It draws.\n### More\n- lines")).purpose == (
        "It draws.\n### More\n- lines"
    )


@pytest.mark.parametrize(
    "part", ["<!--", "-->", "### Name\n", "- [x] ", "`", "<!---->", "\u202e", "\n"]
)
def test_a_long_hostile_form_is_read_in_no_time(part: str) -> None:
    text = filled(Purpose=part * (LONGEST // len(part) - 400))

    began = time.monotonic()
    read(text[:LONGEST])

    assert time.monotonic() - began < 1
