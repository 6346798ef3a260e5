# SPDX-License-Identifier: BSD-3-Clause
"""The note of a merge request: what it says, and that nobody's words become more than words."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.evidence.difference import Change
from pansoft.ci import preview as previews
from pansoft.ci.gitlab import Gitlab, Login
from pansoft.ci.markdown import MOST, Markdown, block, code, link, only
from pansoft.ci.note import MARKER, Moved, Note, PackageNote, Picture, Standing, heading, render
from tests.gitlab_server import gitlab_server
from tests.pansoft.ci.test_preview import KEPT, SERVED
from trust.identity.tokens import Token

READY = PackageNote(
    "pyfai",
    "2026.1",
    Standing.READY,
    before="2025.12",
    fresh=True,
    build_seconds=41.26,
    tests=12,
    tests_passed=12,
    size=210_000_000,
    new_bytes=4_700_000,
    start_seconds=0.812,
    licence="MIT",
    accepted=True,
    changes=(
        Change("package", "pypi:numpy", "2.1", "2.2"),
        Change("package", "deb:zlib", None, "1"),
    ),
    pictures=(Picture("window.png", "https://git.example/pan/window.png"),),
)
FAILED = PackageNote(
    "xrt", "2.0", Standing.FAILED, why="test: 1 of 3 failed", output="line one\nline two\n"
)
REFUSED = PackageNote("fox", "1.0", Standing.REFUSED, before="1.0", fresh=False, why="licence")

WHOLE = """<!-- pansoft:report -->
### ❌ Failed: 1 of 2 packages: <code>xrt</code>

1 built · 12 of 12 tests passed · 5.1 MB new in the repository · 1 min 40 s · 7 as they were

| | package | change | build | tests | size | new | starts within | licence |
|---|---|---|---|---|---:|---:|---:|---|
| ❌ failed | <code>xrt</code> <code>2&#46;0</code> | new |  |  |  |  |  |  |
| ✅ ready | <code>pyfai</code> <code>2026&#46;1</code> | from <code>2025&#46;12</code> | built in 41.3 s \
| 12 of 12 | 210.0 MB | 4.7 MB | 0.81 s | <code>MIT</code> |

<details open><summary>❌ <code>xrt</code>: why it stopped</summary>

<code>test&#58; 1 of 3 failed</code>

<pre><code>line one
line two</code></pre>

</details>

<details><summary>Components of <code>pyfai</code>: 1 added, 1 changed</summary>

- <code>pypi&#58;numpy</code> <code>2&#46;1</code> → <code>2&#46;2</code>
- added <code>deb&#58;zlib</code> <code>1</code>

</details>

<details><summary>Screenshots of graphical tests</summary>

- <code>pyfai</code>: <a href="https&#58;&#47;&#47;git&#46;example&#47;pan&#47;window&#46;png">\
<code>window&#46;png</code></a>

</details>

<details><summary>How to build it yourself</summary>

<pre><code>git fetch origin merge-requests&#47;7&#47;head
git checkout FETCH&#95;HEAD
pansoft build xrt
pansoft test xrt
pansoft shell xrt</code></pre>

</details>

<sub>commit <code>0123456789ab</code> · \
<a href="https&#58;&#47;&#47;git&#46;example&#47;1"><code>pipeline</code></a></sub>
"""


def test_the_whole_note() -> None:
    note = Note(
        (READY, FAILED),
        others=7,
        stored=5_100_000,
        seconds=100,
        commit="0123456789abcdef",
        pipeline="https://git.example/1",
        merge_request=7,
    )

    assert render(note) == WHOLE


def test_a_preview_is_told_with_its_key_and_every_command() -> None:
    note = html.unescape(render(Note((READY,), merge_request=7, preview=SERVED)))

    assert "<summary>Try it before it is merged: a repository to mount</summary>" in note
    assert previews.to_mount(SERVED) in note
    assert previews.to_configure(SERVED) in note
    assert "Nobody has reviewed what is in it" in note
    assert "2026-11-26T22:00:00Z" in note


def test_a_preview_among_artifacts_is_told_with_a_link() -> None:
    note = html.unescape(render(Note((READY,), merge_request=7, preview=KEPT)))

    assert f'<a href="{KEPT.link}">' in note
    assert previews.to_mount(KEPT) in note
    assert "/etc/cvmfs" not in note


HEADINGS = {
    "nothing": ((), "✅ No package changes"),
    "ready": ((READY,), "✅ Ready: 1 package built, tested and accepted by the policy"),
    "not judged": ((READY, replace(READY, accepted=None)), "✅ Ready: 2 packages built and tested"),
    "refused": ((READY, REFUSED), "⛔ Refused by the policy: 1 of 2 packages"),
    "failed and refused": ((REFUSED, FAILED), "❌ Failed: 1 of 2 packages"),
    "missing": (
        (READY, replace(FAILED, standing=Standing.MISSING)),
        "❔ Not complete: 1 of 2 packages not built or tested",
    ),
}


@pytest.mark.parametrize(("packages", "said"), HEADINGS.values(), ids=HEADINGS)
def test_the_verdict_is_the_first_line_that_is_read(
    packages: tuple[PackageNote, ...], said: str
) -> None:
    assert heading(Note(packages)) == said
    assert render(Note(packages)).splitlines()[1].startswith(f"### {said}")


def test_many_packages_are_cut_with_a_count_and_those_that_failed_are_there() -> None:
    packages = tuple(replace(READY, name=f"a{number:03}") for number in range(99))

    text = render(Note((*packages, replace(FAILED, name="zzz"))))

    assert len(re.findall("(?m)^[|] [✅❌]", text)) == 60
    assert "…and 40 more" in text
    assert "| ❌ failed | <code>zzz</code>" in text


def test_the_longest_note_is_one_that_gitlab_takes() -> None:
    worst = replace(
        FAILED,
        why="<" * 10**6,
        output="|" * 10**6 + "\n" + ("<" * 1000 + "\n") * 1000,
        before="1",
        changes=tuple(Change("package", "|" * 1000, "<" * 1000, "@" * 1000) for _ in range(1000)),
        pictures=tuple(Picture("#" * 1000, "https://git.example/" + "!" * 400) for _ in range(100)),
    )

    text = render(Note(tuple(replace(worst, name=f"p{number}") for number in range(500))))

    assert len(text) < 1_000_000


# -- other people's words -------------------------------------------------------------------------

HOSTILE = {
    "quick action": "x\n/close\n/merge",
    "fence": "```\n/close\n```\n~~~\n/close",
    "bar": "a | b \\| c",
    "code": "</code></pre></details>\n\n# Approved",
    "comment": "--> <!--",
    "backticks": "`` ` ```",
    "mention": "@all @root",
    "references": "#1 !2 ~bug %3 &4 $5 :tada: [vulnerability:6] JIRA-7",
    "address": "www.evil.example http://evil.example ![](https://evil.example/pixel.png)",
    "link": "[safe](javascript:alert(1))",
    "entity": "&lt;b&gt; &#60;",
    "reorders": "safe\u202etxt.exe\u200b",
    "colours": "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "windows": "a\r\n/close\r/close\u2028/close\x0b/close\x85/close",
    "marker": f"{MARKER}\n",
    "template": "{{ marker }} {% for x in y %}",
    "long": "x" * 100_000,
    "empty": "",
}


def hostile(text: str) -> Note:
    """Return a note in which every word is this one."""
    return Note(
        (
            PackageNote(
                text,
                text,
                Standing.FAILED,
                before=text,
                fresh=True,
                licence=text,
                why=text,
                output=text,
                changes=(
                    Change("package", text, text, text + "1"),
                    Change("package", text, None, text),
                    Change("package", text, text, None),
                ),
                pictures=(Picture(text, text),),
            ),
        ),
        commit=text,
        began=text,
        pipeline=text,
        merge_request=7,
    )


WORDS = re.compile(r"<pre><code>[^<>]*</code></pre>|<code>[^<>]*</code>")


def skeleton(text: str) -> str:
    """Return a note without anybody's words."""
    return WORDS.sub("*", text)


def check_harmless(text: str) -> None:
    note = render(hostile(text))

    assert skeleton(note) == skeleton(render(hostile("x")))
    for words in WORDS.findall(note):
        assert re.fullmatch(r"([A-Za-z0-9 ,\n-]|[^\x00-\x7f]|&#[0-9]+;|</?(pre|code)>)*", words)
    assert not re.search(r"(?m)^\s*/", note)


@pytest.mark.parametrize(
    "text", [each for each in HOSTILE.values() if each], ids=list(HOSTILE)[:-1]
)
def test_no_words_become_more_than_words(text: str) -> None:
    check_harmless(text)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("a1/`~|<>&#@!$%:[]()\\-*_\n\r\t \x1b\u202e.é"), min_size=1))
def test_no_text_at_all_becomes_more_than_words(text: str) -> None:
    check_harmless(f"x{text}x")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_note_closes_no_merge_request(text: str) -> None:
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        request = project.add_merge_request(source="x")
        login = Login(server.address, project.path, Token(server.add_token("bot")), "T")
        body = render(hostile(text))

        Gitlab(login).put_note(1, body, marker=MARKER)

        assert project.quick_actions == []
        assert request["state"] == "opened"
        assert [note["body"] for note in project.notes["merge_requests", 1]] == [body]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=MOST))
def test_words_are_read_as_they_were_written(text: str) -> None:
    shown = html.unescape(code(text).removeprefix("<code>").removesuffix("</code>"))

    kept = [c for c in text if c.isprintable() and ord(c) < 0x2000 and not c.isspace()]
    assert [c for c in shown if c in kept] == kept or "\x1b" in text


def test_a_block_shows_the_last_lines() -> None:
    assert block("1\n2\n3\n4", lines=2) == (
        "<pre><code>&#40;2 lines before&#41;\n3\n4</code></pre>"
    )


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://a.example/x y", '"', None])
def test_what_is_no_address_is_no_link(address: str | None) -> None:
    assert link("x", address) == "<code>x</code>"


@pytest.mark.parametrize("value", ["text", None, 1.5, ["x"]])
def test_nothing_is_printed_that_nobody_vouched_for(value: Any) -> None:
    with pytest.raises(TypeError, match="is not Markdown"):
        only(value)
    assert only(Markdown("*x*")) == "*x*"


PROMOTED = PackageNote(
    "silx", "2.0", Standing.READY, moved=Moved.PROMOTED, move="channel testing → stable"
)
RETIRED = PackageNote("old", "1.0", Standing.READY, moved=Moved.RETIRED, move="retired: no | use")
RETURNED = replace(READY, moved=Moved.RETURNED, move="no longer retired")


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ((PROMOTED,), "✅ Ready: no image changes, 1 promoted"),
        ((PROMOTED, RETIRED), "✅ Ready: no image changes, 1 promoted, 1 retired"),
        (
            (PROMOTED, RETURNED),
            "✅ Ready: 1 package built, tested and accepted by the policy, 1 promoted, 1 returned",
        ),
        ((PROMOTED, FAILED), "❌ Failed: 1 of 2 packages"),
    ],
)
def test_what_is_moved_is_in_the_verdict(packages: tuple[PackageNote, ...], said: str) -> None:
    assert heading(Note(packages)) == said


def test_what_is_moved_has_a_row_and_nothing_to_build() -> None:
    text = render(Note((PROMOTED, RETIRED)))

    assert (
        "| ✅ promoted | <code>silx</code> <code>2&#46;0</code> "
        "| <code>channel testing → stable</code> |  |  |  |  |  |  |"
    ) in text
    assert "<code>retired&#58; no &#124; use</code>" in text
    assert "How to try it" not in text


def test_what_is_returned_is_built_as_any_other() -> None:
    text = render(Note((RETIRED, RETURNED)))

    assert "| ✅ returned | <code>pyfai</code>" in text
    assert "| <code>no longer retired</code> | built in 41.3 s | 12 of 12 |" in text
    assert "pansoft build pyfai" in html.unescape(text)


def test_what_fails_of_a_returned_one_has_failed() -> None:
    assert "| ❌ failed |" in render(Note((replace(RETURNED, standing=Standing.FAILED),)))
