# SPDX-License-Identifier: BSD-3-Clause
"""The site as bytes: complete, the same twice, and harmless whatever a recipe says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from catalog import words
from catalog.entry import read_entry
from catalog.render import render, site_of
from tests.catalog import samples
from tests.catalog.golden import same_as_golden

SITE = site_of(samples.everything(), fqrn=samples.FQRN, revision=17)
PAGES = [path for path in SITE if path.endswith(".html")]


class Elements(HTMLParser):
    """Collects elements and text; refuses tags that do not nest."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> set[str]:
        """Return everything the page refers to."""
        return {a[key] or "" for _, a in self.all for key in ("href", "src") if key in a}


def test_the_site_has_these_files() -> None:
    assert list(SITE) == [
        "index.html",
        "index.json",
        *(
            f"packages/{name}/{file}"
            for name in ("hdf5-tools", "phaser", "pyfai", "zz-hostile")
            for file in ("entry.json", "index.html")
        ),
        "static/search-data.js",
        "static/search.js",
        "static/site.css",
        "static/site.js",
    ]


def test_the_same_entries_in_any_order_give_the_same_bytes() -> None:
    again = site_of(reversed(samples.everything()), fqrn=samples.FQRN, revision=17)

    assert again == SITE


def test_a_package_page_is_the_golden_one() -> None:
    assert same_as_golden("site/hdf5-tools.html", SITE["packages/hdf5-tools/index.html"])


def test_the_index_for_programs_is_the_golden_one() -> None:
    site = site_of([samples.entry(), samples.pyfai()], fqrn=samples.FQRN, revision=17)

    assert same_as_golden("site/index.json", site["index.json"])


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_well_formed_and_stays_at_home(path: str) -> None:
    page = Elements(SITE[path])

    for tag, attributes in page.all:
        assert not [name for name in attributes if name.startswith("on")]
        if tag in ("script", "link", "img"):
            target = attributes.get("src") or attributes.get("href") or ""
            assert str((Path("/") / path).parent.joinpath(target).resolve())[1:] in SITE
        if tag == "script":
            assert attributes.keys() == {"src", "defer"}


@pytest.mark.parametrize("path", PAGES)
def test_every_link_within_the_site_leads_somewhere(path: str) -> None:
    page = Elements(SITE[path])
    ids = {attributes.get("id") for _, attributes in page.all}

    for link in page.links():
        if link.startswith("#"):
            assert link[1:] in ids
        elif not link.startswith(("http://", "https://", "mailto:")):
            assert str((Path("/") / path).parent.joinpath(link).resolve())[1:] in SITE


def test_hostile_text_is_text() -> None:
    page = Elements(SITE["packages/zz-hostile/index.html"])

    assert [tag for tag, _ in page.all if tag in ("script", "img")] == ["script"]
    assert not [link for link in page.links() if link.startswith("javascript")]
    assert "</script><script>document.title='owned'</script>" in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text


def test_hostile_text_does_not_leave_the_search_data() -> None:
    data = SITE["static/search-data.js"].decode()

    assert "<" not in data
    rows = json.loads(data.removeprefix("window.pansoftPackages = ").rstrip(";\n"))
    assert [row["name"] for row in rows] == ["hdf5-tools", "phaser", "pyfai", "zz-hostile"]


def test_an_entry_of_the_site_is_the_entry() -> None:
    content = SITE["packages/pyfai/entry.json"]

    assert read_entry(content, file=Path("entry.json")) == samples.pyfai()


def test_older_versions_are_listed_and_the_page_is_about_the_newest() -> None:
    old = samples.entry(version="1.8", published="2025-01-01T00:00:00Z")

    site = site_of([old, samples.entry()], fqrn=samples.FQRN)

    page = " ".join(Elements(site["packages/hdf5-tools/index.html"]).text.split())
    assert "1.10.8testing2 Mar 202699.8 MB 1.8testing1 Jan 202599.8 MB" in page
    assert json.loads(site["packages/hdf5-tools/entry.json"])["version"] == "1.10.8"


def test_the_time_of_the_pages_is_the_newest_entrys_or_the_one_given() -> None:
    given = site_of([], fqrn=samples.FQRN, generated_at=datetime(2026, 5, 1, tzinfo=UTC))

    assert json.loads(SITE["index.json"])["generated_at"] == "2026-03-05T14:00:00Z"
    assert json.loads(given["index.json"])["generated_at"] == "2026-05-01T00:00:00Z"


def test_an_empty_repository_has_a_page_that_says_so() -> None:
    site = site_of([], fqrn=samples.FQRN)

    assert "Nothing is published yet." in Elements(site["index.html"]).text


def test_what_the_law_and_the_policy_say_is_on_the_page() -> None:
    text = " ".join(Elements(SITE["packages/phaser/index.html"]).text.split())

    assert "This image may be given to partner facilities only." in text
    assert "without it: 3 days in testing, 7 are asked" in text
    assert "Supported until" in text
    assert "Replaced by pyfai." in text


def test_a_site_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "catalog"
    render(samples.everything(), target, fqrn=samples.FQRN)
    render([samples.entry()], target, fqrn=samples.FQRN)

    assert [folder.name for folder in (target / "packages").iterdir()] == ["hdf5-tools"]
    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00 s"), (9.994, "9.99 s"), (14.25, "14.2 s"), (200.4, "3 min 20 s")],
)
def test_times_are_readable(value: float, text: str) -> None:
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("spdx", "links"),
    [
        ("MIT", ["https://spdx.org/licenses/MIT.html"]),
        (
            "(GPL-2.0-or-later WITH GCC-exception-2.0) AND LicenseRef-x",
            [
                "https://spdx.org/licenses/GPL-2.0-or-later.html",
                "https://spdx.org/licenses/GCC-exception-2.0.html",
            ],
        ),
        ("<b>", []),
    ],
)
def test_each_listed_licence_is_linked(spdx: str, links: list[str]) -> None:
    pieces = words.license_words(spdx)

    assert "".join(piece.text for piece in pieces) == spdx
    assert [piece.link for piece in pieces if piece.link] == links


def test_a_waiver_stands_at_the_top_of_the_page_with_its_reason_and_its_end(tmp_path: Path) -> None:
    site = render([samples.partners_only()], tmp_path / "site", fqrn=samples.FQRN)

    page = site["packages/phaser/index.html"].decode()
    note = page.index("Accepted by exception")
    assert note < page.index("How to run it")
    assert "waived until 2026-04-01 12:00 UTC by Ada Beam, Bob Slit" in page[note : note + 400]
    assert page.index("no, waived") < page.index("may be given to partners")
    assert "under version <span" in page
