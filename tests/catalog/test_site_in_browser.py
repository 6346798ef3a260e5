# SPDX-License-Identifier: BSD-3-Clause
"""The site in a real headless Chromium, from file:// URLs: what a person does, and what must not happen."""

from __future__ import annotations

import contextlib
import itertools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from catalog.render import render
from core.process import which
from tests.catalog import samples

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
PAGES = ["index.html", *(f"packages/{e.name}/index.html" for e in samples.everything())]

CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(color) && color !== "transparent") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${e.tagName} ${e.className} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """Give the site where a mounted repository would have it."""
    with tempfile.TemporaryDirectory(prefix="mount ") as folder:
        target = Path(folder).resolve() / "testing" / "catalog"
        target.parent.mkdir()
        render(samples.everything(), target, fqrn=samples.FQRN, revision=17)
        yield target


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser, Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@contextlib.contextmanager
def visit(browser: Browser, url: Path, **options: Any) -> Iterator[Page]:
    """Open a page; it must not complain on the console, nor ask for anything but files."""
    context = browser.new_context(**options)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    page.on("request", lambda r: None if r.url.startswith("file://") else said.append(r.url))
    page.on("requestfailed", lambda request: said.append(f"failed {request.url}"))
    try:
        page.goto(url.as_uri())
        yield page
        assert said == []
    finally:
        context.close()


def shown(page: Page) -> list[str | None]:
    """Return the names of the packages that are seen, in their order."""
    rows = page.locator("li.package:visible")
    return [rows.nth(i).get_attribute("data-name") for i in range(rows.count())]


def test_the_index_lists_every_package(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        assert shown(page) == ["hdf5-tools", "phaser", "pyfai", "zz-hostile"]
        expect(page.get_by_role("status")).to_have_text("4 in all")


def test_typing_filters_by_name_technique_and_command(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        for text, names in {
            "h5dump": ["hdf5-tools"],
            "SAXS": ["pyfai"],
            "ptycho": ["phaser"],
            "gpu": ["phaser", "pyfai"],
            "no such thing": [],
            "": ["hdf5-tools", "phaser", "pyfai", "zz-hostile"],
        }.items():
            page.get_by_label("Search").fill(text)
            assert shown(page) == names


def test_the_page_searches_as_the_command_line_does(browser: Browser, site: Path) -> None:
    from catalog.search import search

    with visit(browser, site / "index.html") as page:
        for text in ("python", "p", "diffraction files", "pyfai", "MIT", "Notebook", "esrf tools"):
            page.get_by_label("Search").fill(text)
            assert shown(page) == [entry.name for entry in search(samples.everything(), [text])]


def test_filters_narrow_and_are_kept_in_the_address(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        page.get_by_label("Works with").select_option("GPU")
        page.get_by_label("Facility").select_option("SOLEIL")
        page.get_by_label("Search").fill("saxs")
        address = page.url
        assert shown(page) == ["pyfai"]

        page.goto((site / "index.html").as_uri())
        page.goto(address)

        assert shown(page) == ["pyfai"]
        expect(page.get_by_label("Works with")).to_have_value("GPU")


def test_nothing_found_offers_the_way_back(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        page.get_by_label("Search").fill("no such thing")
        page.get_by_role("button", name="Show all packages").click()

        assert len(shown(page)) == 4
        expect(page.get_by_label("Search")).to_be_focused()


def test_a_page_tells_what_people_look_for(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        page.get_by_role("link", name="pyFAI", exact=True).click()

        main = page.locator("main")
        for fact in (
            "2026.9.0",
            "MIT",
            "284.0 MB",
            "178.0 MB over debian-12-python",
            "8FD3 8FD3",
            "Accepted under version 2026.1 of the trust policy",
            "every input is pinned by its sha256",
            "writes and reads a file",
            "1.90 s",
            "small angle x-ray scattering",
            "Ada Beam",
        ):
            expect(main).to_contain_text(fact)
        cite = page.get_by_role("link", name="https://doi.org/10.1107/S1600576715004306")
        expect(cite).to_be_visible()


def test_commands_name_the_place_where_the_repository_lies(browser: Browser, site: Path) -> None:
    mount = site.parent.parent
    with visit(browser, site / "packages/hdf5-tools/index.html") as page:
        expect(page.locator("pre").first).to_contain_text(f". '{mount}'/testing/setup.sh")


def test_commands_are_copied(browser: Browser, site: Path) -> None:
    with visit(
        browser,
        site / "packages/hdf5-tools/index.html",
        permissions=["clipboard-read", "clipboard-write"],
    ) as page:
        page.get_by_role("button", name="Copy these commands").first.click()
        expect(page.get_by_role("button", name="Copy these commands").first).to_have_text("Copied")

        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith("/testing/setup.sh\nh5dump")


@pytest.mark.parametrize("path", PAGES)
def test_everything_is_readable_without_javascript(browser: Browser, site: Path, path: str) -> None:
    with visit(browser, site / path, java_script_enabled=False) as page:
        expect(page.locator("form")).to_have_count(0 if "packages/" in path else 1)
        expect(page.locator("form:visible")).to_have_count(0)
        expect(page.locator("main")).to_contain_text(re.compile(r"setup\.sh"))
        if path == "index.html":
            assert len(shown(page)) == 4
        else:
            expect(page.locator("pre").first).to_contain_text(f"/cvmfs/{samples.FQRN}/")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [320, 390, 820])
def test_a_narrow_screen_needs_no_scrolling_sideways(
    browser: Browser, site: Path, path: str, width: int
) -> None:
    with visit(browser, site / path, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(
    browser: Browser, site: Path, path: str, scheme: str
) -> None:
    with visit(browser, site / path, color_scheme=scheme) as page:
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(22, 24, 26)") == (scheme == "dark")
        assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_screen_reader_finds_its_way(browser: Browser, site: Path, path: str) -> None:
    with visit(browser, site / path) as page:
        for landmark in ("banner", "main", "contentinfo"):
            expect(page.get_by_role(landmark)).to_have_count(1)
        levels = page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility())"
            ".map(h => Number(h.tagName[1]))"
        )
        assert levels.count(1) == levels[:1].count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        nameless = page.evaluate(
            "[...document.querySelectorAll('input,select')].filter(f => !f.labels.length).length"
            " + [...document.querySelectorAll('a,button')].filter(e => !e.textContent.trim()).length"
            " + [...document.querySelectorAll('table')].filter(t => !t.querySelector('th[scope=col]')).length"
        )
        assert nameless == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        pointed_at = page.evaluate(
            "[...document.querySelectorAll('[aria-labelledby],[aria-describedby]')].map("
            "e => e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby'))"
        )
        assert set(pointed_at) <= set(ids)
        assert page.evaluate("document.documentElement.lang") == "en"


def test_the_keyboard_is_enough(browser: Browser, site: Path) -> None:
    with visit(browser, site / "index.html") as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()

        page.keyboard.press("/")
        expect(page.get_by_label("Search")).to_be_focused()
        page.keyboard.type("pyfai/")
        expect(page.get_by_label("Search")).to_have_value("pyfai/")
        page.keyboard.press("Backspace")

        link = page.get_by_role("link", name="pyFAI", exact=True)
        for _ in range(12):
            if link.evaluate("e => e === document.activeElement"):
                break
            page.keyboard.press("Tab")
        outline = link.evaluate(
            "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth"
        )
        assert outline == "solid3px"
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("pyFAI")


@pytest.mark.parametrize("path", ["index.html", "packages/zz-hostile/index.html"])
def test_hostile_text_does_nothing(browser: Browser, site: Path, path: str) -> None:
    with visit(browser, site / path) as page:
        assert "owned" not in page.title() or "</script>" in page.title()
        assert page.title() != "owned"
        expect(page.locator("img")).to_have_count(0)
        assert (
            page.evaluate("[...document.links].filter(a => a.protocol === 'javascript:').length")
            == 0
        )
        assert page.evaluate("[...document.querySelectorAll('[onclick],[onerror]')].length") == 0
